"""The reference fleet and a router before it, each server a process of its own and everything as
shipped; and the tables at the end of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from router_service.config.reference import REFERENCE_CONFIG
from router_service.testing import FakeFleet, reference_specs

from ..routers import RouterProcess, as_process
from .report import TABLES
from .verdicts import Truth


@dataclass(frozen=True)
class Stage:
    """Where a game day takes place."""

    fleet: FakeFleet
    config: Path
    """The shipped routing config with the fleet's addresses."""
    environment: dict[str, str]
    truth: Truth


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The paced reference fleet as processes."""
    async with FakeFleet(reference_specs(paced=True), processes=True) as fleet:
        config = fleet.routing_config(REFERENCE_CONFIG)
        truth = Truth(YAML(typ="safe").load(config))
        yield Stage(fleet, config, fleet.environment(config), truth)


@pytest.fixture
async def router(stage: Stage, tmp_path: Path) -> AsyncIterator[RouterProcess]:
    """A router before it with the shipped settings."""
    async with as_process(stage.config, tmp_path, environment=stage.environment) as running:
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show what the game days found, where there were any."""
    if TABLES:
        terminalreporter.section("game days")
        terminalreporter.write_line("\n\n".join(TABLES))

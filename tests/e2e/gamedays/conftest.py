"""The stage and a router on it, everything as shipped; and the tables at the end of the run."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from e2e.routers import RouterProcess, as_process

from .report import TABLES
from .stage import Stage, set_up


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    """The paced reference fleet as processes."""
    async with set_up() as standing:
        yield standing


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

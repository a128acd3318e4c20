"""Where game days and the soak take place: the paced reference fleet, each provider a process of
its own, and the shipped routing config that points at it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from router_service.config.reference import REFERENCE_CONFIG
from router_service.testing import FakeFleet, reference_specs

from .verdicts import Truth


@dataclass(frozen=True)
class Stage:
    """A running fleet."""

    fleet: FakeFleet
    config: Path
    """The shipped routing config with the fleet's addresses."""
    environment: dict[str, str]
    document: dict[str, Any]
    """The config, parsed."""

    @property
    def truth(self) -> Truth:
        return Truth(self.document)


@contextlib.asynccontextmanager
async def set_up() -> AsyncIterator[Stage]:
    """The fleet, for as long as the block."""
    async with FakeFleet(reference_specs(paced=True), processes=True) as fleet:
        config = fleet.routing_config(REFERENCE_CONFIG)
        document = YAML(typ="safe").load(config)
        yield Stage(fleet, config, fleet.environment(config), document)

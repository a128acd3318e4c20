"""What these tests share: the small fleet in this process, and a router before it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

pytest.importorskip("router_service._core", reason="the core is not built")

from router_service.testing import FakeFleet

from . import equals, small_fleet
from .routers import InProcessRouter, in_process


@pytest.fixture
async def fleet() -> AsyncIterator[FakeFleet]:
    """The small fleet, healthy and instant."""
    async with FakeFleet(small_fleet.specs()) as running:
        yield running


@pytest.fixture
def routing(fleet: FakeFleet, tmp_path: Path) -> Path:
    """A routing config for the small fleet."""
    return small_fleet.written(small_fleet.routing(fleet.addresses), tmp_path / "routing.yaml")


@pytest.fixture
async def router(
    routing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[InProcessRouter]:
    """A router in this process before the small fleet."""
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)
    async with in_process(routing, tmp_path) as running:
        yield running


@pytest.fixture
def patient(fleet: FakeFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A routing config whose limits end nothing within a test."""
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)
    document = small_fleet.routing(
        fleet.addresses, patience_ms=60_000, router_settings={"timeout": 60}
    )
    return small_fleet.written(document, tmp_path / "patient.yaml")


@pytest.fixture
async def patient_router(patient: Path, tmp_path: Path) -> AsyncIterator[InProcessRouter]:
    """A router whose own limits end nothing within a test."""
    async with in_process(patient, tmp_path) as running:
        yield running


@pytest.fixture
async def paced() -> AsyncIterator[FakeFleet]:
    """Equals at a natural pace."""
    async with FakeFleet(equals.specs()) as running:
        yield running


@pytest.fixture
def paced_file(paced: FakeFleet, tmp_path: Path) -> Path:
    """The routing config before them, to be rewritten and reloaded."""
    return small_fleet.written(equals.everybody(paced), tmp_path / "routing.yaml")


@pytest.fixture
async def paced_router(paced_file: Path, tmp_path: Path) -> AsyncIterator[InProcessRouter]:
    """A router before them that polls often, and reloads only when it is told to."""
    settings = {
        "polling": {"load_interval_s": 0.2, "health_interval_s": 0.2},
        "reload": {"on_change": False},
    }
    async with in_process(paced_file, tmp_path, settings) as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def face(request: pytest.FixtureRequest) -> str:
    """Each of the two faces."""
    return str(request.param)


@pytest.fixture(params=[False, True], ids=["whole", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    """Answers whole and streamed."""
    return bool(request.param)

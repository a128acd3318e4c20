"""What the tests of this folder share: real backends, the fake fleet, and routers in front of them.

Servers live as long as the session; the fake fleet is healthy again before each test.
"""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
import pytest_asyncio
from ruamel.yaml import YAML

from router_service.config.reference import REFERENCE_CONFIG
from router_service.testing import FakeFleet

from .backends import Backend, llama_cpp_server, ollama_server, routing_config
from .prepare import LLAMA_PYTHON, tool
from .router import RunningRouter, running_router

API_KEY = "real-test-key"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """An ordinary run neither needs nor imports the packages these tests use."""
    return True if "not real" in config.option.markexpr else None


def found(name: str) -> Path:
    """A program that prepare.py installs, or one on PATH; without it the test is skipped, and in
    CI it fails."""
    program = tool(name) if tool(name).exists() else shutil.which(name)
    if program is None:
        missing(f"{name} is not installed")
    return Path(program)


def missing(what: str) -> NoReturn:
    """Skip, or fail in CI."""
    reason = f"{what}; run: python tests/real/prepare.py"
    if os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def ghz() -> Path:
    return found("ghz")


@pytest.fixture(scope="session")
def grpcurl() -> Path:
    return found("grpcurl")


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from .tiny_model import write_tiny_model

    return write_tiny_model(tmp_path_factory.mktemp("model") / "tiny.gguf")


@pytest.fixture(scope="session")
def llama_cpp(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """llama-cpp-python's server."""
    if not LLAMA_PYTHON.exists():
        missing("llama-cpp-python is not installed")
    with llama_cpp_server(tiny_model, tmp_path_factory.mktemp("llama_cpp")) as backend:
        yield backend


@pytest.fixture(scope="session")
def ollama(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Ollama."""
    folder = tmp_path_factory.mktemp("ollama")
    with ollama_server(found("ollama"), tiny_model, folder) as backend:
        yield backend


@pytest.fixture(scope="session")
def llama_router(
    llama_cpp: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRouter]:
    folder = tmp_path_factory.mktemp("llama_router")
    routing = routing_config(
        folder / "routing.json", "openai", llama_cpp.base_url, stream_whole_answers=False
    )
    with running_router(routing, folder) as router:
        yield router


@pytest.fixture(scope="session")
def ollama_router(
    ollama: Backend, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRouter]:
    folder = tmp_path_factory.mktemp("ollama_router")
    routing = routing_config(folder / "routing.json", "ollama", ollama.base_url)
    with running_router(routing, folder) as router:
        yield router


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def running_fleet() -> AsyncIterator[FakeFleet]:
    async with FakeFleet() as fleet:
        yield fleet


@pytest_asyncio.fixture(loop_scope="session")
async def fleet(running_fleet: FakeFleet) -> FakeFleet:
    """The reference fleet, healthy."""
    for provider_id in running_fleet.addresses:
        await running_fleet[provider_id].reset()
    return running_fleet


@pytest.fixture(scope="session")
def fleet_router(
    running_fleet: FakeFleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRouter]:
    """The shipped routing config in front of the fake fleet."""
    routing = running_fleet.routing_config(REFERENCE_CONFIG)
    folder = tmp_path_factory.mktemp("fleet_router")
    environment = running_fleet.environment(routing)
    with running_router(routing, folder, environment, polling=False) as router:
        yield router


@pytest.fixture(scope="session")
def guarded_router(
    running_fleet: FakeFleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRouter]:
    """As fleet_router, but it wants API_KEY."""
    routing = running_fleet.routing_config(REFERENCE_CONFIG)
    environment = running_fleet.environment(routing) | {"ROUTER_SERVICE_API_KEYS": API_KEY}
    folder = tmp_path_factory.mktemp("guarded")
    with running_router(routing, folder, environment, polling=False) as router:
        yield router


@pytest.fixture(scope="session")
def rejecting_router(
    running_fleet: FakeFleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRouter]:
    """As fleet_router, but a model it does not know is refused."""
    folder = tmp_path_factory.mktemp("rejecting")

    def change(config: dict[str, Any]) -> None:
        config["unknown_model"] = "reject"

    with running_changed(running_fleet, folder, change) as router:
        yield router


@pytest.fixture(scope="session")
def roomy_router(
    running_fleet: FakeFleet, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningRouter]:
    """As fleet_router, but permits that are never reported do not fill it up."""
    folder = tmp_path_factory.mktemp("roomy")

    def change(config: dict[str, Any]) -> None:
        for provider in config["providers"].values():
            provider["capacity"] = 1_000_000

    with running_changed(running_fleet, folder, change) as router:
        yield router


@contextlib.contextmanager
def running_changed(
    fleet: FakeFleet, folder: Path, change: Callable[[dict[str, Any]], None]
) -> Iterator[RunningRouter]:
    """A router with the shipped config after a change, in front of the fleet."""
    shipped = fleet.routing_config(REFERENCE_CONFIG)
    config = YAML().load(shipped)
    change(config)
    routing = folder / "routing.yaml"
    YAML().dump(config, routing)
    environment = fleet.environment(routing)
    with running_router(routing, folder, environment, polling=False) as router:
        yield router

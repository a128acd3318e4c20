"""A router before a fleet: inside this process, or as a process that a user would start.

Both write their access log to a file, which says how each request ended.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import logging
import os
import re
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import grpc.aio

from router_service.app import Service, running
from router_service.config.routing import load_routing
from router_service.service_config import ServiceConfig

from .callers import Caller, GrpcCaller, HttpCaller

COMMAND = (sys.executable, "-c", "from router_service.cli import main; main()")
"""What the console script does, without asking where it was installed."""

SETTLE_S = 5.0
"""Longest wait for what must become true."""

_READY = re.compile(r"ready: gRPC on (?P<grpc>\S+), HTTP on (?P<http>http://[^\s,]+)")
_IN_FLIGHT = re.compile(r'^router_in_flight\{provider="([^"]+)"\} ([0-9.]+)$', re.MULTILINE)
_START_S = 30.0
_STOP_S = 20.0
_POLL_S = 0.02
_DROPPED = re.compile(r"(https?|all|no)_proxy$|^(ROUTER_SERVICE|OTEL)_", re.IGNORECASE)


async def until(true: Callable[[], Any], what: str, within_s: float = SETTLE_S) -> Any:
    """Ask until the answer, which may have to be awaited, is true; and give it back."""
    found: Any = None
    try:
        async with asyncio.timeout(within_s):
            while not found:
                found = true()
                if inspect.isawaitable(found):
                    found = await found
                if not found:
                    await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise AssertionError(f"not within {within_s:g} s: {what}") from None
    return found


class AccessLog:
    """The lines a router wrote about its requests."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def lines(self) -> list[str]:
        return self.path.read_text().splitlines() if self.path.exists() else []

    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines() if line.startswith("{")]

    async def of(self, request_id: str) -> dict[str, Any]:
        """The line of a request, waited for."""

        def found() -> dict[str, Any] | None:
            return next((r for r in self.requests() if r["request_id"] == request_id), None)

        line: dict[str, Any] = await until(found, f"a log line of request {request_id}")
        return line


@dataclass(frozen=True)
class Router:
    """A running router and callers of both its faces."""

    http: HttpCaller
    grpc: GrpcCaller
    access_log: AccessLog

    def face(self, name: str) -> Caller:
        return self.grpc if name == "grpc" else self.http

    async def in_flight(self) -> dict[str, int]:
        """Requests in flight by provider, as /metrics tells."""
        async with self.http.session.get(f"{self.http.url}/metrics") as response:
            text = await response.text()
        found = re.findall(
            r'^router_in_flight\{provider="([^"]+)"\} ([0-9.]+)$', text, re.MULTILINE
        )
        assert found, text
        return {provider: int(float(running)) for provider, running in found}

    async def idle(self) -> None:
        """Wait until nothing is in flight. Raises AssertionError."""
        await until(self._is_idle, f"nothing is in flight, of {await self.in_flight()}")

    async def _is_idle(self) -> bool:
        return not any((await self.in_flight()).values())


@dataclass(frozen=True)
class InProcessRouter(Router):
    """A router in this process, whose inside can be looked at."""

    service: Service
    tracebacks: list[str]
    """Messages it logged with an exception."""

    async def idle(self) -> None:
        await super().idle()
        assert self.tracebacks == []

    async def _is_idle(self) -> bool:
        inside = (*self.service.router.in_flight().values(), self.service.admission.running)
        return await super()._is_idle() and not any(inside)


@contextlib.asynccontextmanager
async def in_process(
    routing: Path, folder: Path, settings: Mapping[str, Any] | None = None
) -> AsyncIterator[InProcessRouter]:
    """A router on free ports inside this process; it leaves no task behind."""
    log = folder / "access.log"
    config = ServiceConfig.model_validate_json(json.dumps(service_settings(log, settings)))
    before = asyncio.all_tasks()
    with _logging_restored():
        load = partial(load_routing, routing)
        async with running(config, load(), load) as service:
            logged = _Kept()
            logging.getLogger().addHandler(logged)
            http = f"http://127.0.0.1:{service.http_port}"
            target = f"127.0.0.1:{service.grpc_port}"
            async with _clients(http, target) as callers:
                yield InProcessRouter(*callers, AccessLog(log), service, logged.tracebacks)
    await until(lambda: not _others(before), f"the router's tasks have ended: {_others(before)}")


def _others(before: set[asyncio.Task[Any]]) -> set[asyncio.Task[Any]]:
    """Tasks begun since, but for the one that asks."""
    return asyncio.all_tasks() - before - {asyncio.current_task()}


@dataclass(frozen=True)
class RouterProcess(Router):
    """`router-service serve`."""

    process: Process
    log: Path
    """Its stderr."""
    grpc_target: str
    """Where its gRPC face listens."""

    async def stopped(self) -> int:
        """The exit code, once it has ended."""
        async with asyncio.timeout(_STOP_S):
            return await self.process.wait()


@contextlib.asynccontextmanager
async def as_process(
    routing: Path | None,
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
) -> AsyncIterator[RouterProcess]:
    """A router as a user runs it, on free ports; ended with the block. `routing` None names no
    routing config."""
    access_log, log, service = folder / "access.log", folder / "router.log", folder / "service.json"
    service.write_text(json.dumps(service_settings(access_log, settings)))
    named = () if routing is None else ("--config", str(routing))
    options = (*named, "--service-config", str(service))
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            *(*COMMAND, "serve", *options),
            stdin=DEVNULL,
            stdout=output,
            stderr=output,
            env=clean_environment(environment),
        )
    try:
        ready = await until(lambda: _ready(process, log), "the router is ready", _START_S)
        async with _clients(ready["http"], ready["grpc"]) as callers:
            yield RouterProcess(*callers, AccessLog(access_log), process, log, ready["grpc"])
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


def _ready(process: Process, log: Path) -> re.Match[str] | None:
    text = log.read_text(errors="replace")
    assert process.returncode is None, f"the router ended with {process.returncode}:\n{text}"
    return _READY.search(text)


async def command(
    *arguments: str, environment: Mapping[str, str] | None = None
) -> tuple[int | None, str]:
    """Run a command that is to end by itself: exit code, and all it wrote."""
    process = await asyncio.create_subprocess_exec(
        *(*COMMAND, *arguments),
        stdin=DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env=clean_environment(environment),
    )
    try:
        async with asyncio.timeout(_START_S):
            output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return process.returncode, output.decode()


def service_settings(log: Path, settings: Mapping[str, Any] | None) -> dict[str, Any]:
    """A service config on free ports; settings replace or add sections."""
    own = {
        "grpc": {"port": 0},
        "http": {"port": 0},
        "logging": {"access_log": str(log), "level": "info"},
        "decision_log": {"file": str(log.with_name("decisions.jsonl"))},
    }
    given = dict(settings or {})
    return given | {name: section | given.get(name, {}) for name, section in own.items()}


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change a router, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not _DROPPED.search(name)}
    return kept | dict(extra or {})


@contextlib.asynccontextmanager
async def _clients(http: str, target: str) -> AsyncIterator[tuple[HttpCaller, GrpcCaller]]:
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector) as session,
        grpc.aio.insecure_channel(target, options=_CHANNEL_OPTIONS) as channel,
    ):
        yield HttpCaller(session, http), GrpcCaller(channel)


_CHANNEL_OPTIONS: Sequence[tuple[str, Any]] = (
    ("grpc.enable_http_proxy", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
    ("grpc.max_receive_message_length", -1),
)


class _Kept(logging.Handler):
    """Keeps the messages that came with an exception."""

    def __init__(self) -> None:
        super().__init__()
        self.tracebacks: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info:
            self.tracebacks.append(self.format(record))


@contextlib.contextmanager
def _logging_restored() -> Iterator[None]:
    """The router sets up logging for its own process, which this one is not."""
    root, package = logging.getLogger(), logging.getLogger("router_service")
    handlers, levels = list(root.handlers), (root.level, package.level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        package.setLevel(levels[1])

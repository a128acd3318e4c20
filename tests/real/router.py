"""The router as a user runs it: `router-service serve` in a process of its own, on free ports.

Beside its addresses it gives its access log, which says how each request ended.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from router_service.v1 import router_pb2_grpc

from .processes import running, stop, wait_for
from .waiting import eventually

SERVE = (sys.executable, "-c", "from router_service.cli import main; main()", "serve")
"""What the console script does, without asking where it was installed."""

_READY = re.compile(r"ready: gRPC on (?P<grpc>\S+), HTTP on (?P<http>http://[^\s,]+)")


@dataclass(frozen=True)
class RunningRouter:
    """Where a router listens and what it writes."""

    grpc: str
    """host:port of the gRPC face."""
    http: str
    """Base URL of the HTTP face, without /v1."""
    access_log: Path

    @property
    def openai(self) -> str:
        """Base URL for OpenAI clients."""
        return f"{self.http}/v1"

    @contextlib.asynccontextmanager
    async def stub(self) -> AsyncIterator[router_pb2_grpc.RouterServiceStub]:
        """A client of the gRPC face."""
        async with grpc.aio.insecure_channel(self.grpc) as channel:
            yield router_pb2_grpc.RouterServiceStub(channel)  # type: ignore[no-untyped-call]

    async def logged(self, request_id: str) -> dict[str, Any]:
        """The access log's line of a request, waited for. Raises TimeoutError."""

        async def line() -> dict[str, Any] | None:
            whole_lines = self.access_log.read_text().split("\n")[:-1]
            records = (json.loads(text) for text in whole_lines if text.startswith("{"))
            return next((found for found in records if found["request_id"] == request_id), None)

        return await eventually(line)


@contextlib.contextmanager
def running_router(
    routing: Path,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    polling: bool = True,
) -> Iterator[RunningRouter]:
    """A router with this routing config; its own files lie in `folder`.

    Without `polling` it asks nobody for load: a fake fleet in this process answers only while a
    test runs, and polls in between would pile up on its sockets.

    Raises AssertionError where it does not come up, or does not end well when it is asked to.
    """
    log, access_log, service = (folder / f"router.{end}" for end in ("log", "access", "json"))
    access_log.touch()
    ports: dict[str, Any] = {"grpc": {"port": 0}, "http": {"port": 0}}
    settings = ports | {"logging": {"access_log": str(access_log)}}
    if not polling:
        settings["polling"] = {"load_interval_s": 0, "health_interval_s": 0}
    service.write_text(json.dumps(settings))
    command = [*SERVE, "--config", str(routing), "--service-config", str(service)]
    with running(command, log, environment) as process:
        ready = wait_for(process, log, lambda: _READY.search(log.read_text(errors="replace")))
        yield RunningRouter(ready["grpc"], ready["http"].rstrip("/"), access_log)
        assert stop(process) == 0, f"SIGTERM did not end the router well; see {log}"

"""The router as a user runs it: `router-service serve` in a process of its own, on free ports.

Beside its addresses it gives its access log, which says how each request ended.
"""

from __future__ import annotations

import contextlib
import json
import re
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from router_service.v1 import router_pb2_grpc

from .processes import running, stop, wait_for

SERVE = (sys.executable, "-c", "from router_service.cli import main; main()", "serve")
"""What the console script does, without asking where it was installed."""

_READY = re.compile(r"ready: gRPC on (?P<grpc>\S+), HTTP on (?P<http>http://[^\s,]+)")
_LOGGED_TIMEOUT_S = 20.0
_POLL_S = 0.05


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

    def logged(self, request_id: str) -> dict[str, Any]:
        """The access log's line of a request, waited for. Raises AssertionError."""
        deadline = time.monotonic() + _LOGGED_TIMEOUT_S
        while time.monotonic() < deadline:
            for line in self.access_log.read_text().splitlines():
                if line.startswith("{") and json.loads(line)["request_id"] == request_id:
                    return dict(json.loads(line))
            time.sleep(_POLL_S)
        raise AssertionError(f"{self.access_log} has no line of request {request_id}")


@contextlib.contextmanager
def running_router(
    routing: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[RunningRouter]:
    """A router with this routing config; its own files lie in `folder`.

    Raises AssertionError where it does not come up, or does not end well when it is asked to.
    """
    log, access_log, service = (folder / f"router.{end}" for end in ("log", "access", "json"))
    access_log.touch()
    ports = {"grpc": {"port": 0}, "http": {"port": 0}}
    service.write_text(json.dumps(ports | {"logging": {"access_log": str(access_log)}}))
    command = [*SERVE, "--config", str(routing), "--service-config", str(service)]
    with running(command, log, environment) as process:
        ready = wait_for(process, log, lambda: _READY.search(log.read_text(errors="replace")))
        yield RunningRouter(ready["grpc"], ready["http"].rstrip("/"), access_log)
        assert stop(process) == 0, f"SIGTERM did not end the router well; see {log}"

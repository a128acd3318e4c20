"""The router as a process of its own, started as a user would and stopped with SIGTERM.

Its messages go to a file, whose end is shown where it does not come up.
"""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import aiohttp

from router_service.service_config import load_service_config
from router_service.testing.sockets import listening_socket

SERVICE_CONFIG = Path(__file__).with_name("demo.yaml")
_READY_S = 30.0
_STOP_S = 15.0
_POLL_S = 0.05
_TAIL_LINES = 15
_COMMAND = "from router_service.cli import main; main()"
_OWN_VARIABLES = ("ROUTER_SERVICE_CONFIG", "ROUTER_SERVICE_API_KEYS")
"""Not handed down: the demo brings its own config, and no key."""


class RouterProcess:
    """`router-service serve` on the demo's service config. Use as an async context manager."""

    def __init__(self, routing: Path, environment: Mapping[str, str], folder: Path) -> None:
        service = load_service_config(SERVICE_CONFIG)
        self.grpc_port, self.grpc_moved = _free_port(service.grpc.port)
        self.http_port, self.http_moved = _free_port(service.http.port)
        self.log = folder / "router.log"
        self.exit_code: int | None = None
        self._routing = routing
        self._environment = environment
        self._process: Process | None = None

    async def __aenter__(self) -> Self:
        kept = {name: value for name, value in os.environ.items() if name not in _OWN_VARIABLES}
        arguments = {
            "--config": self._routing,
            "--service-config": SERVICE_CONFIG,
            "--grpc-port": self.grpc_port,
            "--http-port": self.http_port,
        }
        options = [str(part) for pair in arguments.items() for part in pair]
        with self.log.open("wb") as log:
            # A session of its own: Ctrl-C is for the demo, which then stops the router in order.
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _COMMAND, "serve", *options),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                env=kept | dict(self._environment),
                start_new_session=True,
            )
        try:
            await self._wait_until_ready(self._process)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL where that is not enough; leaves the exit code."""
        process, self._process = self._process, None
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                self.exit_code = await process.wait()
        except TimeoutError:
            process.kill()
            self.exit_code = await process.wait()

    async def _wait_until_ready(self, process: Process) -> None:
        """Raises OSError with the end of the log where it does not come up."""
        url = f"http://127.0.0.1:{self.http_port}/ready"
        timeout = aiohttp.ClientTimeout(total=2)
        try:
            async with asyncio.timeout(_READY_S), aiohttp.ClientSession(timeout=timeout) as session:
                while process.returncode is None:
                    if await _answers(session, url):
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise OSError(
                f"the router was not ready within {_READY_S:g} s:\n{self._tail()}"
            ) from None
        raise OSError(f"the router ended with code {process.returncode}:\n{self._tail()}")

    def _tail(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-_TAIL_LINES:])


async def _answers(session: aiohttp.ClientSession, url: str) -> bool:
    try:
        async with session.get(url) as response:
            return response.status == 200
    except (aiohttp.ClientError, TimeoutError):
        return False


def _free_port(wanted: int) -> tuple[int, bool]:
    """The wanted port, or a free one and True where it is taken."""
    try:
        listening_socket(wanted).close()
    except OSError:
        with listening_socket(0) as other:
            return int(other.getsockname()[1]), True
    return wanted, False

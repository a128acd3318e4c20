"""Servers as processes of their own: started, looked at through /proc, stopped.

What a process used is read from the kernel, so it does not depend on who else is busy.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_START_S = 30.0
_STOP_S = 40.0
_POLL_S = 0.004
_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    pid: int
    port: int
    grpc_port: int = 0
    ready_s: float = 0.0
    """From start to the first 200 of /ready."""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def grpc_address(self) -> str:
        return f"127.0.0.1:{self.grpc_port}"

    def cpu_s(self) -> float:
        """Processor time used so far, user and system."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S

    def resident_mb(self) -> float:
        status = Path(f"/proc/{self.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) / 1024


@asynccontextmanager
async def bare(module: str, argument: str) -> AsyncIterator[Server]:
    """A counterpart module, which prints its port once it listens."""
    command = (sys.executable, "-m", module, argument)
    async with _running(command, {}, stdout=asyncio.subprocess.PIPE) as process:
        if process.stdout is None:
            raise RuntimeError(f"{module} was started without an output to read its port from")
        async with asyncio.timeout(_START_S):
            line = await process.stdout.readline()
        if not line.strip():
            raise RuntimeError(f"{module} did not start; its own message is on stderr")
        yield Server(process.pid, int(line), grpc_port=int(line))


@asynccontextmanager
async def router(
    log: Path, config: Path | None = None, environment: Mapping[str, str] | None = None
) -> AsyncIterator[Server]:
    """`router-service serve`, all settings at their defaults; its logs go to a file."""
    http_port, grpc_port = _free_port(), _free_port()
    command = [sys.executable, "-c", "from router_service.cli import main; main()", "serve"]
    command += ["--http-port", str(http_port), "--grpc-port", str(grpc_port)]
    command += ["--config", str(config)] if config is not None else []
    begin = time.perf_counter()
    with log.open("wb") as output:
        async with _running(command, environment or {}, stderr=output) as process:
            await _until_ready(process, http_port, log)
            yield Server(process.pid, http_port, grpc_port, time.perf_counter() - begin)


@asynccontextmanager
async def _running(
    command: Sequence[str],
    environment: Mapping[str, str],
    stdout: int | None = None,
    stderr: IO[bytes] | None = None,
) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, env=os.environ | dict(environment), stdout=stdout, stderr=stderr
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until_ready(process: asyncio.subprocess.Process, port: int, log: Path) -> None:
    """Raises RuntimeError with the end of its log where it does not become ready."""
    deadline = time.monotonic() + _START_S
    while not await _is_ready(port):
        if process.returncode is not None or time.monotonic() > deadline:
            raise _not_ready(log)
        await asyncio.sleep(_POLL_S)


def _not_ready(log: Path) -> RuntimeError:
    return RuntimeError(f"router-service serve is not ready; it said: {log.read_text()[-2000:]}")


async def _is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(b"GET /ready HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        async with asyncio.timeout(_START_S):
            return b" 200 " in await reader.readline()
    except OSError:
        return False
    finally:
        writer.close()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

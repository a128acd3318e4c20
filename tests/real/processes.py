"""Servers as processes: started with their output in a file, waited for, and always ended.

A server that does not come up shows the end of that file.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

START_TIMEOUT_S = 180.0
_STOP_TIMEOUT_S = 15.0
_POLL_S = 0.1
_ANSWER_TIMEOUT_S = 5.0
_LOG_SHOWN = 4000

# Loopback is never reached through a proxy, and no setting of this machine changes the router.
_DROPPED = re.compile(r"(https?|all|no)_proxy$|^(ROUTER_SERVICE|OTEL|OLLAMA)_", re.IGNORECASE)
_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    """A process with its output in `log`; leaving the block ends it."""
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=clean_environment(environment),
        )
    try:
        yield process
    finally:
        stop(process)


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what would change a server, and with `extra`."""
    kept = {name: value for name, value in os.environ.items() if not _DROPPED.search(name)}
    return kept | {"PYTHONUNBUFFERED": "1"} | dict(extra or {})


def stop(process: subprocess.Popen[bytes]) -> int:
    """SIGTERM, then SIGKILL where that is not heard; returns the exit code."""
    process.terminate()
    try:
        return process.wait(_STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait(_STOP_TIMEOUT_S)


def wait_for(process: subprocess.Popen[bytes], log: Path, ready: Callable[[], T | None]) -> T:
    """Poll until `ready` gives something. Raises AssertionError with the end of the log."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        if (found := ready()) is not None:
            return found
        time.sleep(_POLL_S)
    state = "still starting" if process.returncode is None else f"ended: {process.returncode}"
    shown = log.read_text(errors="replace")[-_LOG_SHOWN:]
    raise AssertionError(f"{process.args!r} did not come up ({state}); its output:\n{shown}")


def answers(url: str) -> bool | None:
    """True once a GET answers 200, else None."""
    try:
        with _direct.open(url, timeout=_ANSWER_TIMEOUT_S) as response:
            return True if response.status == 200 else None
    except OSError:
        return None


def free_port() -> int:
    """A loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

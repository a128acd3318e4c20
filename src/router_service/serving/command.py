"""Runs an operator's command to its end: no shell, no input, a bounded memory of what it wrote, and
nothing of it left when its time is over."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from asyncio.subprocess import DEVNULL, PIPE, STDOUT, Process
from collections.abc import Sequence

MOST_KEPT = 2000
"""Bytes of the end of what it wrote."""

_CHUNK = 4096


class CommandFailed(Exception):
    """Could not be started, or ended with another code than 0; the text is for people."""


async def run(argv: Sequence[str]) -> None:
    """Run it and wait for it. Raises CommandFailed; cancelled, it kills the command's group."""
    try:
        process = await asyncio.create_subprocess_exec(
            *argv, stdin=DEVNULL, stdout=PIPE, stderr=STDOUT, start_new_session=True
        )
    except (OSError, ValueError) as problem:
        raise CommandFailed(f"{argv[0]} cannot be started: {problem}") from None
    try:
        said = await _end_of_output(process)
        code = await process.wait()
    finally:
        await _kill(process)
    if code != 0:
        how = f"was ended by signal {-code}" if code < 0 else f"ended with code {code}"
        raise CommandFailed(f"{argv[0]} {how}{f': {said}' if said else ''}")


async def _end_of_output(process: Process) -> str:
    kept = b""
    if process.stdout is not None:
        while chunk := await process.stdout.read(_CHUNK):
            kept = (kept + chunk)[-MOST_KEPT:]
    return kept.decode(errors="replace").strip()


async def _kill(process: Process) -> None:
    """End what is still there of one that was not waited for to the end."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()

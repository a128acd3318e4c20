"""Runs a client that is a program of its own, while the event loop goes on.

The fake fleet lives on that loop, so it has to answer in the meantime.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from .processes import clean_environment

_STOP_TIMEOUT_S = 10.0


async def output_of(
    program: Path,
    *arguments: str,
    timeout_s: float = 60,
    environment: Mapping[str, str] | None = None,
) -> str:
    """What it prints. Raises AssertionError with all its output where it ends with an error."""
    process = await asyncio.create_subprocess_exec(
        program,
        *arguments,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=clean_environment(environment),
    )
    try:
        async with asyncio.timeout(timeout_s):
            printed, complaint = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            async with asyncio.timeout(_STOP_TIMEOUT_S):
                await process.wait()
    text = printed.decode()
    assert process.returncode == 0, f"{program.name} failed: {complaint.decode()}{text}"
    return text

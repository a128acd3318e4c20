"""Waits for what another process will do soon, by looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")

_TIMEOUT_S = 30.0
_POLL_S = 0.05


async def eventually(look: Callable[[], Awaitable[T | None]]) -> T:
    """The first thing `look` finds. Raises TimeoutError."""
    async with asyncio.timeout(_TIMEOUT_S):
        while True:
            found = await look()
            if found is not None:
                return found
            await asyncio.sleep(_POLL_S)

"""What open streams do when this process begins to stop: they end at once and say so, instead of
holding up the stop until they are cut."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from router_service.errors import Draining

_POLL_S = 0.25


async def until_draining(ready: Callable[[], bool]) -> None:
    """Returns once ready() is false."""
    while ready():  # noqa: ASYNC110 # ready() is all there is to ask; a stop can wait a poll
        await asyncio.sleep(_POLL_S)


async def unless_draining(
    work: Coroutine[Any, Any, None], ready: Callable[[], bool], told: str
) -> None:
    """Do the work of a stream. Raises Draining with what callers are told once ready() is false;
    the work is cancelled then, as it is when the caller leaves."""
    serving = asyncio.create_task(work)
    draining = asyncio.create_task(until_draining(ready))
    try:
        await asyncio.wait({serving, draining}, return_when=asyncio.FIRST_COMPLETED)
        if not serving.done():
            raise Draining(told)
        await serving
    finally:
        serving.cancel()
        draining.cancel()
        await asyncio.gather(serving, draining, return_exceptions=True)

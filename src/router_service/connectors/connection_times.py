"""Times how long a session takes to make a connection, for who wants to know of one provider.
Apart from the connectors: a request under way has no use for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import SimpleNamespace

import aiohttp


def connection_times(on_connected: Callable[[float], None]) -> aiohttp.TraceConfig:
    """Tells `on_connected` the seconds of each connection made; one that failed is not told."""
    time = asyncio.get_running_loop().time

    async def begins(
        _: aiohttp.ClientSession,
        request: SimpleNamespace,
        __: aiohttp.TraceConnectionCreateStartParams,
    ) -> None:
        request.began = time()

    async def ends(
        _: aiohttp.ClientSession,
        request: SimpleNamespace,
        __: aiohttp.TraceConnectionCreateEndParams,
    ) -> None:
        on_connected(time() - request.began)

    trace = aiohttp.TraceConfig()
    trace.on_connection_create_start.append(begins)
    trace.on_connection_create_end.append(ends)
    return trace

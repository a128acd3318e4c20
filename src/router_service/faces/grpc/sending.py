"""Sends to callers that may read slowly. Flow control bounds what one leaves unread, and this the
time it may leave it, since the call keeps its slot until all is sent."""

from __future__ import annotations

import asyncio
from typing import Any

from router_service.errors import StreamBroken
from router_service.faces.grpc.caller import Context

WRITE_TIMEOUT_S = 30.0
"""Longest time a caller may leave a full buffer unread."""


async def write(context: Context, message: Any, timeout_s: float) -> None:
    """Write one message of a stream. Raises StreamBroken where the caller has stopped reading."""
    try:
        async with asyncio.timeout(timeout_s):
            await context.write(message)
    except TimeoutError:
        raise StreamBroken(f"the caller read nothing for {timeout_s:g} s", ()) from None

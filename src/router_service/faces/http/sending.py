"""Sends answers to clients that may read slowly. What they leave unread stays bounded, and so does
the time they may leave it, since the request keeps its slot until all is sent."""

from __future__ import annotations

import asyncio

from aiohttp import web

from router_service.faces.http.served import served_headers
from router_service.types import Answer

_PIECE_BYTES = 64 * 1024
"""What a connection buffers by itself: a smaller answer is sent without waiting for its reader."""


async def send_whole(
    request: web.Request, answer: Answer, write_timeout_s: float
) -> web.StreamResponse:
    """Answer whole; a large answer a piece at a time. Raises ConnectionError where the client has
    stopped reading."""
    headers = served_headers(answer.served)
    if len(answer.body) <= _PIECE_BYTES:
        return web.Response(body=answer.body, content_type="application/json", headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_type = "application/json"
    response.content_length = len(answer.body)
    await response.prepare(request)
    for start in range(0, len(answer.body), _PIECE_BYTES):
        await write(response, answer.body[start : start + _PIECE_BYTES], write_timeout_s)
    await write(response, b"", write_timeout_s, last=True)
    return response


async def write(
    response: web.StreamResponse, data: bytes, timeout_s: float, *, last: bool = False
) -> None:
    """Write a part of an answer. Raises ConnectionError where the client has stopped reading."""
    try:
        async with asyncio.timeout(timeout_s):
            await (response.write_eof(data) if last else response.write(data))
    except TimeoutError:
        raise ConnectionAbortedError(f"the client read nothing for {timeout_s:g} s") from None

"""Sends an answer as server-sent events while it is being made. A stream that breaks off is never
made to look complete: it ends with an error event, no [DONE], and a cut connection."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator

from aiohttp import web

from router_service.errors import RouterError, StreamBroken
from router_service.faces.http.errors import error_object, internal_error
from router_service.faces.http.request import Caller
from router_service.faces.http.sending import write
from router_service.faces.http.served import served_headers
from router_service.types import Continued, Delta, Finished, Opened, StreamItem

logger = logging.getLogger(__name__)

_CUT_AFTER_S = 5.0
"""How long a broken stream's last bytes may take to leave before the connection is cut anyway."""

_HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


async def relay(
    request: web.Request,
    caller: Caller,
    stream: AsyncGenerator[StreamItem, None],
    write_timeout_s: float,
) -> web.StreamResponse:
    """Relay a stream to its end and close it, whatever happens.

    Raises RouterError for a stream that fails before its first item, and ConnectionError where the
    client is gone; a break after the first item is told to the client here.
    """
    try:
        opened = await anext(stream)
        if not isinstance(opened, Opened):
            raise TypeError(f"the stream began with {type(opened).__name__} instead of Opened")
        response = web.StreamResponse(headers=_HEADERS | served_headers(opened.served))
        await response.prepare(request)
        try:
            await _send_items(response, stream, write_timeout_s)
        except ConnectionError:
            raise
        except RouterError as error:
            await _break_off(request, response, error, write_timeout_s)
        except Exception:
            logger.exception("request %s: the stream failed unexpectedly", caller.request_id)
            internal = internal_error(caller.request_id)
            await _break_off(request, response, internal, write_timeout_s)
        return response
    finally:
        await stream.aclose()


async def _send_items(
    response: web.StreamResponse, stream: AsyncGenerator[StreamItem, None], write_timeout_s: float
) -> None:
    async for item in stream:
        if isinstance(item, Delta):
            await write(response, b"data: " + item.raw + b"\n\n", write_timeout_s)
        elif isinstance(item, Continued):
            await write(response, b"data: " + item.chunk + b"\n\n", write_timeout_s)
        elif isinstance(item, Finished):
            await write(response, b"data: [DONE]\n\n", write_timeout_s, last=True)
            return
    raise StreamBroken("the answer ended without saying that it was complete", ())


async def _break_off(
    request: web.Request, response: web.StreamResponse, error: RouterError, timeout_s: float
) -> None:
    """Tell the client what broke and cut the connection before the body's proper end."""
    event = json.dumps({"error": error_object(error)}, default=str).encode()
    await write(response, b"data: " + event + b"\n\n", timeout_s)
    if (transport := request.transport) is not None:
        transport.close()  # what is buffered still leaves; the closing chunk no longer can
        asyncio.get_running_loop().call_later(_CUT_AFTER_S, transport.abort)

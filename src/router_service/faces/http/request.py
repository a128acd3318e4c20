"""Reads an HTTP request into our types: id, deadline, headers, and a body that is read only once
the request has its turn, and bounded while it comes in. Nothing here looks inside the body."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from aiohttp import StreamReader, web
from aiohttp.http_exceptions import ContentEncodingError

from router_service.errors import (
    BodyTooLarge,
    DeadlineExceeded,
    InvalidRequest,
    RouterError,
)
from router_service.faces.http.errors import HttpProblem
from router_service.serving.admission import Place
from router_service.serving.attributes import is_unicode
from router_service.types import Arrival, Operation, Work

FACE = "http"
MAX_TIMEOUT_S = 86_400.0
_THREAD_FROM_BYTES = 64 * 1024
"""Bodies this large are parsed in a thread, so that other requests go on."""

_CREDENTIALS = frozenset({"authorization", "x-api-key", "api-key", "cookie", "proxy-authorization"})
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Caller:
    """What the guard found out about a request before its endpoint sees it."""

    principal: str
    request_id: str
    at: float
    """When the request came, time.monotonic()."""


Parsed = TypeVar("Parsed")

Endpoint = Callable[[web.Request, Caller], Awaitable[web.StreamResponse]]
"""Answers one request of a known caller. It may raise RouterError."""


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """What one HTTP request may take."""

    max_body_bytes: int = 16 * 1024 * 1024
    """Largest request body, after decompression (`http.max_body_bytes`)."""
    body_timeout_s: float = 30.0
    """Longest time for the whole body to arrive."""
    write_timeout_s: float = 30.0
    """Longest time a streaming client may leave a full buffer unread."""


def timeout_of(request: web.Request) -> float | None:
    """The deadline the client asks for in x-request-timeout, seconds. Raises InvalidRequest."""
    given = request.headers.get("x-request-timeout")
    if not given:
        return None
    try:
        seconds = float(given)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MAX_TIMEOUT_S:
        raise InvalidRequest(
            f"header x-request-timeout: {given[:40]!r} is not a number of seconds above 0 and at "
            f"most {MAX_TIMEOUT_S:.0f}",
            param="x-request-timeout",
        )
    return seconds


def headers_of(request: web.Request) -> dict[str, str]:
    """The client's headers, names lower-cased, without its credentials: those are for us alone.

    Raises InvalidRequest naming a header that is not UTF-8.
    """
    headers = {name.lower(): value for name, value in request.headers.items()}
    for name, value in headers.items():
        if not value.isascii() and not is_unicode(value):
            raise InvalidRequest(f"header {name}: the value is not UTF-8 text", param=name)
    for name in _CREDENTIALS & headers.keys():
        del headers[name]
    return headers


def arrival_of(
    request: web.Request, caller: Caller, work: Work, operation: Operation = Operation.CHAT
) -> Arrival:
    """What is known of a request before its body is read. Raises InvalidRequest."""
    return Arrival(
        face=FACE,
        work=work,
        operation=operation,
        principal=caller.principal,
        request_id=caller.request_id,
        priority=request.headers.get("x-priority"),
        timeout_s=timeout_of(request),
        at=caller.at,
    )


async def read_body(request: web.Request, limits: HttpLimits, place: Place) -> bytes:
    """The whole body, once the request has its turn, counted as held by its place.

    Raises what the place's turn() and hold() do, BodyTooLarge as soon as it is known to be,
    InvalidRequest for one that cannot be decompressed, HttpProblem for a wrong media type (415) or
    a slow sender (408), DeadlineExceeded for one slower than its own deadline.
    """
    _check_media_type(request)
    _check_size(request.content_length or 0, limits)
    await place.turn()
    try:
        if request.content.is_eof():  # all here already: no timer needed
            body = request.content.read_nowait()
            _check_size(len(body), limits)
            place.hold(len(body))
            return body
        declared = 0 if "content-encoding" in request.headers else request.content_length or 0
        place.hold(declared)
        async with asyncio.timeout(min(limits.body_timeout_s, _left_s(place.arrival))):
            return await _read_bounded(request.content, limits, place, declared)
    except TimeoutError:
        raise _body_too_slow(place.arrival, limits) from None
    except (ContentEncodingError, web.RequestPayloadError):
        raise InvalidRequest(
            "the body is not what its Content-Encoding and Transfer-Encoding say; send it as it is "
            "or gzip-compressed"
        ) from None


def _left_s(arrival: Arrival) -> float:
    """What is left of the caller's own deadline, seconds."""
    if arrival.timeout_s is None:
        return math.inf
    return arrival.timeout_s - (time.monotonic() - arrival.at)


def _body_too_slow(arrival: Arrival, limits: HttpLimits) -> RouterError:
    if _left_s(arrival) <= 0:
        return DeadlineExceeded("the deadline passed before the request body had arrived")
    return HttpProblem(
        408,
        "body_timeout",
        f"the request body did not arrive within {limits.body_timeout_s:g} s; send it faster",
    )


async def parsed(body: bytes, parse: Callable[[], Parsed]) -> Parsed:
    """What parse makes of a body; for a large one it runs in a thread."""
    return await asyncio.to_thread(parse) if len(body) >= _THREAD_FROM_BYTES else parse()


async def _read_bounded(
    content: StreamReader, limits: HttpLimits, place: Place, held: int
) -> bytes:
    """Reads a body of which so many bytes are held already."""
    body = bytearray()
    async for chunk in content.iter_any():
        body += chunk
        _check_size(len(body), limits)
        if len(body) > held:
            place.hold(len(body) - held)
            held = len(body)
    return bytes(body)


def _check_size(size: int, limits: HttpLimits) -> None:
    if size > limits.max_body_bytes:
        raise BodyTooLarge(
            f"the request body is larger than {limits.max_body_bytes} bytes; send less or raise "
            "http.max_body_bytes"
        )


def _check_media_type(request: web.Request) -> None:
    """Refuse forms, and from a browser anything but JSON.

    A web page may post text to a service on the visitor's own machine without asking; JSON makes
    the browser ask first, and we never say yes. Other clients may leave the type out.
    """
    media_type = request.content_type if "content-type" in request.headers else ""
    if media_type == _JSON or media_type.endswith("+json"):
        return
    if media_type.startswith("multipart/") or "origin" in request.headers:
        raise HttpProblem(
            415,
            "unsupported_media_type",
            f"Content-Type {media_type or 'is missing; it'} cannot be read here; "
            f"send the body as {_JSON}",
        )

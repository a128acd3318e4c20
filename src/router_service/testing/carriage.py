"""Carries a reply over the connection at the wanted pace, or breaks it where a fault says so.

What a healthy server would send comes in whole; everything that goes wrong here is meant.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from router_service.testing.behaviour import Behaviour, Fault, FaultKind
from router_service.testing.journal import Entry
from router_service.testing.sockets import reset
from router_service.testing.wire import Ask, Dialect, Frame, Reason, Refusal, Reply, Role, as_json

_SETTLE_S = 0.02
"""Between the last bytes and a reset, so that the reader has them: a reset may overtake data."""
_DRIP_S = 0.05
_WEB_PAGE = "<!doctype html><title>Sign in</title><p>Please sign in to continue.</p>"
_REFUSALS = {
    FaultKind.CONTEXT_LENGTH: (
        Reason.CONTEXT_LENGTH,
        "the request exceeds the available context size",
    ),
    FaultKind.CONTENT_FILTER: (
        Reason.CONTENT_FILTER,
        "the request was stopped by a content filter",
    ),
    FaultKind.PREFILL_REFUSED: (
        Reason.BAD_REQUEST,
        "an assistant message at the end of the conversation is not supported",
    ),
}
_REASONS = {
    401: Reason.UNAUTHORIZED,
    403: Reason.UNAUTHORIZED,
    404: Reason.MODEL_MISSING,
    429: Reason.RATE_LIMITED,
    500: Reason.BROKEN,
    502: Reason.BROKEN,
    503: Reason.BUSY,
    504: Reason.BUSY,
}
_EXTRAS: dict[FaultKind, Callable[[int], bytes]] = {
    FaultKind.MALFORMED_EVENT: lambda _: b'{"broken": [{"tru',
    FaultKind.INVALID_UTF8: lambda _: b'{"note": "\xff\xfe\xc3"}',
    FaultKind.OVERSIZED_LINE: lambda size: b'{"padding": "' + b"x" * size + b'"}',
}


@dataclass(slots=True)
class Carriage:
    """One reply on its way to its client."""

    request: web.Request
    entry: Entry
    dialect: Dialect
    behaviour: Behaviour
    fault: Fault | None = None

    async def before_headers(self) -> web.StreamResponse | None:
        """Latency and the faults that come instead of an answer; None goes on to the answer."""
        await _pause(self.behaviour.latency_s)
        fault = self.fault
        if fault is None:
            return None
        match fault.kind:
            case FaultKind.SILENCE:
                await hang(fault.seconds)
            case FaultKind.RESET_BEFORE_HEADERS:
                return self._dropped(fault)
            case FaultKind.RESET_DURING_HEADERS:
                return await self._dropped_in_headers(fault)
            case FaultKind.STATUS:
                return self._status(fault)
            case FaultKind.WRONG_CONTENT_TYPE:
                self._began(200)
                self._ended(fault)
                return web.Response(text=_WEB_PAGE, content_type="text/html")
            case kind if kind in _REFUSALS:
                return self.refused(self.dialect.refusal(*_REFUSALS[kind]))
        return None

    def refused(self, refusal: Refusal) -> web.Response:
        """The error answer to a request that is not served."""
        self._began(refusal.status)
        self.entry.end(f"refused: {refusal.reason}")
        body = as_json(refusal.body)
        return web.Response(status=refusal.status, body=body, content_type="application/json")

    async def send(self, ask: Ask, reply: Reply) -> web.StreamResponse:
        """Send the reply, or as much of it as the fault lets through."""
        if reply.frames[0].role is Role.WHOLE:
            return await self._send_whole(ask, reply)
        response = web.StreamResponse(headers={"Content-Type": reply.content_type})
        response.headers["Cache-Control"] = "no-cache"
        self._say_when(response)
        await self._prepare(response)
        await self._wait_for_first_token()
        before, after = self._split(reply.frames)
        await self._send_frames(response, before)
        if not await self._break(response):
            await self._send_frames(response, after)
        if self.entry.outcome == "running":
            await response.write_eof()
            self.entry.end("finished")
        return response

    def _split(self, frames: Sequence[Frame]) -> tuple[list[Frame], list[Frame]]:
        """The frames before and after the point where the fault strikes."""
        if self.fault is None:
            return list(frames), []
        if self.fault.kind is FaultKind.NO_DONE:
            frames = [frame for frame in frames if frame.role is not Role.DONE]
        tokens, point = 0, 0
        for point, frame in enumerate(frames):  # noqa: B007 - used after the loop
            past = frame.role in (Role.FINISH, Role.USAGE, Role.DONE)
            if past or (frame.role is Role.TOKEN and tokens == self.fault.after_tokens):
                break
            tokens += frame.role is Role.TOKEN
        return list(frames[:point]), list(frames[point:])

    async def _send_frames(self, response: web.StreamResponse, frames: Sequence[Frame]) -> None:
        gap = self._gap_s()
        for frame in frames:
            await response.write(frame.data)
            if frame.role is Role.TOKEN:
                self.entry.tokens += 1
                await _pause(gap)

    async def _break(self, response: web.StreamResponse) -> bool:
        """Do what the fault does in mid-stream; True when that was the end of the answer."""
        fault = self.fault
        if fault is None:
            return False
        match fault.kind:
            case FaultKind.STALL:
                await hang(fault.seconds)
                return False
            case FaultKind.CUT:
                await asyncio.sleep(_SETTLE_S)
                self._dropped(fault)
            case FaultKind.CUT_CLEAN:
                await response.write_eof()
            case FaultKind.ERROR_EVENT:
                await response.write(self.dialect.error_event(self._told_to_fail(fault)))
                await response.write_eof()
            case kind if kind in _EXTRAS:
                await response.write(self.dialect.event(_EXTRAS[kind](fault.size)))
                return False
            case _:
                return False
        self._ended(fault)
        return True

    async def _send_whole(self, ask: Ask, reply: Reply) -> web.StreamResponse:
        await self._wait_for_first_token()
        slow = self.fault is not None and self.fault.kind is FaultKind.SLOW_DRIP
        await _pause(0 if slow else ask.completion_tokens * self._gap_s())
        body, sent = self._whole_body(reply.frames[0].data)
        response = web.StreamResponse(headers={"Content-Type": reply.content_type})
        response.content_length = len(body)
        await self._prepare(response)
        if slow:
            await self._drip(response, body, ask.completion_tokens)
        else:
            await response.write(body[:sent])
        if sent < len(body) and await self._break(response):
            return response
        await response.write(body[sent:])
        await response.write_eof()
        self.entry.tokens = ask.completion_tokens
        self.entry.end("finished")
        return response

    def _whole_body(self, body: bytes) -> tuple[bytes, int]:
        """The body as this fault has it, and how much of it goes out before the fault strikes."""
        half = len(body) // 2
        if self.fault is None:
            return body, len(body)
        match self.fault.kind:
            case FaultKind.CUT | FaultKind.STALL:
                return body, half
            case FaultKind.CUT_CLEAN | FaultKind.MALFORMED_EVENT:
                return body[:half], half
            case FaultKind.ERROR_EVENT:
                error = as_json(self._told_to_fail(self.fault).body)
                return error, len(error)
            case kind if kind in _EXTRAS:
                extra = _EXTRAS[kind](self.fault.size)
                twisted = body[:-1] + b"," + extra[1:]
                return twisted, len(twisted)
        return body, len(body)

    async def _drip(self, response: web.StreamResponse, body: bytes, pieces: int) -> None:
        size = len(body) // max(1, pieces) + 1
        for start in range(0, len(body), size):
            await response.write(body[start : start + size])
            await _pause(self._gap_s())

    def _gap_s(self) -> float:
        """Seconds between two tokens."""
        if self.fault is not None and self.fault.kind is FaultKind.SLOW_DRIP:
            return _DRIP_S if self.fault.seconds is None else self.fault.seconds
        return 1 / self.behaviour.tokens_per_s if self.behaviour.tokens_per_s else 0

    async def _wait_for_first_token(self) -> None:
        if self.fault is not None and self.fault.kind is FaultKind.SLOW_FIRST_TOKEN:
            await hang(self.fault.seconds)
        else:
            await _pause(self.behaviour.first_token_s)

    def _status(self, fault: Fault) -> web.Response:
        refusal = self._told_to_fail(fault)
        body = as_json(refusal.body) if fault.body is None else fault.body.encode()
        self._began(fault.status)
        self._ended(fault)
        response = web.Response(status=fault.status, body=body, content_type="application/json")
        self._say_when(response)
        return response

    def _say_when(self, response: web.StreamResponse) -> None:
        if self.fault is not None and self.fault.retry_after_s is not None:
            response.headers["Retry-After"] = f"{self.fault.retry_after_s:g}"

    async def _prepare(self, response: web.StreamResponse) -> None:
        self._began(response.status)
        await response.prepare(self.request)

    def _dropped(self, fault: Fault) -> web.Response:
        """Reset the connection. The response is for aiohttp, which finds nobody to send it to."""
        self._ended(fault)
        reset(self.request.transport)
        return web.Response()

    async def _dropped_in_headers(self, fault: Fault) -> web.Response:
        if self.request.transport is not None:
            self.request.transport.write(b"HTTP/1.1 200 OK\r\nContent-Ty")
        await asyncio.sleep(_SETTLE_S)
        return self._dropped(fault)

    def _told_to_fail(self, fault: Fault) -> Refusal:
        reason = _REASONS.get(fault.status, Reason.BAD_REQUEST)
        message = f"this fake provider was told to fail with {fault.status}"
        return self.dialect.refusal(reason, message, fault.status)

    def _began(self, status: int) -> None:
        self.entry.status = status

    def _ended(self, fault: Fault) -> None:
        self.entry.end(f"fault: {fault.kind}")


async def _pause(seconds: float) -> None:
    if seconds:
        await asyncio.sleep(seconds)


async def hang(seconds: float | None) -> None:
    """Wait this long; None is until the client leaves, which cancels the handler."""
    if seconds is None:
        await asyncio.get_running_loop().create_future()
    else:
        await asyncio.sleep(seconds)

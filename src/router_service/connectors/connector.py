"""Carries out one attempt over HTTP, the same way for every wire protocol.
A protocol only translates: it is handed bytes and gives back bytes, chunks and answers."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Protocol, TypeVar

import aiohttp
from multidict import CIMultiDict

from router_service.connectors.assembler import Assembler
from router_service.connectors.credentials import Credential
from router_service.connectors.decoder import StreamDecoder
from router_service.connectors.documents import parse
from router_service.connectors.exchange import MAX_ERROR_BODY, Exchange
from router_service.connectors.failures import JSON_TYPE, Failures
from router_service.connectors.load_signals import MAX_SIGNALS, SignalPage
from router_service.connectors.repetition import without_repetition
from router_service.errors import InvalidRequest, UpstreamError
from router_service.types import (
    Delta,
    Event,
    Finished,
    Limits,
    LoadSignals,
    Operation,
    OutcomeClass,
    Started,
    UpstreamCall,
    Whole,
)

MAX_WHOLE = 64 * 1024 * 1024
"""Bytes of a whole answer, unpacked."""

FRAMING_HEADERS = ("host", "content-length", "transfer-encoding", "connection")
"""Headers that describe one connection; those of the client's say nothing about ours."""

NOT_OFFERED = frozenset({404, 405, 501})
"""Statuses of a page the server does not have, or that is switched off there."""

T = TypeVar("T")

logger = logging.getLogger(__name__)


class WireProtocol(Protocol):
    """One provider's API as pure translation."""

    stream_types: frozenset[str]
    """Media types a streamed answer may have."""
    models_path: str
    signal_pages: tuple[SignalPage, ...]
    """Where such servers tell of their load, the most telling first."""

    def request(self, call: UpstreamCall, *, ask_usage: bool = True) -> tuple[str, bytes]:
        """Path below the base URL, and body. Raises UpstreamError, InvalidRequest or ValueError.

        `ask_usage`: ask for usage in an assembled answer, where that has to be asked for.
        """

    def decoder(self, call: UpstreamCall) -> StreamDecoder: ...

    def whole(self, call: UpstreamCall, body: bytes) -> Whole:
        """A whole answer, checked and translated. Raises UpstreamError or ValueError."""

    def models(self, body: bytes) -> dict[str, str | None]:
        """Names and stated sizes in the answer to models_path. Raises ValueError."""


class HttpConnector:
    """types.Connector for one provider, whatever its protocol."""

    def __init__(
        self,
        protocol: WireProtocol,
        session: aiohttp.ClientSession,
        base_url: str,
        credential: Credential,
        failures: Failures,
        max_whole: int = MAX_WHOLE,
    ) -> None:
        self._protocol = protocol
        self._session = session
        self._base_url = base_url.rstrip("/")
        self._credential = credential
        self._failures = failures
        self._max_whole = max_whole
        self._ask_usage = True
        self._told_uncounted = False
        self.malformed_events = 0
        """Stream events skipped because they could not be read, since the start."""

    async def events(self, call: UpstreamCall) -> AsyncGenerator[Event, None]:
        """See types.Connector."""
        exchange = Exchange(self._failures, call.limits, stream=call.streamed)
        try:
            await self._send(exchange, call)
            yield Started(exchange.status)
            if not call.streamed or self._came_whole(exchange, call):
                yield await self._whole(exchange, call)
                return
            await self._check_stream_type(exchange)
            decoder = self._protocol.decoder(call)
            decoder.headers = exchange.headers
            assembler = None if call.stream else Assembler(call.operation, self._max_whole)
            async with aclosing(self._deltas(exchange, decoder)) as deltas:
                async for delta in deltas:
                    if assembler is not None:
                        self._add(assembler, delta)
                    yield delta
            finished = decoder.finished()
            if finished is None:
                raise self._failures.cut(
                    "the stream ended without a finish reason", content_seen=decoder.content_seen
                )
            await exchange.drain()
            yield finished if assembler is None else self._assembled(assembler, finished)
        finally:
            exchange.close()

    async def probe(self, timeout_s: float) -> dict[str, str | None]:
        """See types.Connector.probe."""
        url = self._base_url + self._protocol.models_path
        return await self._get(url, timeout_s, self._max_whole, self._protocol.models)

    async def signals(self, timeout_s: float) -> LoadSignals:
        """See types.Connector.signals. `timeout_s` is for all pages together."""
        root = self._base_url.removesuffix("/v1")
        time = asyncio.get_running_loop().time
        ends = time() + timeout_s
        for page in self._protocol.signal_pages:
            try:
                told = await self._get(root + page.path, ends - time(), MAX_SIGNALS, page.read)
            except UpstreamError as error:
                if error.status not in NOT_OFFERED:
                    raise
            else:
                if told != LoadSignals():
                    return told
        return LoadSignals()

    async def close(self) -> None:
        """Nothing to do: connections belong to the session, which its owner closes."""

    async def _get(
        self, url: str, timeout_s: float, max_bytes: int, read: Callable[[bytes], T]
    ) -> T:
        """What `read`, which raises ValueError, finds in the answer. Raises UpstreamError."""
        limits = Limits(timeout_s, timeout_s, timeout_s, timeout_s)
        exchange = Exchange(self._failures, limits, stream=False)
        try:
            await self._open(exchange, "GET", url, self._headers({}))
            body = await exchange.whole(max_bytes)
        finally:
            exchange.close()
        try:
            return read(body)
        except ValueError as error:
            raise self._failures.unreadable(str(error)) from error

    async def _send(self, exchange: Exchange, call: UpstreamCall) -> None:
        try:
            await self._post(exchange, call, ask_usage=self._ask_usage)
        except UpstreamError as error:
            if not (self._ask_usage and _refuses_usage(call, error)):
                raise
            await self._post(exchange, call, ask_usage=False)
            # Only now is it sure that this was the reason.
            self._ask_usage = False

    async def _post(self, exchange: Exchange, call: UpstreamCall, *, ask_usage: bool) -> None:
        try:
            if call.stream and call.operation is Operation.EMBEDDING:
                raise InvalidRequest('embeddings are never streamed; leave out "stream"', "stream")
            path, body = self._protocol.request(call, ask_usage=ask_usage)
        except (InvalidRequest, ValueError) as error:
            raise self._failures.of(OutcomeClass.INVALID_REQUEST, str(error), status=400) from error
        headers = self._headers(call.headers)
        headers["Content-Type"] = JSON_TYPE
        await self._open(exchange, "POST", self._base_url + path, headers, body)

    async def _open(
        self,
        exchange: Exchange,
        method: str,
        url: str,
        headers: CIMultiDict[str],
        body: bytes | None = None,
    ) -> None:
        if self._credential.problem is not None:
            raise self._failures.of(OutcomeClass.UNAUTHORIZED, self._credential.problem)
        if self._session.closed:
            raise self._failures.of(OutcomeClass.UNREACHABLE, "this process is stopping")
        try:
            await exchange.open(self._session, method, url, headers, body)
        except ValueError as error:
            # aiohttp refuses header values that would break out of their line.
            raise self._failures.of(
                OutcomeClass.INVALID_REQUEST, f"a header cannot be sent: {error}", status=400
            ) from error

    def _headers(self, extra: Mapping[str, str]) -> CIMultiDict[str]:
        headers = CIMultiDict(extra)
        for name in FRAMING_HEADERS:
            headers.pop(name, None)
        if self._credential.key is not None:
            headers["Authorization"] = f"Bearer {self._credential.key}"
        return headers

    def _came_whole(self, exchange: Exchange, call: UpstreamCall) -> bool:
        """Whether a server that was asked for a stream sent what the caller wants anyway."""
        asked = self._protocol.stream_types
        return not call.stream and exchange.content_type == JSON_TYPE and JSON_TYPE not in asked

    async def _whole(self, exchange: Exchange, call: UpstreamCall) -> Whole:
        body = await exchange.whole(self._max_whole)
        try:
            if (failure := self._in_band(exchange, body)) is not None:
                raise failure
            whole = self._protocol.whole(call, body)
            return whole if call.prefill is None else without_repetition(whole, call.prefill)
        except ValueError as error:
            raise self._failures.unreadable(str(error)) from error

    async def _check_stream_type(self, exchange: Exchange) -> None:
        found = exchange.content_type
        if found is None or found in self._protocol.stream_types:
            return
        try:
            failure = self._in_band(exchange, await exchange.whole(MAX_ERROR_BODY))
        except ValueError:
            failure = None
        raise failure or self._failures.unreadable(f"a stream was asked for, {found} came")

    def _in_band(self, exchange: Exchange, body: bytes) -> UpstreamError | None:
        """The error that a whole body is, if it is one. Raises ValueError for what is no JSON."""
        return self._failures.in_band(parse(body), exchange.headers, content_seen=False)

    async def _deltas(
        self, exchange: Exchange, decoder: StreamDecoder
    ) -> AsyncGenerator[Delta, None]:
        try:
            while not decoder.ended and (data := await self._next(exchange, decoder)):
                for delta in decoder.feed(data):
                    yield delta
            for delta in decoder.flush():
                yield delta
        finally:
            self.malformed_events += decoder.malformed

    def _add(self, assembler: Assembler, delta: Delta) -> None:
        try:
            assembler.add(delta.raw)
        except ValueError as error:
            raise self._failures.unreadable(str(error)) from error

    def _assembled(self, assembler: Assembler, finished: Finished) -> Whole:
        if finished.usage is None:
            self._tell_uncounted()
        try:
            return assembler.whole(finished)
        except ValueError as error:
            raise self._failures.unreadable(str(error)) from error

    def _tell_uncounted(self) -> None:
        """Once: what an operator can do about a server that counts no tokens in streams."""
        if not self._told_uncounted:
            self._told_uncounted = True
            logger.warning(
                "%s counts no tokens in streams, so its whole answers come without usage; set"
                " stream_whole_answers: false for it to have them counted",
                self._failures.provider_id,
            )

    async def _next(self, exchange: Exchange, decoder: StreamDecoder) -> bytes:
        exchange.flowing = decoder.content_seen
        try:
            return await exchange.read()
        except UpstreamError:
            # Every finish reason is in: a lost end mark takes nothing away from the answer.
            if decoder.finished() is None:
                raise
            return b""


def _refuses_usage(call: UpstreamCall, error: UpstreamError) -> bool:
    """Whether a server knows no stream_options, by which usage in a stream is asked for."""
    named = b"stream_options" in (error.body or b"")
    return not call.stream and error.status in (400, 422) and named

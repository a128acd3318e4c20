"""One HTTP exchange with a provider, under the time limits of its attempt.
Every wait goes through one place, where expired limits and lost connections get their class."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from io import BytesIO
from typing import TypeVar

import aiohttp

from router_service.connectors.failures import Failures
from router_service.errors import UpstreamError
from router_service.types import Limits, OutcomeClass

MAX_ERROR_BODY = 64 * 1024
"""Bytes of an error answer that are read."""

ERROR_BODY_S = 2.0
"""Time to read an error answer; its status alone says the most."""

DRAIN_S = 0.05
"""Time to wait for the end of a stream's body after its last event."""

LARGE_BODY = 1024 * 1024
"""Bytes from which a request body is written in pieces, so that the event loop stays free."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Bound:
    """The limit that ends the current wait: loop time, and what its passing means."""

    at: float
    outcome_class: OutcomeClass
    words: str


class Exchange:
    """One request and its answer. Close it however it ends; that frees the connection at once.

    Time counts from here. A stream must bring its first content within `first_token`, then bytes at
    least every `idle`; a whole answer may take `total`, but must not pause once it has begun. All
    of it must be in within `attempt`, where that is set.
    """

    def __init__(self, failures: Failures, limits: Limits, *, stream: bool) -> None:
        now = asyncio.get_running_loop().time()
        self._failures = failures
        self._limits = limits
        self._stream = stream
        self._first_token = Bound(
            now + limits.first_token,
            OutcomeClass.SILENT,
            f"no first token within {limits.first_token:g} s",
        )
        self._total = Bound(
            now + limits.total,
            OutcomeClass.DEADLINE,
            f"the request's deadline passed; {limits.total:g} s were left for this attempt",
        )
        self._began = now
        self._response: aiohttp.ClientResponse | None = None
        self.flowing = False
        """Content has begun to come. The connector sets this for streams, whole() for itself."""

    @property
    def _answer(self) -> aiohttp.ClientResponse:
        if self._response is None:
            raise RuntimeError("read before open")
        return self._response

    @property
    def status(self) -> int:
        return self._answer.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Names in any case."""
        return self._answer.headers

    @property
    def content_type(self) -> str | None:
        """The media type the answer names, if any, without parameters."""
        if aiohttp.hdrs.CONTENT_TYPE not in self._answer.headers:
            return None
        return self._answer.content_type

    async def open(
        self,
        session: aiohttp.ClientSession,
        method: str,
        url: str,
        headers: Mapping[str, str],
        body: bytes | None = None,
    ) -> None:
        """Send the request and wait for a successful status line. Raises UpstreamError.

        A second call sends another within the same limits.
        """
        self.close()
        self._response = await self._within_limits(
            session.request(
                method,
                url,
                data=BytesIO(body) if body is not None and len(body) > LARGE_BODY else body,
                headers=headers,
                allow_redirects=False,
                # `connect` covers name resolution and TLS too; the pool itself never queues.
                timeout=aiohttp.ClientTimeout(total=None, connect=self._limits.connect),
            )
        )
        if not 200 <= self._response.status < 300:
            raise self._failures.refused(
                self._response.status, self._response.headers, await self._error_body()
            )

    async def read(self) -> bytes:
        """The next bytes of the answer; empty at its end. Raises UpstreamError."""
        return await self._within_limits(self._answer.content.readany())

    async def whole(self, max_bytes: int) -> bytes:
        """The rest of the answer. Raises UpstreamError, also for more than max_bytes."""
        body = bytearray()
        while data := await self.read():
            self.flowing = True
            body += data
            if len(body) > max_bytes:
                raise self._failures.unreadable(f"it is larger than {max_bytes} bytes")
        return bytes(body)

    async def drain(self) -> None:
        """Read to the end of the body if it is at hand, so that the connection can be kept."""
        try:
            async with asyncio.timeout(DRAIN_S):
                while await self._answer.content.readany():
                    continue
        except (TimeoutError, aiohttp.ClientError, OSError):
            self.close()

    def close(self) -> None:
        """Close the connection, unless the whole answer was read and it can serve again."""
        if self._response is not None:
            self._response.close()

    def _bound(self) -> Bound:
        bounds = [self._total]
        broken = OutcomeClass.SILENT
        if self.flowing:
            broken = OutcomeClass.STREAM_BROKEN if self._stream else OutcomeClass.SILENT
            idle = self._limits.idle
            now = asyncio.get_running_loop().time()
            bounds.append(Bound(now + idle, broken, f"nothing came for {idle:g} s"))
        elif self._stream:
            bounds.append(self._first_token)
        if (attempt := self._limits.attempt) is not None:
            words = f"the attempt took longer than {attempt:g} s"
            bounds.append(Bound(self._began + attempt, broken, words))
        return min(bounds, key=lambda bound: bound.at)

    async def _within_limits(self, work: Awaitable[T]) -> T:
        bound = self._bound()
        scope = asyncio.timeout_at(bound.at)
        try:
            async with scope:
                return await work
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            if scope.expired():
                raise self._failures.of(bound.outcome_class, bound.words) from error
            raise self._failures.transport(
                error, content_seen=self._stream and self.flowing
            ) from error

    async def _error_body(self) -> bytes:
        body = bytearray()
        try:
            async with asyncio.timeout(ERROR_BODY_S):
                while len(body) < MAX_ERROR_BODY and (data := await self.read()):
                    body += data
        except (TimeoutError, UpstreamError):
            pass
        return bytes(body[:MAX_ERROR_BODY])

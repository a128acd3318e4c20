"""One attempt under way. Its events are held back until the first content is at hand, so that a
failure before that goes unseen, and so that attempts can race for it."""

from __future__ import annotations

import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from router_service.core import Attempt
from router_service.errors import UpstreamError
from router_service.serving.journal import AttemptJournal
from router_service.types import (
    Connector,
    Delta,
    Finished,
    OutcomeClass,
    Started,
    UpstreamCall,
    Whole,
)

logger = logging.getLogger(__name__)

MAX_BUFFERED = 64 * 1024 * 1024
"""Bytes of a stream that are held back until it is whole."""

Content = Delta | Finished | Whole


class RunningAttempt:
    """The events of one attempt. Close it however it ends: that closes the upstream connection."""

    def __init__(
        self,
        attempt: Attempt,
        call: UpstreamCall,
        journal: AttemptJournal,
        connector: Connector,
    ) -> None:
        self.attempt = attempt
        self.call = call
        self.journal = journal
        self._events = connector.events(call)
        self._held: list[Content] = []

    async def begin(self) -> None:
        """Wait for the first content, or for the end of an empty answer. Raises UpstreamError."""
        async for event in self._content():
            self._held.append(event)
            if not isinstance(event, Delta) or event.content:
                self.journal.first_token()
                return

    async def content(self) -> AsyncGenerator[Content, None]:
        """What was held back and all that follows, up to Finished or Whole; closes the attempt.

        Raises UpstreamError.
        """
        try:
            for event in self._held:
                yield event
            if not self._held or isinstance(self._held[-1], Delta):
                async for event in self._content():
                    yield event
        finally:
            await self.close()

    async def buffered(self) -> AsyncGenerator[Content, None]:
        """The same, but nothing before all of it is at hand. Raises UpstreamError."""
        kept: list[Content] = []
        size = 0
        async with aclosing(self.content()) as content:
            async for event in content:
                kept.append(event)
                size += len(event.raw) if isinstance(event, Delta) else 0
                if size > MAX_BUFFERED:
                    raise UpstreamError(
                        OutcomeClass.SERVER_ERROR,
                        f"{self.attempt.provider}: the answer is larger than {MAX_BUFFERED} bytes, "
                        "the most that is buffered",
                    )
        for event in kept:
            yield event

    async def close(self) -> None:
        await self._events.aclose()

    def bug(self, what: str) -> UpstreamError:
        """The connector broke its contract."""
        return UpstreamError(
            OutcomeClass.SERVER_ERROR, f"the connector of provider {self.attempt.provider} {what}"
        )

    async def _content(self) -> AsyncGenerator[Content, None]:
        try:
            async for event in self._events:
                if isinstance(event, Started):
                    continue
                yield event
                if not isinstance(event, Delta):
                    return
        except UpstreamError:
            raise
        except Exception as error:
            logger.exception("connector of %s failed", self.attempt.provider)
            raise self.bug(f"failed: {type(error).__name__}") from error
        raise self.bug("ended without an answer")

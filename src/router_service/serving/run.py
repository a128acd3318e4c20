"""One request on its way: drives the core's walk, does its I/O, keeps its deadline. The core says
what to try, wait for or give up on; this room never decides."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass

from router_service.core import Attempt, Outcome, Provider, Router, Step, Walk
from router_service.errors import (
    AllAttemptsFailed,
    DeadlineExceeded,
    Overloaded,
    StreamBroken,
    UpstreamError,
)
from router_service.serving.admission import RETRY_AFTER_S
from router_service.serving.journal import AttemptJournal, Journal
from router_service.types import (
    Answer,
    Connector,
    Delta,
    Event,
    Finished,
    Incoming,
    Limits,
    Opened,
    OutcomeClass,
    StreamItem,
    UpstreamCall,
    Usage,
    Whole,
)

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider and the connector that reaches it."""

    provider: Provider
    connector: Connector


def active_local(upstreams: Mapping[str, Upstream]) -> list[Upstream]:
    """Those that may be asked about themselves for nothing: a cloud provider is asked to answer."""
    return [
        upstream
        for upstream in upstreams.values()
        if upstream.provider.active and upstream.provider.location == "local"
    ]


class Run:
    """Carries one decided request through its plan. `deadline` is on time.monotonic()."""

    def __init__(
        self,
        *,
        router: Router,
        now_us: Callable[[], int],
        upstreams: Mapping[str, Upstream],
        walk: Walk,
        incoming: Incoming,
        headers: Mapping[str, str],
        journal: Journal,
        deadline: float,
    ) -> None:
        self._router = router
        self._now_us = now_us
        self._upstreams = upstreams
        self._walk = walk
        self._incoming = incoming
        self._headers = headers
        self._journal = journal
        self._deadline = deadline
        self._errors: list[UpstreamError] = []
        self._attempt: AttemptJournal | None = None
        self.complete = False
        """A whole answer, or all of a stream, is at hand."""

    async def whole(self) -> Answer:
        """The whole answer of the first deployment that gives one."""
        step = self._walk.step
        while True:
            attempt = await self._next(step)
            journal = self._attempt = self._journal.attempt(attempt)
            try:
                answer = await self._whole_answer(attempt, journal)
            except UpstreamError as error:
                step = self._failed(journal, error)
            else:
                self._succeeded(journal, answer)
                return Answer(
                    served=self._journal.served(attempt),
                    body=answer.body,
                    text=answer.text,
                    finish_reason=answer.finish_reason,
                    usage=answer.usage,
                )

    async def stream(self) -> AsyncGenerator[StreamItem, None]:
        """Opened, Delta …, Finished. Until the first content, a failed attempt goes unseen."""
        step = self._walk.step
        while True:
            attempt = await self._next(step)
            journal = self._attempt = self._journal.attempt(attempt)
            opened = False
            try:
                async with aclosing(self._stream_items(attempt, journal)) as items:
                    async for item in items:
                        opened = True
                        yield item
            except UpstreamError as error:
                step = self._failed(journal, _broken(error) if opened else error)
                if opened:
                    raise self._failure(step) from error
            else:
                return

    def abandon(self) -> None:
        """Release what is still held and record the attempt still running as cancelled. Harmless
        after an ordinary end."""
        if self._attempt is not None:
            self._attempt.finish(OutcomeClass.CANCELLED, None, None)
            self._attempt = None
        self._router.abandon(self._walk, self._now_us())

    # ── One attempt ─────────────────────────────────────────────────────────────────────────────

    async def _whole_answer(self, attempt: Attempt, journal: AttemptJournal) -> Whole:
        async with aclosing(self._events(attempt, journal, stream=False)) as events:
            async for event in events:
                if isinstance(event, Whole):
                    journal.first_token()
                    return event
        raise _connector_bug(attempt, "ended without an answer")

    async def _stream_items(
        self, attempt: Attempt, journal: AttemptJournal
    ) -> AsyncGenerator[StreamItem, None]:
        """Holds back everything before the first content; an empty answer opens at its end."""
        held: list[Delta] | None = []
        async with aclosing(self._events(attempt, journal, stream=True)) as events:
            async for event in events:
                if isinstance(event, Delta):
                    if held is None:
                        yield event
                        continue
                    held.append(event)
                    if not event.content:
                        continue
                if isinstance(event, Delta | Finished) and held is not None:
                    journal.first_token()
                    self._router.first_token(self._walk, self._now_us())
                    yield Opened(self._journal.served(attempt))
                    for delta in held:
                        yield delta
                    held = None
                if isinstance(event, Finished):
                    self._succeeded(journal, event)
                    yield event
                    return
        raise _connector_bug(attempt, "ended without a finish")

    async def _events(
        self, attempt: Attempt, journal: AttemptJournal, *, stream: bool
    ) -> AsyncGenerator[Event, None]:
        upstream = self._upstreams[attempt.provider]
        call = UpstreamCall(
            operation=self._incoming.operation,
            body=self._incoming.body,
            upstream_model=attempt.upstream_model,
            stream=stream,
            limits=self._limits(upstream.provider),
            headers={**self._headers, **journal.headers},
        )
        try:
            async with aclosing(upstream.connector.events(call)) as events:
                async for event in events:
                    yield event
        except UpstreamError:
            raise
        except Exception as error:
            logger.exception("connector of %s failed", attempt.provider)
            raise _connector_bug(attempt, f"failed: {type(error).__name__}") from error

    def _limits(self, provider: Provider) -> Limits:
        return Limits(
            connect=provider.connect_us / 1e6,
            first_token=provider.first_token_us / 1e6,
            idle=provider.idle_us / 1e6,
            total=max(0.001, self._deadline - time.monotonic()),
        )

    # ── The walk ────────────────────────────────────────────────────────────────────────────────

    async def _next(self, step: Step) -> Attempt:
        """Do what the core says until it says to try something. Raises the error to surface."""
        while step.wait_us is not None:
            asked = time.monotonic()
            await asyncio.sleep(step.wait_us / 1e6)
            self._journal.waited(time.monotonic() - asked)
            step = self._router.resume(self._walk, self._now_us())
        if step.attempt is None:
            raise self._failure(step)
        return step.attempt

    def _failed(self, journal: AttemptJournal, error: UpstreamError) -> Step:
        record = journal.finish(error.outcome_class, error, None)
        self._attempt = None
        self._errors.append(error)
        outcome = Outcome(
            error.outcome_class.value,
            status=error.status,
            ttft_us=_microseconds(record.ttft_s),
            total_us=round(record.total_s * 1e6),
            retry_after_us=_microseconds(error.retry_after_s),
        )
        return self._router.finish(self._walk, outcome, self._now_us())

    def _succeeded(self, journal: AttemptJournal, answer: Whole | Finished) -> None:
        record = journal.finish(OutcomeClass.SUCCESS, None, answer)
        self._attempt = None
        self.complete = True
        usage = answer.usage or Usage(0, 0)
        outcome = Outcome(
            OutcomeClass.SUCCESS.value,
            ttft_us=_microseconds(record.ttft_s),
            total_us=round(record.total_s * 1e6),
            prompt_tokens=usage.prompt_tokens,
            completion_tokens=usage.completion_tokens,
            served_model=answer.served_model,
        )
        self._router.finish(self._walk, outcome, self._now_us())

    def _failure(self, step: Step) -> Exception:
        attempts = tuple(self._journal.attempts)
        reason = step.reason or "the walk ended without an answer"
        if step.failed == "deadline":
            return DeadlineExceeded(_with_attempts(reason, len(attempts)), attempts)
        if step.failed == "stream_broken":
            return StreamBroken(f"{reason}: {self._errors[-1].message}", attempts)
        if step.surface is None or not self._errors:
            return Overloaded(f"{reason}; try again shortly", RETRY_AFTER_S)
        cause = self._errors[min(step.surface, len(self._errors)) - 1]
        return AllAttemptsFailed(
            f"{_with_attempts(reason, len(attempts))}; first error: {cause.message}"
            if step.surface == 1 and len(attempts) > 1
            else f"{reason}: {cause.message}",
            cause,
            attempts,
        )


def _with_attempts(reason: str, attempts: int) -> str:
    return f"{reason} (after {attempts} attempt{'s' if attempts != 1 else ''})"


def _broken(error: UpstreamError) -> UpstreamError:
    """After content has been sent on, every fault is a break: nothing may be tried again."""
    if error.outcome_class is OutcomeClass.STREAM_BROKEN:
        return error
    return UpstreamError(OutcomeClass.STREAM_BROKEN, error.message, status=error.status)


def _connector_bug(attempt: Attempt, what: str) -> UpstreamError:
    return UpstreamError(
        OutcomeClass.SERVER_ERROR, f"the connector of provider {attempt.provider} {what}"
    )


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)

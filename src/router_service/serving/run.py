"""One request on its way: drives the core's walk, does its I/O, keeps its deadline. The core says
what to try, wait for or give up on; this room never decides."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing

from router_service.core import Attempt, Outcome, Provider, Router, Step, Walk, count_tokens
from router_service.errors import (
    AllAttemptsFailed,
    DeadlineExceeded,
    Overloaded,
    StreamBroken,
    UpstreamError,
)
from router_service.serving.admission import RETRY_AFTER_S
from router_service.serving.attempt import Content, RunningAttempt
from router_service.serving.journal import Journal
from router_service.serving.passage import Passage
from router_service.serving.upstreams import Upstream
from router_service.types import (
    Answer,
    Delta,
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
        self._stream = False
        self._passage = Passage()
        self._errors: dict[int, UpstreamError] = {}
        self._running: dict[int, RunningAttempt] = {}
        self.complete = False
        """A whole answer, or all of a stream, is at hand."""

    async def whole(self) -> Answer:
        """The whole answer of the first deployment that gives one."""
        step = self._walk.step
        try:
            while True:
                running = await self._started(step)
                try:
                    answer = await self._whole_of(running)
                except UpstreamError as error:
                    step = self._failed(running, error)
                else:
                    return self._answer(running, answer)
        finally:
            await self._close()

    async def stream(self) -> AsyncGenerator[StreamItem, None]:
        """Opened, Delta …, Finished. Until the first item, a failed attempt goes unseen; after it,
        Continued says that another deployment goes on."""
        self._stream = True
        step = self._walk.step
        try:
            while True:
                running = await self._started(step)
                try:
                    async with aclosing(self._items(running)) as items:
                        async for item in items:
                            yield item
                except UpstreamError as error:
                    step = self._failed(running, _broken(error) if self._passage.opened else error)
                else:
                    return
        finally:
            await self._close()

    def abandon(self) -> None:
        """Release what is still held and record what still runs as cancelled. Harmless after an
        ordinary end."""
        while self._running:
            self._finish(next(iter(self._running.values())), OutcomeClass.CANCELLED)
        self._router.abandon(self._walk, self._now_us())

    # ── Up to the first content ─────────────────────────────────────────────────────────────────

    async def _started(self, step: Step) -> RunningAttempt:
        """The next attempt whose first content is at hand. Raises the error to surface."""
        while True:
            first = self._start(await self._next(step))
            hedge_after_us = first.attempt.hedge_after_us
            if hedge_after_us is None:
                begun = await self._begun(first)
            else:
                begun = await self._raced(first, hedge_after_us / 1e6)
            if isinstance(begun, RunningAttempt):
                return begun
            step = begun

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

    async def _begun(self, running: RunningAttempt) -> RunningAttempt | Step:
        """The attempt at its first content, or what comes next after it failed."""
        try:
            await running.begin()
        except UpstreamError as error:
            return self._failed(running, error)
        self._router.first_token(self._walk, running.attempt.number, self._now_us())
        return running

    async def _raced(self, first: RunningAttempt, hedge_after_s: float) -> RunningAttempt | Step:
        """The first of two attempts at its first content; the second one starts only if the first
        one is slow. The loser is cancelled at once."""
        runners = [first]
        racing = {asyncio.create_task(self._begun(first))}
        ends: list[RunningAttempt | Step] = []
        winner: RunningAttempt | None = None
        try:
            done, _ = await asyncio.wait(racing, timeout=hedge_after_s)
            if not done and (second := self._router.hedge(self._walk, self._now_us()).attempt):
                runners.append(self._start(second))
                racing.add(asyncio.create_task(self._begun(runners[1])))
            while winner is None and racing:
                done, racing = await asyncio.wait(racing, return_when=asyncio.FIRST_COMPLETED)
                ends = [task.result() for task in done]
                winner = next((end for end in ends if isinstance(end, RunningAttempt)), None)
            return winner or next(end for end in ends if isinstance(end, Step) and not end.awaits)
        finally:
            for task in racing:
                task.cancel()
            await asyncio.gather(*racing, return_exceptions=True)
            for runner in runners:
                if runner is not winner:
                    await self._lose(runner)

    def _start(self, attempt: Attempt) -> RunningAttempt:
        upstream = self._upstreams[attempt.provider]
        journal = self._journal.attempt(attempt)
        continues = attempt.kind == "continuation" and upstream.provider.prefill
        call = UpstreamCall(
            operation=self._incoming.operation,
            body=self._incoming.body,
            upstream_model=attempt.upstream_model,
            stream=self._stream,
            limits=self._limits(upstream.provider),
            headers={**self._headers, **journal.headers},
            assembled=attempt.streamed and not self._stream,
            prefill=self._passage.prefill() if continues else None,
        )
        running = RunningAttempt(attempt, call, journal, upstream.connector)
        self._running[attempt.number] = running
        return running

    def _limits(self, provider: Provider) -> Limits:
        return Limits(
            connect=provider.connect_us / 1e6,
            first_token=provider.first_token_us / 1e6,
            idle=provider.idle_us / 1e6,
            total=max(0.001, self._deadline - time.monotonic()),
            attempt=None if provider.total_us is None else provider.total_us / 1e6,
        )

    # ── From the first content to the end ───────────────────────────────────────────────────────

    async def _whole_of(self, running: RunningAttempt) -> Whole:
        async with aclosing(running.content()) as content:
            async for event in content:
                if isinstance(event, Whole):
                    return event
        raise running.bug("ended a whole answer like a stream")

    async def _items(self, running: RunningAttempt) -> AsyncGenerator[StreamItem, None]:
        """What the caller gets of one attempt."""
        passage = self._passage
        buffered = self._walk.decision.commit == "buffered"
        heading: StreamItem = Opened(self._journal.served(running.attempt))
        if passage.opened:
            heading = passage.go_on(self._journal.served(running.attempt), running.call.prefill)
        headed = False
        async with aclosing(running.buffered() if buffered else running.content()) as content:
            async for event in content:
                item = self._item(running, event)
                if item is None:
                    continue
                if not headed:
                    headed = passage.opened = True
                    yield heading
                if isinstance(item, Finished):
                    self._succeeded(running, item)
                yield item

    def _item(self, running: RunningAttempt, event: Content) -> Delta | Finished | None:
        """What of an event is to leave."""
        match event:
            case Delta():
                return self._passage.take(event)
            case Finished():
                return self._passage.finish(event)
            case Whole():
                raise running.bug("gave a whole answer where a stream was asked for")

    # ── Ends ────────────────────────────────────────────────────────────────────────────────────

    def _answer(self, running: RunningAttempt, answer: Whole) -> Answer:
        self._succeeded(running, answer)
        return Answer(
            served=self._journal.served(running.attempt),
            body=answer.body,
            text=answer.text,
            finish_reason=answer.finish_reason,
            usage=answer.usage,
        )

    def _succeeded(self, running: RunningAttempt, answer: Whole | Finished) -> None:
        self.complete = True
        self._finish(running, OutcomeClass.SUCCESS, answer=answer, usage=answer.usage)

    def _failed(self, running: RunningAttempt, error: UpstreamError) -> Step:
        # Without its traceback, whose frames would keep this run and the body until a collection.
        self._errors[running.attempt.number] = error.with_traceback(None)
        usage = self._passage.usage(self._walk.decision.prompt_tokens)
        return self._finish(running, error.outcome_class, error=error, usage=usage)

    async def _lose(self, running: RunningAttempt) -> None:
        """Cancel an attempt that another one has overtaken, unless it has ended by itself."""
        await running.close()
        if running.attempt.number in self._running:
            self._finish(running, OutcomeClass.CANCELLED)

    def _finish(
        self,
        running: RunningAttempt,
        outcome_class: OutcomeClass,
        *,
        error: UpstreamError | None = None,
        answer: Whole | Finished | None = None,
        usage: Usage | None = None,
    ) -> Step:
        """Tell of an attempt's end, once: to the journal, and to the core, which says what next."""
        number = running.attempt.number
        del self._running[number]
        record = running.journal.finish(outcome_class, error, answer)
        self._journal.used(usage)
        counted = usage or self._own_count(running, answer)
        outcome = Outcome(
            outcome_class.value,
            status=error.status if error else None,
            ttft_us=_microseconds(record.ttft_s),
            total_us=round(record.total_s * 1e6),
            prompt_tokens=counted.prompt_tokens if counted else None,
            completion_tokens=counted.completion_tokens if counted else None,
            retry_after_us=_microseconds(error.retry_after_s) if error else None,
            served_model=answer.served_model if answer else None,
            delivered=self._passage.delivered,
        )
        return self._router.finish(self._walk, number, outcome, self._now_us())

    def _own_count(self, running: RunningAttempt, answer: Whole | Finished | None) -> Usage | None:
        """What was delivered by a priced provider costs something, counted by it or not."""
        if not self._upstreams[running.attempt.provider].provider.priced:
            return None
        prompt_tokens = self._walk.decision.prompt_tokens
        if isinstance(answer, Whole):
            return Usage(prompt_tokens, count_tokens(answer.text))
        return self._passage.usage(prompt_tokens)

    async def _close(self) -> None:
        for running in list(self._running.values()):
            await running.close()

    def _failure(self, step: Step) -> Exception:
        attempts = tuple(sorted(self._journal.attempts, key=lambda record: record.number))
        reason = step.reason or "the walk ended without an answer"
        cause = self._errors.get(step.surface or 0)
        usage = self._passage.usage(self._walk.decision.prompt_tokens)
        if step.failed == "deadline":
            return DeadlineExceeded(_with_attempts(reason, len(attempts)), attempts, usage)
        if cause is None:
            return Overloaded(f"{reason}; try again shortly", RETRY_AFTER_S)
        if step.failed == "stream_broken":
            return StreamBroken(f"{reason}: {cause.message}", attempts, usage)
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
    """After content has been sent on, every fault of the provider is a break."""
    if error.outcome_class in (OutcomeClass.DIVERGED, OutcomeClass.DEADLINE):
        return error
    return UpstreamError(OutcomeClass.STREAM_BROKEN, error.message, status=error.status)


def _microseconds(seconds: float | None) -> int | None:
    return None if seconds is None else round(seconds * 1e6)

"""Decides on requests and carries them out: one decision in the core, then a Run through its plan.
Whatever happens, the slot is given back, the record is left and the trace is ended exactly once."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AbstractContextManager, aclosing
from typing import TYPE_CHECKING, Any

from router_service.core import Decision, Model, Outcome, Provider, Router, now_us
from router_service.errors import DeadlineExceeded, RouterError
from router_service.serving.admission import Admission, Place
from router_service.serving.facts import facts_of_incoming, facts_of_query
from router_service.serving.journal import Journal, refusal_of, refusal_record, status_of
from router_service.serving.opened import OpenedStream
from router_service.serving.queries import classified, incoming_of
from router_service.serving.recent_requests import RecentRequests
from router_service.serving.run import Run
from router_service.serving.upstreams import Upstreams
from router_service.serving.watchers import DecisionFilter, Watcher, Watchers
from router_service.types import (
    Answer,
    Arrival,
    Incoming,
    Observer,
    Query,
    QueryAnswer,
    RequestRecord,
    RouteQuery,
    StreamItem,
)

if TYPE_CHECKING:
    from router_service.observe.tracing import RequestTrace, Tracing


class Orchestrator:
    """serving.ports.RequestService over the compiled core."""

    def __init__(
        self,
        *,
        router: Router,
        upstreams: Upstreams,
        admission: Admission,
        tracing: Tracing,
        observers: Sequence[Observer],
        instance: str,
        forward_headers: Sequence[str] = (),
        stream_timeout_s: float = 600.0,
        keep_bodies: bool = False,
        clock: Callable[[], int] = now_us,
        seeds: Callable[[], int] | None = None,
    ) -> None:
        """instance is the id of this router; clock gives wall-anchored monotone microseconds, seeds
        a 64-bit number a decision; stream_timeout_s is the deadline of a streamed request whose
        caller names none; keep_bodies puts what callers sent into the records."""
        self._router = router
        self._upstreams = upstreams
        self._admission = admission
        self._tracing = tracing
        self._observers = tuple(observers)
        self._instance = instance
        self._stream_timeout_s = stream_timeout_s
        self._keep_bodies = keep_bodies
        self._forward = tuple(name.lower() for name in forward_headers)
        self._clock = clock
        self._seeds = seeds or _random_seeds()
        self._recent = RecentRequests()
        self._watchers = Watchers()
        self._started_us = clock()

    # ── Coming in ───────────────────────────────────────────────────────────────────────────────

    def join(self, arrival: Arrival) -> Place:
        """See serving.ports.RequestService.join."""
        asked_s = arrival.timeout_s
        default_s = self._router.table.timeout_us / 1e6
        return self._admission.join(arrival, default_s if asked_s is None else asked_s)

    def refused(self, arrival: Arrival, error: BaseException, queued_s: float = 0.0) -> None:
        """See serving.ports.RequestService.refused."""
        self._tell(refusal_record(arrival, error, queued_s))

    # ── Carrying out ────────────────────────────────────────────────────────────────────────────

    async def open(self, incoming: Incoming) -> Answer | AsyncGenerator[StreamItem, None]:
        """See serving.ports.RequestService.open."""
        trace = self._tracing.request(incoming)
        journal = Journal(
            incoming, trace, self._observers, self._watchers, keep_body=self._keep_bodies
        )
        session = Session(journal)
        try:
            run, streaming = await self._begin(incoming, journal, session)
            if streaming:
                items = session.items(run)
                opened = await anext(items)
                return OpenedStream(opened, items)
            answer = await run.whole()
        except BaseException as error:
            session.close(error)
            raise
        session.close(None)
        return answer

    async def _begin(
        self, incoming: Incoming, journal: Journal, session: Session
    ) -> tuple[Run, bool]:
        """Inspection and decision. Raises RouterError."""
        table = self._router.table
        default_s = table.timeout_us / 1e6
        asked_s = incoming.timeout_s
        facts, inspection = await facts_of_incoming(table, incoming)
        journal.asked(facts.model, stream=inspection.stream)
        if inspection.stream:
            default_s = max(default_s, self._stream_timeout_s)
        deadline = journal.started + (default_s if asked_s is None else asked_s)
        left_s = deadline - time.monotonic()
        if left_s <= 0:
            raise DeadlineExceeded("the deadline passed before any provider could be tried")
        now = self._clock()
        before = time.perf_counter()
        walk = self._router.begin(facts, now, self._seeds(), now + round(left_s * 1e6))
        session.run = Run(
            router=self._router,
            now_us=self._clock,
            upstreams=self._upstreams.current,
            walk=walk,
            incoming=incoming,
            headers=self._upstream_headers(incoming),
            journal=journal,
            deadline=deadline,
        )
        journal.decided(walk.decision, now, time.perf_counter() - before)
        self._recent.remember(incoming.principal, incoming.request_id, walk.decision.decision_id)
        return session.run, inspection.stream

    def _upstream_headers(self, incoming: Incoming) -> dict[str, str]:
        headers = {
            name: incoming.headers[name] for name in self._forward if name in incoming.headers
        }
        headers["x-request-id"] = incoming.request_id
        return headers

    async def generate(self, query: Query) -> QueryAnswer:
        """See serving.ports.RequestService.generate."""
        table = self._router.table
        complexity, signal = await classified(table, query)
        answer = await self.open(await incoming_of(query, table.query_model, complexity))
        if not isinstance(answer, Answer):
            await answer.aclose()
            raise TypeError("a stream came back where a whole answer was asked for")
        return QueryAnswer(answer, complexity, signal, time.monotonic() - query.arrived)

    # ── Deciding only ───────────────────────────────────────────────────────────────────────────

    async def decide(self, query: RouteQuery) -> Decision:
        """See serving.ports.RequestService.decide."""
        started = time.perf_counter()
        trace = self._tracing.request(query)
        try:
            self._admission.refuse_if_draining()
            facts = await facts_of_query(self._router.table, query)
            now = self._clock()
            before = time.perf_counter()
            decision = self._router.decide(facts, now, self._seeds())
            decision_s = time.perf_counter() - before
        except BaseException as error:
            total_s = time.perf_counter() - started
            self._observe(trace, self._decided(query, None, error, 0.0, total_s))
            raise
        trace.decided(decision, decision_s)
        self._recent.remember(query.principal, query.request_id, decision.decision_id)
        total_s = time.perf_counter() - started
        self._observe(trace, self._decided(query, decision, None, decision_s, total_s))
        self._watchers.tell(now, query.request_id, decision)
        return decision

    async def decide_many(self, queries: Sequence[RouteQuery]) -> list[Decision | RouterError]:
        """See serving.ports.RequestService.decide_many."""
        return [await self._decide_or_error(query) for query in queries]

    async def _decide_or_error(self, query: RouteQuery) -> Decision | RouterError:
        try:
            return await self.decide(query)
        except RouterError as error:
            return error

    async def explain(self, query: RouteQuery) -> dict[str, Any]:
        """See serving.ports.RequestService.explain."""
        facts = await facts_of_query(self._router.table, query)
        # It decides many times over to find what would alter the choice.
        explained = await asyncio.to_thread(
            self._router.explain, facts, self._clock(), self._seeds()
        )
        result: dict[str, Any] = json.loads(explained)
        return result

    def report(self, permit: str, outcome: Outcome) -> str:
        """See serving.ports.RequestService.report."""
        return self._router.report(permit, outcome, self._clock())

    def watch(self, wanted: DecisionFilter) -> AbstractContextManager[Watcher]:
        """See serving.ports.RequestService.watch."""
        return self._watchers.watching(wanted)

    # ── Experiments ─────────────────────────────────────────────────────────────────────────────

    def feedback(self, decision_id: str, score: float) -> str:
        """See serving.ports.RequestService.feedback."""
        return "accepted" if self._router.feedback(decision_id, score) else "unknown"

    def decision_of(self, principal: str, request_id: str) -> str | None:
        """See serving.ports.RequestService.decision_of."""
        return self._recent.decision_of(principal, request_id)

    def experiments(self) -> dict[str, Any]:
        """See serving.ports.RequestService.experiments."""
        figures: dict[str, Any] = json.loads(self._router.experiments(self._clock()))
        return figures

    def reset_experiments(self, experiment: str | None) -> list[str]:
        """See serving.ports.RequestService.reset_experiments."""
        return self._router.reset_experiments(experiment, self._clock())

    # ── What there is ───────────────────────────────────────────────────────────────────────────

    def status(self) -> dict[str, Any]:
        """See serving.ports.RequestService.status."""
        figures: dict[str, Any] = json.loads(self._router.status(self._clock()))
        return figures | {
            "instance": self._instance,
            "started_us": self._started_us,
            "draining": self._admission.draining,
            "in_flight": self._admission.running,
        }

    def models(self) -> list[Model]:
        """Public models: those with an active deployment."""
        return [model for model in self._router.table.models if self._is_public(model)]

    def _is_public(self, model: Model) -> bool:
        providers = (self._upstreams[provider].provider for provider in model.providers)
        return model.enabled and any(provider.active for provider in providers)

    def capabilities(self) -> list[str]:
        return self._router.table.capabilities

    def pools(self) -> list[str]:
        return self._router.table.pools

    def provider(self, provider_id: str) -> Provider:
        return self._upstreams.provider(provider_id)

    def ready(self) -> bool:
        return not self._admission.draining

    def _decided(
        self,
        query: RouteQuery,
        decision: Decision | None,
        failure: BaseException | None,
        decision_s: float,
        total_s: float,
    ) -> RequestRecord:
        return RequestRecord(
            request_id=query.request_id,
            face=query.face,
            operation=query.operation,
            stream=query.stream,
            principal=query.principal,
            requested_model=query.model,
            decision_id=decision.decision_id if decision else None,
            rule=decision.rule if decision else None,
            matched=decision.matched if decision else None,
            strategy=decision.strategy if decision else None,
            notes=tuple(decision.notes) if decision else (),
            status=status_of(failure),
            error=str(failure) if isinstance(failure, RouterError) else None,
            refusal=refusal_of(failure),
            decision_s=decision_s,
            total_s=total_s,
            overhead_s=total_s,
            table_version=decision.table_version if decision else None,
            provider=decision.provider if decision else None,
            ended_at=time.time(),
            body=_body_of(query) if self._keep_bodies else None,
        )

    def _observe(self, trace: RequestTrace, record: RequestRecord) -> None:
        trace.finish(record)
        self._tell(record)

    def _tell(self, record: RequestRecord) -> None:
        for observer in self._observers:
            observer.request_finished(record)


class Session:
    """What one request holds while it runs, given back exactly once."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.run: Run | None = None

    async def items(self, run: Run) -> AsyncGenerator[StreamItem, None]:
        """The run's stream; the session closes with it, however it ends."""
        try:
            async with aclosing(run.stream()) as items:
                async for item in items:
                    yield item
        except BaseException as error:
            # A caller may stop reading at Finished and close this: that is no cancellation.
            self.close(None if run.complete else error)
            raise
        self.close(None)

    def close(self, failure: BaseException | None) -> None:
        """Later calls do nothing."""
        if self.run is not None:
            self.run.abandon()
        self._journal.close(failure)


def _body_of(query: RouteQuery) -> bytes | None:
    return query.body if query.prompt is None else query.prompt.encode()


def _random_seeds() -> Callable[[], int]:
    """Seeds are for ties and shuffles, not for secrets."""
    generator = random.Random()  # noqa: S311
    return lambda: generator.getrandbits(64)

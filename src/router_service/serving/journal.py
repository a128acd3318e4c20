"""What is known of one request while it runs, and the single record it leaves when it ends. Logs,
metrics and traces are fed from here alone, so they cannot disagree."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from router_service.core import Attempt, Decision
from router_service.errors import (
    AllAttemptsFailed,
    Draining,
    Overloaded,
    RouterError,
    UpstreamError,
)
from router_service.serving.watchers import Watchers
from router_service.types import (
    Arrival,
    AttemptRecord,
    Finished,
    Incoming,
    Observer,
    OutcomeClass,
    RequestRecord,
    Served,
    Usage,
    Whole,
)

if TYPE_CHECKING:
    from router_service.observe.tracing import AttemptTrace, RequestTrace

CALLERS_FAULT = frozenset(
    {OutcomeClass.INVALID_REQUEST, OutcomeClass.CONTEXT_LENGTH, OutcomeClass.CONTENT_POLICY}
)
"""Outcomes that say something of the request, not of the provider."""


class Journal:
    """One request's story. Times are seconds of time.monotonic()."""

    def __init__(
        self,
        incoming: Incoming,
        trace: RequestTrace,
        observers: Sequence[Observer],
        watchers: Watchers,
        *,
        keep_body: bool = False,
    ) -> None:
        self.started = incoming.arrived
        self.attempts: list[AttemptRecord] = []
        self.decision: Decision | None = None
        self._incoming = incoming
        self._trace = trace
        self._observers = observers
        self._watchers = watchers
        self._body = incoming.body if keep_body else None
        self._stream = False
        self._model = ""
        self._decided_us = 0
        self._decision_s = 0.0
        self._waited_s = time.monotonic() - incoming.arrived
        self._first_token_s: float | None = None
        self._usage: Usage | None = None
        self._closed = False

    def asked(self, model: str, *, stream: bool) -> None:
        self._model = model
        self._stream = stream

    def decided(self, decision: Decision, at_us: int, seconds: float) -> None:
        self.decision = decision
        self._decided_us = at_us
        self._decision_s = seconds
        self._trace.decided(decision, seconds)

    def waited(self, seconds: float) -> None:
        self._waited_s += seconds

    def attempt(self, attempt: Attempt) -> AttemptJournal:
        return AttemptJournal(self, attempt, self._trace.attempt(attempt))

    def first_token(self) -> None:
        if self._first_token_s is None:
            self._first_token_s = time.monotonic() - self.started

    def ended(self, record: AttemptRecord) -> None:
        self.attempts.append(record)

    def used(self, usage: Usage | None) -> None:
        """Tokens of what the caller has got by now, where that is known."""
        self._usage = usage or self._usage

    def served(self, attempt: Attempt) -> Served:
        """E6. Only after decided()."""
        decision = self.decision
        if decision is None:
            raise RuntimeError("served() before decided()")
        return Served(
            decision_id=decision.decision_id,
            request_id=self._incoming.request_id,
            model=attempt.model,
            provider=attempt.provider,
            deployment=attempt.deployment,
            upstream_model=attempt.upstream_model,
            rule=decision.rule,
            strategy=decision.strategy,
            attempts=attempt.number,
            table_version=decision.table_version,
            deprecated=decision.deprecated,
        )

    def close(self, error: BaseException | None) -> None:
        """Leave the record, once. No error is success."""
        if self._closed:
            return
        self._closed = True
        record = self._record(error)
        self._trace.finish(record)
        for observer in self._observers:
            observer.request_finished(record)
        if self.decision is not None:
            self._watchers.tell(
                self._decided_us, record.request_id, self.decision, record.attempts, record.status
            )

    def _record(self, error: BaseException | None) -> RequestRecord:
        total_s = time.monotonic() - self.started
        elsewhere_s = self._waited_s + sum(attempt.total_s for attempt in self.attempts)
        decision = self.decision
        return RequestRecord(
            request_id=self._incoming.request_id,
            face=self._incoming.face,
            operation=self._incoming.operation,
            stream=self._stream,
            principal=self._incoming.principal,
            requested_model=self._model,
            decision_id=decision.decision_id if decision else None,
            rule=decision.rule if decision else None,
            matched=decision.matched if decision else None,
            strategy=decision.strategy if decision else None,
            notes=tuple(decision.notes) if decision else (),
            attempts=tuple(sorted(self.attempts, key=lambda record: record.number)),
            status=status_of(error),
            error=str(error) if isinstance(error, RouterError) else None,
            refusal=refusal_of(error),
            queued_s=self._incoming.queued_s,
            decision_s=self._decision_s,
            ttft_s=self._first_token_s,
            total_s=total_s,
            overhead_s=max(0.0, total_s - elsewhere_s),
            usage=self._usage,
            table_version=decision.table_version if decision else None,
            provider=decision.provider if decision else None,
            ended_at=time.time(),
            body=self._body,
        )


class AttemptJournal:
    """One attempt's part of the story."""

    def __init__(self, journal: Journal, attempt: Attempt, trace: AttemptTrace) -> None:
        self._journal = journal
        self._attempt = attempt
        self._trace = trace
        self._started = time.monotonic()
        self._ttft_s: float | None = None
        self.headers = trace.headers
        """What to send upstream so that the trace goes on there."""

    def first_token(self) -> None:
        if self._ttft_s is None:
            self._ttft_s = time.monotonic() - self._started
            self._trace.first_token()
            self._journal.first_token()

    def finish(
        self, outcome: OutcomeClass, error: UpstreamError | None, answer: Finished | Whole | None
    ) -> AttemptRecord:
        """End the attempt; call once."""
        attempt = self._attempt
        record = AttemptRecord(
            number=attempt.number,
            kind=attempt.kind,
            model=attempt.model,
            provider=attempt.provider,
            deployment=attempt.deployment,
            upstream_model=attempt.upstream_model,
            outcome=outcome,
            status=error.status if error else None,
            message=error.message if error else None,
            ttft_s=self._ttft_s,
            total_s=time.monotonic() - self._started,
        )
        self._trace.finish(record, answer)
        self._journal.ended(record)
        return record


def refusal_record(arrival: Arrival, error: BaseException, queued_s: float) -> RequestRecord:
    """The record of a request that a face turned away, or whose caller left before it was read."""
    return RequestRecord(
        request_id=arrival.request_id,
        face=arrival.face,
        operation=arrival.operation,
        stream=False,
        principal=arrival.principal,
        requested_model="",
        status=status_of(error),
        total_s=time.monotonic() - arrival.at,
        error=str(error) if isinstance(error, RouterError) else None,
        refusal=refusal_of(error),
        queued_s=queued_s,
        ended_at=time.time(),
    )


def refusal_of(error: BaseException | None) -> str | None:
    """Which bound of the router's own an error tells of, if any."""
    if isinstance(error, Overloaded):
        return error.reason
    return error.code if isinstance(error, Draining) else None


def status_of(error: BaseException | None) -> str:
    """ok, cancelled, or the code of the error the caller gets."""
    if error is None:
        return "ok"
    if isinstance(error, AllAttemptsFailed) and error.cause.outcome_class in CALLERS_FAULT:
        return error.cause.outcome_class.value
    if isinstance(error, RouterError):
        return error.code
    # CancelledError and GeneratorExit: the caller left. Any other exception is a fault of ours.
    return RouterError.code if isinstance(error, Exception) else "cancelled"

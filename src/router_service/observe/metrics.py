"""Prometheus metrics, fed by finished requests and read at /metrics.

Every label has a bounded set of values: what a client makes up never becomes one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics import MetricWrapperBase
from prometheus_client.registry import Collector

from router_service.observe.fallbacks import moves
from router_service.observe.load_gauges import Lanes, LoadGauges
from router_service.observe.provider_figures import ProviderGauges, Status
from router_service.types import AttemptRecord, OutcomeClass, RequestRecord

_US = 1e-6
_MS = 1e-3

DECISION_BUCKETS = tuple(
    n * _US for n in (1, 2, 3, 5, 7.5, 10, 20, 50, 100, 200, 500, 1e3, 5e3, 20e3, 100e3)
)
OVERHEAD_BUCKETS = tuple(
    n * _US
    for n in (50, 100, 200, 300, 500, 750, 1e3, 1.5e3, 2e3, 3e3, 5e3, 10e3, 25e3, 100e3, 1e6)
)
FIRST_TOKEN_BUCKETS = tuple(
    n * _MS for n in (10, 25, 50, 100, 150, 200, 350, 500, 750, 1e3, 2e3, 3.5e3, 5e3, 10e3, 30e3)
)
QUEUE_BUCKETS = tuple(
    n * _MS for n in (1, 5, 10, 25, 50, 100, 250, 500, 1e3, 2e3, 3e3, 5e3, 10e3, 30e3, 60e3)
)
REQUEST_BUCKETS = tuple(
    n * _MS
    for n in (10, 25, 50, 100, 250, 500, 1e3, 2e3, 3e3, 5e3, 10e3, 20e3, 30e3, 60e3, 120e3, 300e3)
)

OTHER = "other"
PASSTHROUGH = "*"
_MOST_CHILDREN = 2000

_Family = TypeVar("_Family", bound=MetricWrapperBase)


class Metrics:
    """An Observer that counts and measures.

    status gives the state of each provider and what budgets hold, lanes what runs and waits of
    each kind of work, dropped_lines the access log's lost lines, lost_records what the decision log
    lost and tasks how many tasks the event loop has; all are read when someone scrapes, and left
    out where they are None.
    """

    def __init__(
        self,
        registry: CollectorRegistry | None = None,
        *,
        status: Status | None = None,
        lanes: Lanes | None = None,
        dropped_lines: Callable[[], int] | None = None,
        lost_records: Callable[[], int] | None = None,
        tasks: Callable[[], int] | None = None,
    ) -> None:
        self.registry = CollectorRegistry() if registry is None else registry
        ProcessCollector(registry=self.registry)
        if status is not None:
            self.registry.register(ProviderGauges(status))
        if lanes is not None:
            self.registry.register(LoadGauges(lanes))
        if dropped_lines is not None:
            told = "Access log lines that could not be written."
            self.registry.register(_Kept("router_log_lines_dropped", told, dropped_lines))
        if lost_records is not None:
            told = "Records that the decision log lost; gap records say where."
            self.registry.register(_Kept("router_decision_records_lost", told, lost_records))
        if tasks is not None:
            running = Gauge("router_tasks", "Tasks of the event loop.", registry=self.registry)
            running.set_function(tasks)
        self._times()
        self._counts()

    def request_finished(self, record: RequestRecord) -> None:
        self._requests.child(record.face, record.operation.value, record.status).inc()
        if record.status == "internal_error":
            self.internal_error(record.face)
        if record.refusal is not None:
            self._refused.child(record.face, record.refusal).inc()
        if record.attempts or record.queued_s > 0:
            self._queue_seconds.observe(record.queued_s)
        if record.decision_s > 0:
            self._decision_seconds.observe(record.decision_s)
        if record.rule is not None:
            self._decisions.child(record.rule, record.strategy or "").inc()
        if record.attempts:
            self._carried_out(record)

    def internal_error(self, place: str) -> None:
        """Count a fault of ours that no record tells of. place is a fixed word such as grpc, http
        or background; a record with status internal_error is counted without this."""
        self._internal_errors.child(place).inc()

    def render(self) -> tuple[bytes, str]:
        """The exposition text and its content type."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST

    def _carried_out(self, record: RequestRecord) -> None:
        self._overhead_seconds.observe(record.overhead_s)
        self._request_seconds.observe(record.total_s)
        for attempt in record.attempts:
            self._attempts.child(
                attempt.provider, _model_label(attempt), attempt.kind, attempt.outcome.value
            ).inc()
            if attempt.ttft_s is not None:
                self._first_token_seconds.child(attempt.provider).observe(attempt.ttft_s)
        self._count_fallbacks(record)
        self._count_tokens(record)

    def _count_fallbacks(self, record: RequestRecord) -> None:
        moved = moves(record.attempts)
        for left, entered in moved:
            self._fallbacks.child(left.provider, entered.provider, left.outcome.value).inc()
        if moved and record.status == "ok":
            self._fallback_success.inc()

    def _count_tokens(self, record: RequestRecord) -> None:
        if record.usage is None:
            return
        provider = _server_of(record.attempts).provider
        self._tokens.child("prompt", provider).inc(record.usage.prompt_tokens)
        self._tokens.child("completion", provider).inc(record.usage.completion_tokens)

    def _times(self) -> None:
        self._decision_seconds = self._histogram(
            "router_decision_seconds", "Time to decide on one request.", DECISION_BUCKETS
        )
        self._overhead_seconds = self._histogram(
            "router_overhead_seconds",
            "Time of a carried-out request outside upstream calls and deliberate waits.",
            OVERHEAD_BUCKETS,
        )
        self._request_seconds = self._histogram(
            "router_request_seconds",
            "Time of a carried-out request from arrival to its last byte.",
            REQUEST_BUCKETS,
        )
        self._queue_seconds = self._histogram(
            "router_queue_seconds",
            "Time requests waited for a slot, whether or not they got one.",
            QUEUE_BUCKETS,
        )
        self._first_token_seconds = _Children(
            self._histogram(
                "router_time_to_first_token_seconds",
                "Time from the start of an attempt to its first token.",
                FIRST_TOKEN_BUCKETS,
                ("provider",),
            )
        )

    def _counts(self) -> None:
        self._requests = self._counter(
            "router_requests_total",
            "Finished requests; status is ok, cancelled or an error code.",
            ("face", "operation", "status"),
        )
        self._refused = self._counter(
            "router_refused_total",
            "Requests refused for want of room; reason is the bound that was met.",
            ("face", "reason"),
        )
        self._decisions = self._counter(
            "router_decisions_total",
            "Decisions by the rule that matched and the strategy used.",
            ("rule", "strategy"),
        )
        self._attempts = self._counter(
            "router_attempts_total",
            "Attempts by kind (first, repeat, fallback, hedge, continuation) and outcome; model "
            "is * where the requested name was passed through.",
            ("provider", "model", "kind", "outcome"),
        )
        self._fallbacks = self._counter(
            "router_fallbacks_total",
            "Moves to another deployment; reason is the outcome left behind.",
            ("from", "to", "reason"),
        )
        self._tokens = self._counter(
            "router_tokens_total", "Tokens as providers counted them.", ("kind", "provider")
        )
        self._internal_errors = self._counter(
            "router_internal_errors_total",
            "Faults of the router's own, panics included.",
            ("place",),
        )
        self._fallback_success = Counter(
            "router_fallback_success_total",
            "Requests answered after at least one fallback.",
            registry=self.registry,
        )

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> _Children[Counter]:
        return _Children(Counter(name, text, labels, registry=self.registry))

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], labels: tuple[str, ...] = ()
    ) -> Histogram:
        return Histogram(name, text, labels, buckets=buckets, registry=self.registry)


class _Children(Generic[_Family]):
    """Children of one metric family by label values, looked up in one dict.

    Past _MOST_CHILDREN, values not seen before are counted together as `other`.
    """

    def __init__(self, family: _Family) -> None:
        self._family = family
        self._known: dict[tuple[str, ...], _Family] = {}

    def child(self, *labels: str) -> _Family:
        known = self._known.get(labels)
        return known if known is not None else self._resolve(labels)

    def _resolve(self, labels: tuple[str, ...]) -> _Family:
        if len(self._known) >= _MOST_CHILDREN:
            return self._family.labels(*(OTHER for _ in labels))
        child = self._known[labels] = self._family.labels(*labels)
        return child


class _Kept(Collector):
    """A count that something else keeps, read at scrape time so that it is never stale."""

    def __init__(self, name: str, text: str, count: Callable[[], int]) -> None:
        self._name = name
        self._text = text
        self._count = count

    def collect(self) -> Iterable[Metric]:
        yield CounterMetricFamily(self._name, self._text, value=self._count())


def _server_of(attempts: Sequence[AttemptRecord]) -> AttemptRecord:
    """The attempt that served the caller; the loser of a race may have begun after it."""
    served = (a for a in reversed(attempts) if a.outcome is not OutcomeClass.CANCELLED)
    return next(served, attempts[-1])


def _model_label(attempt: AttemptRecord) -> str:
    # A passthrough deployment carries whatever name the client asked for.
    return PASSTHROUGH if attempt.deployment.startswith("*@") else attempt.model

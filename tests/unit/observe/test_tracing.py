"""Spans of a request: their tree, names and attributes, and that each ends exactly once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode

from router_service.observe.tracing import Tracing
from router_service.types import (
    AttemptRecord,
    Attributes,
    Finished,
    Incoming,
    Operation,
    OutcomeClass,
    RequestRecord,
    RouteQuery,
    Usage,
)

MakeAttempt = Callable[..., AttemptRecord]
MakeRecord = Callable[..., RequestRecord]

TRACE_ID = "0af7651916cd43dd8448eb211c80319c"
PARENT_ID = "b7ad6b7169203331"
THEIR_HEADERS = {
    "traceparent": f"00-{TRACE_ID}-{PARENT_ID}-01",
    "tracestate": "vendor=1",
    "authorization": "Bearer abcdef123456",
}
PROMPT = "my secret diary"


@dataclass(frozen=True)
class FakeDecision:
    """The attributes of core.Decision that traces read."""

    decision_id: str = "dec-1"
    table_version: str = "00c0ffee00c0ffee"
    requested_model: str = "llama3.1:8b"
    rule: str = "exact"
    matched: str = "llama3.1:8b"
    strategy: str = "weighted"
    model: str = "llama3.1:latest"
    provider: str = "ollama"
    complexity: str = "low"
    plan: tuple[str, ...] = ("first", "second")
    propensity: float = 0.7


@dataclass(frozen=True)
class FakeAttempt:
    """The attributes of core.Attempt that traces read."""

    number: int = 1
    model: str = "llama3.1:latest"
    provider: str = "ollama"
    deployment: str = "llama3.1:latest@ollama"
    upstream_model: str = "llama3.1"


class Recorded:
    """Tracing into memory."""

    def __init__(self, **options: object) -> None:
        self._exporter = InMemorySpanExporter()
        self.provider = TracerProvider(shutdown_on_exit=False, **options)
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracing = Tracing(
            self.provider,
            base_url={"ollama": "http://127.0.0.1:11434", "cloud": "https://example.com/v1"}.get,
        )

    @property
    def spans(self) -> dict[str, ReadableSpan]:
        """Ended spans by name; a name that ended twice fails the test."""
        ended = self._exporter.get_finished_spans()
        by_name = {span.name: span for span in ended}
        assert len(by_name) == len(ended), "a span ended twice"
        return by_name


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


@pytest.fixture
def incoming() -> Incoming:
    return Incoming(
        face="http",
        operation=Operation.CHAT,
        body=PROMPT.encode(),
        attributes=Attributes(),
        headers=THEIR_HEADERS,
        principal="team-a",
        request_id="req-1",
    )


def test_the_tree_of_a_request(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    trace = recorded.tracing.request(incoming)
    trace.decided(FakeDecision(), 0.000004)
    attempt = trace.attempt(FakeAttempt())
    attempt.first_token()
    attempt.finish(make_attempt(), Finished("stop", Usage(11, 7), "llama3.1:8b-q4"))
    trace.finish(make_record())

    request = recorded.spans["chat llama3.1:8b"]
    decide = recorded.spans["decide"]
    client = recorded.spans["chat llama3.1"]
    assert [span.kind for span in (request, decide, client)] == [
        SpanKind.SERVER,
        SpanKind.INTERNAL,
        SpanKind.CLIENT,
    ]
    assert request.parent is not None
    assert request.parent.span_id == int(PARENT_ID, 16)
    assert request.parent.trace_id == int(TRACE_ID, 16)
    for child in (decide, client):
        assert child.parent is not None
        assert child.parent.span_id == request.context.span_id
    assert decide.end_time is not None
    assert decide.start_time is not None
    assert decide.end_time - decide.start_time == 4000
    assert [event.name for event in client.events] == ["gen_ai.first_token"]


def test_attributes_follow_the_conventions(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    trace = recorded.tracing.request(incoming)
    trace.decided(FakeDecision(), 0.000004)
    trace.attempt(FakeAttempt()).finish(
        make_attempt(), Finished("stop", Usage(11, 7), "llama3.1:8b-q4")
    )
    trace.finish(make_record())

    assert dict(recorded.spans["chat llama3.1"].attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "ollama",
        "gen_ai.request.model": "llama3.1",
        "gen_ai.response.finish_reasons": ("stop",),
        "gen_ai.response.model": "llama3.1:8b-q4",
        "gen_ai.response.time_to_first_chunk": 0.12,
        "gen_ai.usage.input_tokens": 11,
        "gen_ai.usage.output_tokens": 7,
        "http.response.status_code": 200,
        "router.attempt.number": 1,
        "router.deployment": "llama3.1:latest@ollama",
        "router.model": "llama3.1:latest",
        "router.outcome": "success",
        "server.address": "127.0.0.1",
        "server.port": 11434,
    }
    assert dict(recorded.spans["chat llama3.1:8b"].attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": "llama3.1:8b",
        "gen_ai.request.stream": True,
        "router.attempts": 1,
        "router.decision.id": "dec-1",
        "router.face": "http",
        "router.matched": "llama3.1:8b",
        "router.overhead": 0.0004,
        "router.request.id": "req-1",
        "router.rule": "exact",
        "router.status": "ok",
        "router.strategy": "weighted",
        "router.table.version": "00c0ffee00c0ffee",
        "router.usage.completion_tokens": 7,
        "router.usage.prompt_tokens": 11,
    }
    decided = recorded.spans["decide"].attributes or {}
    assert decided["router.chosen.provider"] == "ollama"
    assert decided["router.plan.length"] == 2


def test_the_server_is_named_where_it_is_known(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord
) -> None:
    trace = recorded.tracing.request(incoming)
    trace.attempt(FakeAttempt(provider="cloud", upstream_model="known"))
    trace.attempt(FakeAttempt(provider="gone", upstream_model="gone"))
    trace.finish(make_record())
    known = recorded.spans["chat known"].attributes or {}
    assert (known["server.address"], known["server.port"]) == ("example.com", 443)
    assert "server.address" not in (recorded.spans["chat gone"].attributes or {})


def test_upstream_gets_the_attempt_as_its_parent(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    trace = recorded.tracing.request(incoming)
    attempt = trace.attempt(FakeAttempt())
    attempt.finish(make_attempt())
    trace.finish(make_record())
    span = recorded.spans["chat llama3.1"]
    assert attempt.headers == {
        "traceparent": f"00-{TRACE_ID}-{span.context.span_id:016x}-01",
        "tracestate": "vendor=1",
    }


def test_an_unsampled_trace_tells_upstream_so(incoming: Incoming, make_record: MakeRecord) -> None:
    recorded = Recorded(sampler=ALWAYS_OFF)
    trace = recorded.tracing.request(incoming)
    trace.decided(FakeDecision(), 0.000004)
    attempt = trace.attempt(FakeAttempt())
    attempt.first_token()
    trace.finish(make_record())
    assert attempt.headers["traceparent"].startswith(f"00-{TRACE_ID}-")
    assert attempt.headers["traceparent"].endswith("-00")
    assert recorded.spans == {}


@pytest.mark.parametrize("traceparent", ["", "garbage", "00-0-0-01", "ff" * 5000])
def test_a_nonsense_parent_starts_a_new_trace(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, traceparent: str
) -> None:
    trace = recorded.tracing.request(replace(incoming, headers={"traceparent": traceparent}))
    trace.finish(make_record())
    assert recorded.spans["chat"].parent is None


def test_a_failed_attempt_and_the_one_after_it(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    trace = recorded.tracing.request(incoming)
    trace.decided(FakeDecision(), 0.000004)
    failed = make_attempt(outcome=OutcomeClass.UNAVAILABLE, status=503, message=PROMPT)
    trace.attempt(FakeAttempt()).finish(failed)
    trace.attempt(FakeAttempt(number=2, upstream_model="other")).finish(make_attempt(number=2))
    trace.finish(make_record())
    first, second = recorded.spans["chat llama3.1"], recorded.spans["chat other"]
    assert (first.status.status_code, second.status.status_code) == (
        StatusCode.ERROR,
        StatusCode.UNSET,
    )
    assert (first.attributes or {})["error.type"] == "unavailable"
    assert (first.attributes or {})["http.response.status_code"] == 503
    assert "error.type" not in (second.attributes or {})
    assert recorded.spans["chat llama3.1:8b"].status.status_code is StatusCode.UNSET


def test_a_cancelled_request_ends_every_span_once(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    trace = recorded.tracing.request(incoming)
    attempt = trace.attempt(FakeAttempt())
    trace.finish(make_record(status="cancelled", attempts=(), usage=None))
    attempt.first_token()
    attempt.finish(make_attempt())
    trace.finish(make_record())
    client, request = recorded.spans["chat llama3.1"], recorded.spans["chat"]
    assert (client.attributes or {})["router.outcome"] == "cancelled"
    assert (request.attributes or {})["error.type"] == "cancelled"
    assert request.status.status_code is StatusCode.UNSET


@pytest.mark.parametrize(
    ("status", "code"),
    [
        ("ok", StatusCode.UNSET),
        ("invalid_request", StatusCode.UNSET),
        ("unknown_model", StatusCode.UNSET),
        ("all_attempts_failed", StatusCode.ERROR),
        ("internal_error", StatusCode.ERROR),
    ],
)
def test_only_our_own_faults_are_errors(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, status: str, code: StatusCode
) -> None:
    recorded.tracing.request(incoming).finish(make_record(status=status))
    assert recorded.spans["chat"].status.status_code is code


def test_a_decision_without_carrying_out(
    recorded: Recorded, make_record: MakeRecord, incoming: Incoming
) -> None:
    query = RouteQuery(
        face="grpc",
        model="code",
        attributes=Attributes(),
        headers={},
        principal="team-a",
        request_id="req-2",
        prompt=PROMPT,
    )
    trace = recorded.tracing.request(query)
    trace.decided(FakeDecision(requested_model="", rule="capability", matched="code"), 0.000004)
    trace.finish(make_record(attempts=(), usage=None))
    assert set(recorded.spans) == {"decide", "route code"}


def test_neither_prompt_nor_key_nor_control_characters_reach_a_span(
    recorded: Recorded, incoming: Incoming, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    trace = recorded.tracing.request(incoming)
    trace.decided(FakeDecision(requested_model="a\nb" + "x" * 10_000), 0.000004)
    failed = make_attempt(outcome=OutcomeClass.UNAUTHORIZED, status=401, message=PROMPT)
    trace.attempt(FakeAttempt()).finish(failed)
    trace.finish(make_record(status="all_attempts_failed", error=PROMPT))
    text = "".join(span.to_json() for span in recorded.spans.values())
    assert PROMPT not in text
    assert "abcdef123456" not in text
    assert max(map(len, recorded.spans)) < 300
    assert all(name.isprintable() for name in recorded.spans)


def test_off_passes_the_callers_own_trace_through(
    incoming: Incoming, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    tracing = Tracing()
    trace = tracing.request(incoming)
    trace.decided(FakeDecision(), 0.000004)
    attempt = trace.attempt(FakeAttempt())
    attempt.first_token()
    attempt.finish(make_attempt())
    trace.finish(make_record())
    assert attempt.headers == {name: THEIR_HEADERS[name] for name in ("traceparent", "tracestate")}
    assert not tracing.enabled
    assert tracing.shutdown()

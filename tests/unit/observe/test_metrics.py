"""Metrics: what a record adds to which series, and that labels stay bounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import pytest

from router_service.observe import metrics as metrics_module
from router_service.observe.metrics import Metrics
from router_service.observe.observers import Observers
from router_service.types import AttemptRecord, OutcomeClass, RequestRecord

MakeAttempt = Callable[..., AttemptRecord]
MakeRecord = Callable[..., RequestRecord]


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    # `from` is a keyword, so a label of that name is written from_.
    return metrics.registry.get_sample_value(
        name, {key.removesuffix("_"): text for key, text in labels.items()}
    )


def test_a_request_is_counted_and_measured(metrics: Metrics, make_record: MakeRecord) -> None:
    metrics.request_finished(make_record())
    assert value(metrics, "router_requests_total", face="http", operation="chat", status="ok") == 1
    assert value(metrics, "router_decisions_total", rule="exact", strategy="weighted") == 1
    assert (
        value(
            metrics,
            "router_attempts_total",
            provider="ollama",
            model="llama3.1:latest",
            kind="first",
            outcome="success",
        )
        == 1
    )
    assert value(metrics, "router_decision_seconds_sum") == pytest.approx(4.2e-6)
    assert value(metrics, "router_overhead_seconds_sum") == pytest.approx(0.0004)
    assert value(metrics, "router_request_seconds_sum") == pytest.approx(0.95)
    assert value(metrics, "router_queue_seconds_sum") == pytest.approx(0.25)
    assert value(
        metrics, "router_time_to_first_token_seconds_sum", provider="ollama"
    ) == pytest.approx(0.12)
    assert value(metrics, "router_tokens_total", kind="prompt", provider="ollama") == 11
    assert value(metrics, "router_tokens_total", kind="completion", provider="ollama") == 7


def test_refusals_are_counted_by_the_bound_they_met(
    metrics: Metrics, make_record: MakeRecord
) -> None:
    refused = make_record(attempts=(), rule=None, status="overloaded", refusal="queue_full")
    metrics.request_finished(replace(refused, queued_s=0.0))
    metrics.request_finished(replace(refused, queued_s=5.0, refusal="queue_timeout"))
    for reason in ("queue_full", "queue_timeout"):
        assert value(metrics, "router_refused_total", face="http", reason=reason) == 1
    assert value(metrics, "router_queue_seconds_count") == 1
    assert value(metrics, "router_queue_seconds_sum") == 5


def test_the_lanes_are_read_at_scrape_time() -> None:
    lane = SimpleNamespace(running=1, waiting=2, bytes_held=3)
    metrics = Metrics(lanes=lambda: {"carry_out": lane})
    lane.running = 7
    assert value(metrics, "router_requests_running", work="carry_out") == 7
    assert value(metrics, "router_requests_waiting", work="carry_out") == 2
    assert value(metrics, "router_body_bytes_held", work="carry_out") == 3


def test_buckets_reach_down_to_where_the_router_works(
    metrics: Metrics, make_record: MakeRecord
) -> None:
    metrics.request_finished(make_record(decision_s=0.9e-6, overhead_s=49e-6))
    assert value(metrics, "router_decision_seconds_bucket", le="1e-06") == 1
    first = f"{metrics_module.OVERHEAD_BUCKETS[0]}"
    assert float(first) == pytest.approx(50e-6)
    assert value(metrics, "router_overhead_seconds_bucket", le=first) == 1


def test_fallbacks_are_counted_by_move(metrics: Metrics, fallen_back: RequestRecord) -> None:
    metrics.request_finished(fallen_back)
    name = "router_fallbacks_total"
    assert value(metrics, name, from_="ollama", to="llama_cpp_python", reason="unavailable") == 1
    assert value(metrics, name, from_="llama_cpp_python", to="ollama_cloud", reason="silent") == 1
    assert value(metrics, "router_fallback_success_total") == 1
    assert value(metrics, "router_tokens_total", kind="prompt", provider="ollama_cloud") == 11


def test_a_race_is_no_fallback(
    metrics: Metrics, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    winner = make_attempt(deployment="m@one", provider="one")
    loser = make_attempt(
        number=2, kind="hedge", deployment="m@two", outcome=OutcomeClass.CANCELLED, provider="two"
    )
    metrics.request_finished(make_record(attempts=(winner, loser)))
    assert b"router_fallbacks_total{" not in metrics.render()[0]
    assert value(metrics, "router_tokens_total", kind="prompt", provider="one") == 11


def test_a_repeat_is_no_fallback(
    metrics: Metrics, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    failed = make_attempt(outcome=OutcomeClass.SERVER_ERROR, status=500, ttft_s=None)
    metrics.request_finished(make_record(attempts=(failed, make_attempt(number=2))))
    assert value(metrics, "router_fallback_success_total") == 0
    assert b"router_fallbacks_total{" not in metrics.render()[0]


def test_a_failed_fallback_is_no_success(
    metrics: Metrics, make_record: MakeRecord, fallen_back: RequestRecord
) -> None:
    metrics.request_finished(
        make_record(attempts=fallen_back.attempts[:2], status="all_attempts_failed", usage=None)
    )
    assert value(metrics, "router_fallback_success_total") == 0


def test_a_decision_alone_counts_as_such_and_measures_no_request(
    metrics: Metrics, make_record: MakeRecord
) -> None:
    metrics.request_finished(make_record(attempts=(), usage=None, ttft_s=None))
    assert value(metrics, "router_decisions_total", rule="exact", strategy="weighted") == 1
    assert value(metrics, "router_decision_seconds_count") == 1
    assert value(metrics, "router_overhead_seconds_count") == 0
    assert value(metrics, "router_request_seconds_count") == 0


def test_a_refused_request_is_no_decision(metrics: Metrics, make_record: MakeRecord) -> None:
    metrics.request_finished(
        make_record(rule=None, strategy=None, attempts=(), status="overloaded", decision_s=0.0)
    )
    assert (
        value(metrics, "router_requests_total", face="http", operation="chat", status="overloaded")
        == 1
    )
    assert value(metrics, "router_decision_seconds_count") == 0
    assert b"router_decisions_total{" not in metrics.render()[0]


def test_names_that_clients_make_up_become_no_label(
    metrics: Metrics, make_record: MakeRecord, make_attempt: MakeAttempt
) -> None:
    for number in range(50):
        attempt = make_attempt(model=f"made-up-{number}", deployment="*@ollama")
        metrics.request_finished(
            make_record(requested_model=f"made-up-{number}", rule="default", attempts=(attempt,))
        )
    text = metrics.render()[0]
    assert b"made-up" not in text
    assert (
        value(
            metrics,
            "router_attempts_total",
            provider="ollama",
            model="*",
            kind="first",
            outcome="success",
        )
        == 50
    )


def test_series_have_a_bound(
    metrics: Metrics,
    make_record: MakeRecord,
    make_attempt: MakeAttempt,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_module, "_MOST_CHILDREN", 3)
    for number in range(10):
        attempt = make_attempt(model=f"m{number}", deployment=f"m{number}@ollama")
        metrics.request_finished(make_record(attempts=(attempt,)))
    assert metrics.render()[0].count(b"\nrouter_attempts_total{") == 4
    other = dict.fromkeys(("provider", "model", "kind", "outcome"), "other")
    assert value(metrics, "router_attempts_total", **other) == 7
    assert (
        value(
            metrics,
            "router_attempts_total",
            provider="ollama",
            model="m0",
            kind="first",
            outcome="success",
        )
        == 1
    )


def test_internal_errors_are_counted_with_and_without_a_record(
    metrics: Metrics, make_record: MakeRecord
) -> None:
    metrics.request_finished(make_record(status="internal_error"))
    metrics.internal_error("background")
    assert value(metrics, "router_internal_errors_total", place="http") == 1
    assert value(metrics, "router_internal_errors_total", place="background") == 1


def test_lost_lines_are_read_when_scraped() -> None:
    lost = [5]
    metrics = Metrics(dropped_lines=lambda: lost[0])
    lost[0] = 7
    assert value(metrics, "router_log_lines_dropped_total") == 7


def test_tasks_are_counted_when_scraped() -> None:
    tasks = [3]
    metrics = Metrics(tasks=lambda: tasks[0])
    tasks[0] = 4
    assert value(metrics, "router_tasks") == 4


def test_rendering_gives_the_exposition_format(metrics: Metrics, make_record: MakeRecord) -> None:
    metrics.request_finished(make_record())
    text, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=")
    assert b"# TYPE router_overhead_seconds histogram\n" in text
    assert b'router_decisions_total{rule="exact",strategy="weighted"} 1.0\n' in text


def test_one_failing_observer_is_said_once_and_stops_nobody(
    metrics: Metrics, make_record: MakeRecord, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken:
        def request_finished(self, record: RequestRecord) -> None:
            raise RuntimeError("broken observer")

    observers = Observers(Broken(), metrics)
    observers.request_finished(make_record())
    observers.request_finished(make_record())
    assert value(metrics, "router_request_seconds_count") == 2
    assert caplog.text.count("Broken failed on a finished request") == 1

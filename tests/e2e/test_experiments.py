"""An experiment before the fake fleet: each question on its arm, the figures that come of it, a
failing arm rolled back, a reset, and feedback over both faces."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.v1 import admin_pb2, router_pb2

from . import small_fleet
from .routers import InProcessRouter, in_process

SAMPLES = 20
EXPERIMENT = {
    "enabled": True,
    "control": "8b",
    "arms": {"3b": {"model": "delta", "share": 0.5}, "8b": {"model": "gamma"}},
    "guardrail": {"min_samples": SAMPLES},
}
CLASSES = {
    "experiment": "sizes",
    "simple": "3b",
    "complex": "8b",
    "baseline_latency_ms": 4500,
    "vocabulary": {
        "comparison": ["vs"],
        "factual": ["what"],
        "longest_factual_words": 10,
    },
}
FAILING = Behaviour(faults=(Fault(FaultKind.STATUS, status=503),))
SIMPLE, COMPLEX = "What is it?", "This vs. that"
FIELDS = {
    "total_requests",
    "model_distribution",
    "average_latency_ms",
    "baseline_latency_ms",
    "latency_improvement_pct",
    "estimated_cost_savings_pct",
    "ab_test_ratio",
    "routing_enabled",
}


@pytest.fixture
def routing(fleet: FakeFleet, tmp_path: Path) -> Path:
    """delta and gamma as the arms; a failing delta is rescued by gamma."""
    document = small_fleet.routing(
        fleet.addresses,
        fallback_chains={"delta": {"chain": ["gamma"]}},
        experiments={"sizes": EXPERIMENT},
        query_classes=CLASSES,
    )
    return small_fleet.written(document, tmp_path / "routing.yaml")


@pytest.fixture
async def plain_router(
    fleet: FakeFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[InProcessRouter]:
    """A router without any experiment."""
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)
    document = small_fleet.routing(fleet.addresses)
    path = small_fleet.written(document, tmp_path / "plain.yaml")
    async with in_process(path, tmp_path) as running:
        yield running


async def posted(router: InProcessRouter, path: str, **fields: Any) -> dict[str, Any]:
    async with router.http.session.post(f"{router.http.url}/v1/{path}", json=fields) as response:
        found: dict[str, Any] = await response.json()
        assert response.status == 200, found
        return found


async def stats(router: InProcessRouter) -> dict[str, Any]:
    url = f"{router.http.url}/v1/model-routing/stats"
    async with router.http.session.get(url) as response:
        found: dict[str, Any] = await response.json()
        return found


async def test_each_class_is_answered_by_its_arm(router: InProcessRouter) -> None:
    simple = await posted(router, "generate", query=SIMPLE, context_docs=["a fact"])
    assert (simple["model"], simple["complexity"]) == ("delta", "simple")
    assert simple["text"]
    assert simple["prompt_tokens"] > 0
    assert simple["completion_tokens"] > 0
    assert simple["latency_ms"] > 0
    complex_ = await posted(router, "generate", query=COMPLEX)
    assert (complex_["model"], complex_["complexity"]) == ("gamma", "complex")
    line = await router.access_log.of(simple["request_id"])
    assert line["decision_id"] == simple["decision_id"]
    await router.idle()


async def test_the_same_question_always_gets_the_same_arm(router: InProcessRouter) -> None:
    first: dict[str, str] = {}
    for number in range(30):
        question = f"Vaccination protocol {number}"
        answer = await posted(router, "generate", query=question)
        assert answer["complexity"] == "medium"
        first[question] = answer["model"]
    assert set(first.values()) == {"delta", "gamma"}
    for question, model in first.items():
        again = await posted(router, "generate", query=f"  {question.upper()} ")
        assert again["model"] == model
    await router.idle()


async def test_the_statistics_have_exactly_the_fields_and_a_reset_clears_them(
    router: InProcessRouter,
) -> None:
    for query in (SIMPLE, SIMPLE, SIMPLE, COMPLEX):
        await posted(router, "generate", query=query)
    found = await stats(router)
    assert set(found) == FIELDS
    assert found["total_requests"] == 4
    assert list(found["model_distribution"]) == ["3b", "8b"]
    for name, count, percentage in (("3b", 3, 75.0), ("8b", 1, 25.0)):
        arm = found["model_distribution"][name]
        assert set(arm) == {"count", "percentage", "avg_latency_ms"}
        assert (arm["count"], arm["percentage"]) == (count, percentage)
        assert arm["avg_latency_ms"] > 0
    assert 0 < found["average_latency_ms"] < found["baseline_latency_ms"] == 4500.0
    assert found["latency_improvement_pct"] > 0
    assert found["estimated_cost_savings_pct"] == 37.5
    assert (found["ab_test_ratio"], found["routing_enabled"]) == (0.5, True)
    assert await posted(router, "model-routing/reset") == {"reset": ["sizes"]}
    assert (await stats(router))["total_requests"] == 0
    await router.idle()


async def test_a_failing_arm_is_rolled_back_while_every_question_is_answered(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    await fleet["fourth"].behave(FAILING)
    models = set()
    for number in range(200):
        models.add((await posted(router, "generate", query=f"Protocol {number}"))["model"])
        if not (await stats(router))["routing_enabled"]:
            break
    assert models == {"gamma"}
    assert 0 < len(await fleet["fourth"].log()) <= SAMPLES
    request = admin_pb2.GetExperimentStatsRequest(experiment="sizes")
    admin = router.grpc.admin
    (experiment,) = (await admin.GetExperimentStats(request)).experiments
    assert experiment.verdict == admin_pb2.GUARDRAIL_VERDICT_ROLLED_BACK
    assert experiment.verdict_reason.startswith("arm 3b: 20 of 20 requests failed")
    # Simple questions, which were its own, go to the control as well until a reset.
    assert (await posted(router, "generate", query=SIMPLE))["model"] == "gamma"
    reset = await admin.ResetExperimentStats(admin_pb2.ResetExperimentStatsRequest())
    assert list(reset.experiments) == ["sizes"]
    found = await stats(router)
    assert (found["routing_enabled"], found["total_requests"]) == (True, 0)
    await router.idle()


async def test_feedback_over_both_faces(router: InProcessRouter) -> None:
    answer = await posted(router, "generate", query=SIMPLE)
    decision_id, request_id = answer["decision_id"], answer["request_id"]
    told = await posted(router, "feedback", request_id=request_id, thumbs="down")
    assert told == {"status": "accepted"}
    request = router_pb2.ReportFeedbackRequest(decision_id=decision_id, score=0.75)
    reply = await router.grpc.stub.ReportFeedback(request)
    assert reply.status == router_pb2.REPORT_STATUS_ACCEPTED
    found = await router.grpc.admin.GetExperimentStats(admin_pb2.GetExperimentStatsRequest())
    arm = found.experiments[0].arms[0]
    assert (arm.name, arm.feedback_count, arm.mean_quality) == ("3b", 1, 0.75)
    told = await posted(router, "feedback", decision_id="nobody-1", score=1)
    assert told == {"status": "unknown"}
    await router.idle()


async def test_other_requests_are_none_of_its_business(router: InProcessRouter) -> None:
    body = {"model": "delta", "messages": [{"role": "user", "content": "Protocol"}]}
    answer = await router.http.ask(body)
    assert answer.model == "delta"
    assert (await stats(router))["total_requests"] == 0


async def test_without_query_classes_the_capability_chat_answers_or_is_missed(
    plain_router: InProcessRouter,
) -> None:
    url = f"{plain_router.http.url}/v1/generate"
    async with plain_router.http.session.post(url, json={"query": SIMPLE}) as response:
        body = await response.json()
    assert (response.status, body["error"]["code"]) == (404, "model_not_found")
    assert (await stats(plain_router))["routing_enabled"] is False

"""Feedback and the figures of experiments by RPC."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from router_service.faces.auth import Keys
from router_service.v1 import admin_pb2, router_pb2

Feedback = router_pb2.ReportFeedbackRequest
Stats = admin_pb2.GetExperimentStatsRequest
Reset = admin_pb2.ResetExperimentStatsRequest


@pytest.mark.parametrize(
    ("request_", "score"),
    [
        (Feedback(decision_id="d-1", score=0.25, comment="fine"), 0.25),
        (Feedback(decision_id="d-1", score=0), 0.0),
        (Feedback(decision_id="d-1", labels=["thumbs_up", "quick"]), 1.0),
        (Feedback(decision_id="d-1", labels=["thumbs_down"]), 0.0),
        (Feedback(decision_id="d-1", score=0.5, labels=["thumbs_up"]), 0.5),
    ],
)
async def test_feedback_reaches_the_service(
    face: Any, requests: Any, request_: Feedback, score: float
) -> None:
    reply = await face.router.ReportFeedback(request_)
    assert reply.status == router_pb2.REPORT_STATUS_ACCEPTED
    assert requests.seen == [("d-1", score)]


async def test_feedback_for_an_unknown_decision(face: Any, requests: Any) -> None:
    requests.feedback_status = "unknown"
    reply = await face.router.ReportFeedback(Feedback(decision_id="d-9", score=1))
    assert reply.status == router_pb2.REPORT_STATUS_UNKNOWN


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (Feedback(score=1), "decision_id"),
        (Feedback(decision_id="x" * 513, score=1), "decision_id"),
        (Feedback(decision_id="d-1"), "score"),
        (Feedback(decision_id="d-1", score=1.5), "score"),
        (Feedback(decision_id="d-1", score=float("nan")), "score"),
        (Feedback(decision_id="d-1", labels=["nice"]), "score"),
        (Feedback(decision_id="d-1", labels=["thumbs_up", "thumbs_down"]), "score"),
        (Feedback(decision_id="d-1", score=1, labels=["x"] * 17), "labels"),
        (Feedback(decision_id="d-1", score=1, comment="x" * 4097), "comment"),
    ],
)
async def test_wrong_feedback_is_refused_by_name(
    face: Any, requests: Any, request_: Feedback, field: str
) -> None:
    code, message, _, _ = await face.failure(face.router.ReportFeedback(request_))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith(f"{field}:")
    assert requests.seen == []


@pytest.mark.parametrize("name", ["", "sizes"])
async def test_figures_of_experiments(face: Any, name: str) -> None:
    reply = await face.admin.GetExperimentStats(Stats(experiment=name))
    (experiment,) = reply.experiments
    assert (experiment.name, experiment.enabled, experiment.unit) == ("sizes", True, "prompt")
    assert experiment.verdict == admin_pb2.GUARDRAIL_VERDICT_REVIEW
    assert (experiment.verdict_reason, experiment.since_us) == ("because", 5)
    judged, silent = experiment.arms
    assert judged == admin_pb2.ArmStats(
        name="3b",
        model="small",
        wanted_share=0.3,
        requests=9,
        errors=1,
        mean_latency_us=2_000,
        p95_latency_us=3_000,
        feedback_count=4,
        mean_quality=0.5,
        cost_usd=0.25,
    )
    assert (silent.name, silent.HasField("mean_quality")) == ("8b", False)


async def test_a_reset_names_what_was_reset(face: Any, requests: Any) -> None:
    assert list((await face.admin.ResetExperimentStats(Reset())).experiments) == ["sizes"]
    reply = await face.admin.ResetExperimentStats(Reset(experiment="sizes"))
    assert list(reply.experiments) == ["sizes"]
    assert requests.seen == [None, "sizes"]


@pytest.mark.parametrize(
    ("rpc", "request_"),
    [
        ("GetExperimentStats", Stats(experiment="size")),
        ("ResetExperimentStats", Reset(experiment="size")),
    ],
)
async def test_an_unknown_experiment_is_refused(face: Any, rpc: str, request_: Any) -> None:
    code, message, _, _ = await face.failure(getattr(face.admin, rpc)(request_))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message == "experiment: none is called 'size'; the config defines: sizes"


@pytest.mark.parametrize("keys", [Keys({"secret": "ann"})])
@pytest.mark.parametrize(
    ("stub", "rpc", "request_"),
    [
        ("admin", "GetExperimentStats", Stats()),
        ("admin", "ResetExperimentStats", Reset()),
        ("router", "ReportFeedback", Feedback(decision_id="d-1", score=1)),
    ],
)
async def test_keys_are_asked_for(face: Any, stub: str, rpc: str, request_: Any) -> None:
    call = getattr(getattr(face, stub), rpc)(request_)
    code, _, _, _ = await face.failure(call)
    assert code is grpc.StatusCode.UNAUTHENTICATED

"""Decisions over the wire: one, many, streamed, explained, and what came of them."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import grpc
import pytest
from google.rpc import code_pb2

from router_service.errors import DecisionError
from router_service.types import Operation
from router_service.v1 import router_pb2, types_pb2


async def test_route_answers_targets_a_caller_can_use(face: Any) -> None:
    answer = await face.router.Route(router_pb2.RouteRequest(model="llama3.1:latest"))
    told = answer.decision
    assert (told.decision_id, told.table_version) == ("d-1", "00ff00ff00ff00ff")
    assert (told.rule, told.matched, told.strategy) == (
        types_pb2.RULE_EXACT,
        "llama3.1:latest",
        "direct",
    )
    assert (told.propensity, told.seed) == (0.5, 2**64 - 1)
    assert (told.complexity, told.prompt_tokens) == (types_pb2.COMPLEXITY_LOW, 3)
    assert list(told.notes) == ["a remark"]
    first, second = told.targets
    assert first.provider.kind == types_pb2.PROVIDER_KIND_OLLAMA
    assert first.provider.base_url == "http://127.0.0.1:11434"
    assert first.provider.location == types_pb2.LOCATION_LOCAL
    assert first.provider.first_token_timeout_us == 20_000_000
    assert first.upstream_model == "llama3.1:latest-upstream"
    assert (first.permit, first.permit_expires_us) == ("opaque-permit", 1_700_000_000_000_000)
    assert not first.HasField("param_change_pct")
    assert second.permit == ""
    assert second.provider.credential == "OLLAMA_API_KEY"
    assert (second.tier, second.param_change_pct) == (types_pb2.TIER_CLOUD_ENTRY, 49.5)


async def test_candidates_come_only_when_asked_for(face: Any) -> None:
    bare = await face.router.Route(router_pb2.RouteRequest(model="x"))
    asked = await face.router.Route(router_pb2.RouteRequest(model="x", include_candidates=True))
    assert not bare.decision.candidates
    assert [(c.model, c.eligible) for c in asked.decision.candidates] == [
        ("x", True),
        ("big", True),
        ("m", False),
    ]
    assert asked.decision.candidates[2].reason == "cooling down"


async def test_a_query_carries_every_field(face: Any, requests: Any) -> None:
    attributes = types_pb2.Attributes(
        capability="code",
        priority="high",
        quality_tier="high",
        batch_size=7,
        batch_mode=False,
        request_count=0,
        session="s",
        strategy="direct",
        chain="code",
        allowed_deployments=["a@b", "c@d"],
    )
    await face.router.Route(
        router_pb2.RouteRequest(
            model="m",
            openai_body=b'{"prompt":"x"}',
            operation=types_pb2.OPERATION_COMPLETION,
            prompt_tokens=0,
            max_tokens=9,
            stream=True,
            attributes=attributes,
        ),
        metadata=(("x-batch-mode", "true"), ("x-custom", "v"), ("x-request-id", "abc")),
    )
    (query,) = requests.seen
    assert (query.face, query.model, query.principal) == ("grpc", "m", "anonymous")
    assert (query.prompt, query.body) == (None, b'{"prompt":"x"}')
    assert (query.operation, query.stream) == (Operation.COMPLETION, True)
    assert (query.prompt_tokens, query.max_tokens, query.request_id) == (0, 9, "abc")
    assert query.headers["x-custom"] == "v"
    told = query.attributes
    assert (told.capability, told.priority, told.quality_tier) == ("code", "high", "high")
    assert (told.batch_size, told.batch_mode, told.request_count) == (7, False, 0)
    assert (told.session, told.strategy, told.chain) == ("s", "direct", "code")
    assert told.allowed == ("a@b", "c@d")


async def test_metadata_fills_the_attributes_left_out(face: Any, requests: Any) -> None:
    await face.router.Route(
        router_pb2.RouteRequest(prompt="p", attributes=types_pb2.Attributes(priority="low")),
        metadata=(("x-capability", "chat"), ("x-priority", "high"), ("x-batch-mode", "1")),
    )
    told = requests.seen[0].attributes
    assert (told.capability, told.priority, told.batch_mode) == ("chat", "low", True)
    assert (requests.seen[0].prompt, requests.seen[0].prompt_tokens) == ("p", None)


async def test_a_batch_has_one_result_for_each_request_in_order(face: Any) -> None:
    batch = router_pb2.RouteBatchRequest(
        requests=[
            router_pb2.RouteRequest(model="a"),
            router_pb2.RouteRequest(),
            router_pb2.RouteRequest(model="b", include_candidates=True),
            router_pb2.RouteRequest(model="c", max_tokens=-1),
        ]
    )
    results = (await face.router.RouteBatch(batch)).results
    assert [result.WhichOneof("result") for result in results] == [
        "decision",
        "error",
        "decision",
        "error",
    ]
    assert results[0].decision.requested_model == "a"
    assert results[2].decision.candidates
    assert (results[1].error.code, results[1].error.field) == (code_pb2.INVALID_ARGUMENT, "model")
    assert results[3].error.field == "max_tokens"


async def test_a_batch_passes_on_each_error_of_the_decision(face: Any, requests: Any) -> None:
    requests.error = DecisionError("unknown_model", "unknown", {"suggestions": ["llama3.1"]})
    batch = router_pb2.RouteBatchRequest(requests=[router_pb2.RouteRequest(model="lama")])
    (result,) = (await face.router.RouteBatch(batch)).results
    assert (result.error.code, result.error.reason) == (code_pb2.NOT_FOUND, "unknown_model")
    assert list(result.error.suggestions) == ["llama3.1"]


@pytest.mark.parametrize("size", [0, 1001])
async def test_a_batch_is_bounded(face: Any, requests: Any, size: int) -> None:
    batch = router_pb2.RouteBatchRequest(requests=[router_pb2.RouteRequest(model="m")] * size)
    code, message, _, _ = await face.failure(face.router.RouteBatch(batch))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert message.startswith("requests:")
    assert requests.seen == []


async def test_a_stream_answers_in_order_and_survives_a_bad_item(face: Any) -> None:
    call = face.router.RouteStream()
    for number, model in enumerate(["a", "", "b"]):
        route = router_pb2.RouteRequest(model=model)
        await call.write(router_pb2.RouteStreamRequest(correlation_id=f"{number}", route=route))
    await call.done_writing()
    answers = [answer async for answer in call]
    assert [answer.correlation_id for answer in answers] == ["0", "1", "2"]
    assert answers[0].result.decision.requested_model == "a"
    assert answers[1].result.error.field == "model"
    assert answers[2].result.decision.requested_model == "b"
    assert await call.code() is grpc.StatusCode.OK


async def test_a_stream_turns_even_a_panic_into_an_item_error(face: Any, requests: Any) -> None:
    class Panic(BaseException):
        pass

    requests.error = Panic("core gave up")
    call = face.router.RouteStream()
    item = router_pb2.RouteStreamRequest(route=router_pb2.RouteRequest(model="m"))
    await call.write(item)
    first = await call.read()
    assert first.result.error.code == code_pb2.INTERNAL
    assert "core gave up" not in first.result.error.message
    requests.error = None
    await call.write(item)
    assert (await call.read()).result.decision.requested_model == "m"
    call.cancel()


async def test_a_stream_ends_when_draining_begins(face: Any, requests: Any) -> None:
    call = face.router.RouteStream()
    item = router_pb2.RouteStreamRequest(route=router_pb2.RouteRequest(model="m"))
    await call.write(item)
    assert (await call.read()).result.WhichOneof("result") == "decision"
    requests.is_ready = False
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    await asyncio.wait_for(face.server.stop(None), 5)


async def test_an_explanation_shows_every_candidate(face: Any, requests: Any) -> None:
    requests.document = {
        "rule": "capability",
        "strategy": "complexity_based",
        "model": "m",
        "provider": "ollama",
        "plan": [
            {"model": "m", "provider": "ollama", "param_change_pct": None},
            {"model": "n", "provider": "ollama_cloud", "param_change_pct": -88.0},
        ],
        "complexity": "high",
        "prompt_tokens": 120,
        "candidates": [
            {"model": "m", "provider": "ollama", "eligible": True, "reason": "r", "score": 0.0},
            {"model": "z", "provider": "ollama", "eligible": False, "reason": "full"},
        ],
        "table_version": "v2",
    }
    route = router_pb2.RouteRequest(model="code")
    answer = await face.router.Explain(router_pb2.ExplainRequest(route=route))
    told = answer.decision
    assert (told.rule, told.complexity) == (types_pb2.RULE_CAPABILITY, types_pb2.COMPLEXITY_HIGH)
    assert [target.model for target in told.targets] == ["m", "n"]
    assert told.targets[1].param_change_pct == -88.0
    assert not any(target.permit for target in told.targets)
    assert [(c.eligible, c.HasField("score")) for c in told.candidates] == [
        (True, True),
        (False, False),
    ]
    assert json.loads(answer.explanation_json) == requests.document


async def test_an_explanation_carries_terms_quality_and_changes(face: Any, requests: Any) -> None:
    terms = {
        "strategy": "usage_based",
        "formula": "f",
        "weight": {"wanted": 0.7, "left": 0.35, "used": 0.35},
        "latency": {"us": 120.5, "of": "first_token", "source": "measured", "samples": 9},
        "success_rate": 0.99,
        "cost_usd": 0.025,
        "set_back": ["cold"],
        "behind": None,
        "load": 0.5,
        "in_flight": 2,
        "capacity": 4,
    }
    quality = {
        "tier_step": 1,
        "capabilities_kept": ["chat"],
        "capabilities_lost": ["code"],
        "context_window": 8192,
        "context_change_pct": -50.0,
        "quality": "1 tier down",
    }
    change = {
        "kind": "stream",
        "deployment": None,
        "amount": None,
        "unit": None,
        "first": "n@ollama",
        "distance": 1.0,
        "text": "asked for as a stream → n@ollama",
    }
    candidate = {"model": "m", "provider": "ollama", "eligible": True, "terms": terms}
    requests.document = {
        "rule": "capability",
        "strategy": "usage_based",
        "plan": [{"model": "m", "provider": "ollama", **quality}],
        "complexity": "low",
        "prompt_tokens": 1,
        "candidates": [candidate],
        "table_version": "v3",
        "nearest_changes": [change],
        "changes_without_effect": ["priority high"],
        "reruns": 17,
        "search_complete": True,
    }
    route = router_pb2.RouteRequest(model="code")
    answer = await face.router.Explain(router_pb2.ExplainRequest(route=route))
    told = answer.decision.candidates[0].terms
    assert (told.strategy, told.load, told.in_flight, told.capacity) == ("usage_based", 0.5, 2, 4)
    assert (told.weight_wanted, told.weight_left, told.weight_used) == (0.7, 0.35, 0.35)
    assert (told.latency_us, told.latency_source, told.latency_samples) == (120.5, "measured", 9)
    assert (told.success_rate, told.cost_usd, list(told.set_back)) == (0.99, 0.025, ["cold"])
    assert not told.HasField("reliability")
    assert not told.HasField("credit")
    of_hop = answer.decision.targets[0].quality
    assert (of_hop.tier_step, of_hop.context_window, of_hop.text) == (1, 8192, "1 tier down")
    assert (list(of_hop.capabilities_kept), list(of_hop.capabilities_lost)) == (["chat"], ["code"])
    (nearest,) = answer.nearest_changes
    assert (nearest.kind, nearest.first, nearest.text) == ("stream", "n@ollama", change["text"])
    assert not nearest.HasField("amount")
    assert (answer.reruns, answer.search_complete) == (17, True)
    assert list(answer.changes_without_effect) == ["priority high"]


@pytest.mark.parametrize("status", ["accepted", "duplicate", "expired", "unknown"])
async def test_reports_say_what_they_did(face: Any, requests: Any, status: str) -> None:
    outcome = types_pb2.Outcome(
        outcome_class=types_pb2.OUTCOME_CLASS_RATE_LIMITED,
        status=429,
        ttft_us=0,
        total_us=1200,
        usage=types_pb2.Usage(prompt_tokens=3, completion_tokens=4),
        retry_after_us=3_000_000,
        served_model="m",
    )
    requests.report_status = status
    request = router_pb2.ReportOutcomeRequest(permit="p-1", outcome=outcome)
    answer = await face.router.ReportOutcome(request)
    assert router_pb2.ReportStatus.Name(answer.status) == f"REPORT_STATUS_{status.upper()}"
    ((permit, told),) = requests.seen
    assert permit == "p-1"
    assert (told.outcome_class, told.status, told.ttft_us) == ("rate_limited", 429, 0)
    assert (told.total_us, told.retry_after_us, told.served_model) == (1200, 3_000_000, "m")
    assert (told.prompt_tokens, told.completion_tokens) == (3, 4)

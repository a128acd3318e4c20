"""Route hands out a permit that holds a slot until it is reported or expires; batches and
explanations decide the same."""

from __future__ import annotations

import asyncio
import json

import pytest
from click.testing import CliRunner

from router_service.cli import router_service
from router_service.core import now_us
from router_service.testing import FakeFleet
from router_service.v1 import router_pb2, types_pb2

from .callers import chat
from .routers import InProcessRouter

ACCEPTED = router_pb2.REPORT_STATUS_ACCEPTED
DUPLICATE = router_pb2.REPORT_STATUS_DUPLICATE
EXPIRED = router_pb2.REPORT_STATUS_EXPIRED
UNKNOWN = router_pb2.REPORT_STATUS_UNKNOWN
SUCCESS = types_pb2.Outcome(
    outcome_class=types_pb2.OUTCOME_CLASS_SUCCESS, status=200, ttft_us=1000, total_us=2000
)


async def routed(router: InProcessRouter, model: str = "alpha") -> types_pb2.Decision:
    response = await router.grpc.stub.Route(router_pb2.RouteRequest(model=model, prompt="hello"))
    decision: types_pb2.Decision = response.decision
    return decision


async def reported(
    router: InProcessRouter, permit: str, outcome: types_pb2.Outcome = SUCCESS
) -> int:
    request = router_pb2.ReportOutcomeRequest(permit=permit, outcome=outcome)
    return int((await router.grpc.stub.ReportOutcome(request)).status)


def in_flight(router: InProcessRouter, provider: str) -> int:
    return router.service.router.in_flight()[provider]


async def test_a_decision_holds_all_a_caller_needs(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    decision = await routed(router, "gamma")
    (target,) = decision.targets
    assert (target.model, target.upstream_model) == ("gamma", "gamma")
    assert target.deployment == "gamma@third"
    provider = target.provider
    assert (provider.id, provider.base_url) == ("third", fleet["third"].base_url)
    assert provider.kind == types_pb2.PROVIDER_KIND_OPENAI
    assert provider.credential == "SMALL_FLEET_KEY"
    assert provider.first_token_timeout_us == 400_000
    assert decision.rule == types_pb2.RULE_EXACT
    assert decision.decision_id
    assert await fleet["third"].log() == []


async def test_a_permit_holds_a_slot_until_it_is_reported_once(router: InProcessRouter) -> None:
    permit = (await routed(router)).targets[0].permit
    assert permit
    assert in_flight(router, "first") == 1
    assert (await router.in_flight())["first"] == 1
    assert await reported(router, permit) == ACCEPTED
    assert in_flight(router, "first") == 0
    assert await reported(router, permit) == DUPLICATE
    assert in_flight(router, "first") == 0


@pytest.mark.parametrize("name", ["SUCCESS", "RATE_LIMITED", "UNREACHABLE", "CANCELLED"])
async def test_any_outcome_frees_the_slot(router: InProcessRouter, name: str) -> None:
    permit = (await routed(router)).targets[0].permit
    outcome = types_pb2.Outcome(outcome_class=f"OUTCOME_CLASS_{name}", total_us=1)
    assert await reported(router, permit, outcome) == ACCEPTED
    await router.idle()


@pytest.mark.parametrize("permit", ["nonsense", "x" * 4000, "00000000-1"])
async def test_an_unknown_permit_is_harmless(router: InProcessRouter, permit: str) -> None:
    held = (await routed(router)).targets[0].permit
    assert await reported(router, permit) == UNKNOWN
    assert in_flight(router, "first") == 1
    assert await reported(router, held) == ACCEPTED


async def test_a_permit_of_another_router_is_unknown(router: InProcessRouter) -> None:
    permit = (await routed(router)).targets[0].permit
    other = "0" * 8 if not permit.startswith("0" * 8) else "1" * 8
    assert await reported(router, other + permit[8:]) == UNKNOWN


async def test_a_permit_that_nobody_reports_expires(router: InProcessRouter) -> None:
    decision = await routed(router)
    (target, *_) = decision.targets
    core = router.service.router
    assert target.permit_expires_us > now_us()
    assert core.tick(target.permit_expires_us - 1_000_000) == 0
    assert in_flight(router, "first") == 1
    assert core.tick(target.permit_expires_us + 1) == 1
    assert in_flight(router, "first") == 0
    assert await reported(router, target.permit) == EXPIRED
    assert in_flight(router, "first") == 0


async def test_a_batch_has_a_result_for_each_item_in_order(router: InProcessRouter) -> None:
    items = [
        router_pb2.RouteRequest(model=model, prompt="hello")
        for model in ("alpha", "nobody", "beta")
    ]
    response = await router.grpc.stub.RouteBatch(router_pb2.RouteBatchRequest(requests=items))
    first, second, third = response.results
    assert first.decision.targets[0].model == "alpha"
    assert second.error.reason == "unknown_model"
    assert "nobody" in second.error.message
    assert third.decision.targets[0].provider.id == "second"
    assert (in_flight(router, "first"), in_flight(router, "second")) == (1, 1)
    for result in (first, third):
        assert await reported(router, result.decision.targets[0].permit) == ACCEPTED
    await router.idle()


async def test_a_stream_of_decisions_answers_in_order_and_outlives_an_error(
    router: InProcessRouter,
) -> None:
    call = router.grpc.stub.RouteStream()
    for name in ("alpha", "nobody", "beta"):
        route = router_pb2.RouteRequest(model=name, prompt="hello")
        await call.write(router_pb2.RouteStreamRequest(correlation_id=name, route=route))
    await call.done_writing()
    answers = [answer async for answer in call]
    assert [answer.correlation_id for answer in answers] == ["alpha", "nobody", "beta"]
    kinds = [answer.result.WhichOneof("result") for answer in answers]
    assert kinds == ["decision", "error", "decision"]


async def test_an_explanation_reserves_nothing_and_names_every_candidate(
    router: InProcessRouter,
) -> None:
    route = router_pb2.RouteRequest(model="alpha", prompt="hello")
    response = await router.grpc.stub.Explain(router_pb2.ExplainRequest(route=route))
    decision = response.decision
    plan = [target.model for target in decision.targets]
    assert plan == ["alpha", "beta", "gamma", "delta", "epsilon", "zeta"]
    assert {target.permit for target in decision.targets} == {""}
    assert {candidate.model for candidate in decision.candidates} >= set(plan)
    explained = json.loads(response.explanation_json)
    assert [hop["model"] for hop in explained["plan"]] == plan
    assert not any(router.service.router.in_flight().values())


async def test_an_explanation_says_by_what_and_what_would_alter_it(
    router: InProcessRouter,
) -> None:
    await routed(router)
    route = router_pb2.RouteRequest(model="alpha", prompt="hello")
    response = await router.grpc.stub.Explain(router_pb2.ExplainRequest(route=route))
    terms = response.decision.candidates[0].terms
    # The first answer's slot is held until it is reported.
    assert (terms.strategy, terms.in_flight, terms.capacity) == ("weighted", 1, 200)
    assert response.decision.targets[1].quality.tier_step == 3
    changes = {change.kind: change for change in response.nearest_changes}
    full = changes["more_in_flight"]
    assert (full.amount, full.first) == (199.0, "beta@second")
    assert full.text == "first: 199 more requests in flight → beta@second"
    assert response.search_complete
    assert 0 < response.reruns <= 200


async def test_the_command_line_asks_a_running_router(
    router: InProcessRouter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await routed(router)
    address = f"127.0.0.1:{router.service.grpc_port}"
    asked = ("route", "--model", "alpha", "--prompt", "hello", "--address", address)
    result = await asyncio.to_thread(CliRunner().invoke, router_service, [*asked, "--json"])
    assert result.exit_code == 0, result.output
    explained = json.loads(result.stdout)
    assert explained["deployment"] == "alpha@first"
    assert explained["candidates"][0]["terms"]["in_flight"] == 1
    monkeypatch.setenv("COLUMNS", "200")
    result = await asyncio.to_thread(CliRunner().invoke, router_service, asked)
    assert "first: 199 more requests in flight → beta@second" in result.stdout


async def test_route_and_generate_agree(router: InProcessRouter, face: str) -> None:
    for model in ("alpha", "beta", "native", "sibling"):
        decision = await routed(router, model)
        reply = await router.face(face).ask(chat(model))
        assert (reply.model, reply.provider) == (model, decision.targets[0].provider.id)
        await reported(router, decision.targets[0].permit)
    await router.idle()


async def test_the_http_face_routes_the_same(router: InProcessRouter) -> None:
    url = f"{router.http.url}/v1/route"
    async with router.http.session.post(url, json=chat("alpha")) as response:
        found = await response.json()
    decision = await routed(router)
    assert [target["model"] for target in found["targets"]] == [
        target.model for target in decision.targets
    ]
    assert found["decision"]["provider"] == "first"
    assert await reported(router, found["permit"]) == ACCEPTED
    assert await reported(router, decision.targets[0].permit) == ACCEPTED
    await router.idle()

"""What requests and reports teach the router shows in its status and in where the next request
goes, whichever face they came through."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path

import pytest

from router_service.core import now_us
from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.v1 import admin_pb2, router_pb2, types_pb2

from . import small_fleet
from .callers import chat
from .routers import InProcessRouter, in_process, until

FIRST_TOKEN_S = 0.05
EQUALS = ("first", "second", "fourth")


async def status(router: InProcessRouter) -> admin_pb2.GetStatusResponse:
    request = admin_pb2.GetStatusRequest(include_deployments=True)
    reply: admin_pb2.GetStatusResponse = await router.grpc.admin.GetStatus(request)
    return reply


async def provider(router: InProcessRouter, name: str) -> admin_pb2.ProviderStatus:
    return next(one for one in (await status(router)).providers if one.id == name)


async def deployment(router: InProcessRouter, name: str) -> admin_pb2.DeploymentStatus:
    return next(one for one in (await status(router)).deployments if one.id == name)


async def routed(
    router: InProcessRouter, model: str, session: str | None = None
) -> types_pb2.Target:
    """The first target of a decision."""
    attributes = types_pb2.Attributes(session=session)
    request = router_pb2.RouteRequest(model=model, prompt="hello", attributes=attributes)
    target: types_pb2.Target = (await router.grpc.stub.Route(request)).decision.targets[0]
    return target


async def report(router: InProcessRouter, permit: str, name: str) -> None:
    outcome = types_pb2.Outcome(outcome_class=f"OUTCOME_CLASS_{name}", total_us=1000)
    request = router_pb2.ReportOutcomeRequest(permit=permit, outcome=outcome)
    reply = await router.grpc.stub.ReportOutcome(request)
    assert reply.status == router_pb2.REPORT_STATUS_ACCEPTED


async def fail(router: InProcessRouter, model: str, provider: str, name: str) -> None:
    """One request for the model goes to the provider and is reported as failed."""
    target = await routed(router, model)
    assert target.provider.id == provider
    await report(router, target.permit, name)


async def reason_against(router: InProcessRouter, model: str, deployment: str) -> str:
    """Why an explanation leaves a deployment out."""
    route = router_pb2.RouteRequest(model=model, prompt="hello")
    decision = (await router.grpc.stub.Explain(router_pb2.ExplainRequest(route=route))).decision
    (candidate,) = (one for one in decision.candidates if one.deployment == deployment)
    assert not candidate.eligible
    reason: str = candidate.reason
    return reason


# ── Sessions ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def equals(fleet: FakeFleet, tmp_path: Path) -> AsyncIterator[InProcessRouter]:
    """A router with one model on three servers."""
    model = {"tier": "local", "deployments": [{"provider": name} for name in EQUALS]}
    document = small_fleet.routing(fleet.addresses, models={"shared": model}, fallback_chains={})
    config = small_fleet.written(document, tmp_path / "equals.yaml")
    async with in_process(config, tmp_path) as running:
        yield running


async def test_a_session_keeps_its_provider_over_both_faces(equals: InProcessRouter) -> None:
    homes = set()
    for session in (f"s-{number}" for number in range(12)):
        headers = {"x-session-id": session}
        asked = [
            (await equals.face(face).ask(chat("shared"), headers=headers)).provider
            for face in ("http", "grpc", "http", "grpc")
        ]
        target = await routed(equals, "shared", session)
        await report(equals, target.permit, "SUCCESS")
        (home,) = {*asked, target.provider.id}
        homes.add(home)
    assert homes == set(EQUALS)
    await equals.idle()


async def test_without_a_session_equals_take_turns(equals: InProcessRouter, face: str) -> None:
    asked = [(await equals.face(face).ask(chat("shared"))).provider for _ in range(6)]
    assert sorted(map(str, asked)) == sorted(EQUALS * 2)


# ── Errors that callers of Route report ─────────────────────────────────────────────────────────


async def test_the_fourth_reported_error_takes_a_deployment_out(router: InProcessRouter) -> None:
    for _ in range(3):
        await fail(router, "beta", "second", "UNAVAILABLE")
    degraded = await deployment(router, "beta@second")
    assert (degraded.health, degraded.outcomes) == (admin_pb2.HEALTH_DEGRADED, 3)
    assert degraded.success_rate == 0.0

    await fail(router, "beta", "second", "UNAVAILABLE")
    assert (await routed(router, "beta")).provider.id == "fourth"
    assert "out for another" in await reason_against(router, "beta", "beta@second")
    out = await deployment(router, "beta@second")
    assert (out.health, out.weight) == (admin_pb2.HEALTH_COOLING_DOWN, 0.0)
    assert out.cooldown_until_us > now_us()

    assert (await provider(router, "second")).health == admin_pb2.HEALTH_HEALTHY
    assert (await routed(router, "native")).provider.id == "second"


async def test_reported_connection_faults_take_the_provider_out_for_both_faces(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    for _ in range(4):
        await fail(router, "beta", "second", "UNREACHABLE")
    out = await provider(router, "second")
    assert out.health == admin_pb2.HEALTH_COOLING_DOWN
    assert out.reason == "errors or a rate limit"
    reply = await router.face(face).ask(chat("native"))
    assert (reply.model, reply.provider, reply.attempts) == ("alpha", "first", 1)
    assert await fleet["second"].log() == []


# ── Rate limits ─────────────────────────────────────────────────────────────────────────────────


async def test_a_rate_limited_deployment_is_left_alone_for_as_long_as_it_asks(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    before = now_us()
    limit = Fault(FaultKind.STATUS, status=429, retry_after_s=40)
    await fleet["first"].behave(Behaviour(faults=(limit,)))
    for attempts in (2, 1, 1):
        reply = await router.face(face).ask(chat("peer"))
        assert (reply.provider, reply.attempts) == ("second", attempts)
    assert len(await fleet["first"].log()) == 1
    out = await deployment(router, "peer@first")
    assert out.health == admin_pb2.HEALTH_COOLING_DOWN
    assert before + 40_000_000 <= out.cooldown_until_us <= now_us() + 40_000_000
    assert (await provider(router, "first")).health == admin_pb2.HEALTH_HEALTHY


async def test_a_rate_limited_deployment_is_used_again_afterwards(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    limit = Fault(FaultKind.STATUS, status=429, retry_after_s=1, times=1)
    await fleet["first"].behave(Behaviour(faults=(limit,)))

    async def served_by_first() -> bool:
        return (await router.face(face).ask(chat("peer"))).provider == "first"

    assert not await served_by_first()
    await until(served_by_first, "the first provider is asked again")
    refused, answered = await fleet["first"].log()
    assert answered.time - refused.time >= 1.0


# ── Times ───────────────────────────────────────────────────────────────────────────────────────


async def test_a_first_token_is_measured_while_its_stream_still_runs(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(
        Behaviour(first_token_s=FIRST_TOKEN_S, faults=(Fault(FaultKind.STALL, after_tokens=1),))
    )
    async with aclosing(router.face(face).begun(chat("alone"))) as pieces:
        await anext(pieces)
        running = await deployment(router, "alone@first")
    assert (running.in_flight, running.outcomes) == (1, 0)
    assert running.ttft_p50_us == running.ttft_p95_us >= FIRST_TOKEN_S * 1e6
    await router.idle()


async def test_an_answer_that_is_asked_for_whole_has_no_first_token(
    router: InProcessRouter, face: str
) -> None:
    assert (await router.face(face).ask(chat("alone") | {"logprobs": True})).whole
    measured = await deployment(router, "alone@first")
    assert (measured.outcomes, measured.success_rate) == (1, 1.0)
    assert not measured.HasField("ttft_p50_us")
    assert (await router.face(face).ask(chat("alone"))).whole
    measured = await deployment(router, "alone@first")
    assert measured.ttft_p50_us > 0, "plain text is asked for as a stream"
    figures = router.service.orchestrator.status()["deployments"]["alone@first"]
    assert figures["whole_p50_us"] > 0

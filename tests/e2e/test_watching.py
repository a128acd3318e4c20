"""Watchers of a running router: what each kind of request shows them, that a slow one slows nobody,
that there are only so many, and how they end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.v1 import admin_pb2, router_pb2, types_pb2

from .callers import GrpcCaller, chat
from .routers import InProcessRouter, Router, as_process, in_process, until

MOST = 16
READ_S = 20.0
DOWN = Behaviour(faults=(Fault(FaultKind.STATUS, status=503),))
Outcome = types_pb2.OutcomeClass


@asynccontextmanager
async def watching(router: Router, **fields: Any) -> AsyncIterator[Any]:
    """A watcher the router has taken on; it leaves with the block."""
    call = router.grpc.admin.WatchDecisions(admin_pb2.WatchDecisionsRequest(**fields))
    async with asyncio.timeout(READ_S):
        await call.initial_metadata()
    try:
        yield call
    finally:
        call.cancel()


async def read(call: Any, count: int = 1) -> list[Any]:
    async with asyncio.timeout(READ_S):
        return [await call.read() for _ in range(count)]


async def ended(call: Any) -> tuple[grpc.StatusCode, str]:
    """How a stream ends, read to its end."""
    with suppress(grpc.aio.AioRpcError):
        while (await read(call))[0] is not grpc.aio.EOF:
            pass
    return await call.code(), await call.details() or ""


def tried(seen: Any) -> list[tuple[str, str, str]]:
    return [
        (attempt.provider, attempt.kind, Outcome.Name(attempt.outcome.outcome_class))
        for attempt in seen.attempts
    ]


async def route(router: Router, model: str = "alpha", count: int = 1) -> None:
    request = router_pb2.RouteRequest(model=model, prompt="p")
    await router.grpc.stub.RouteBatch(router_pb2.RouteBatchRequest(requests=[request] * count))


# ── What is seen ────────────────────────────────────────────────────────────────────────────────


async def test_a_fallback_is_seen_as_it_went_on_both_faces(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["first"].behave(DOWN)
    async with watching(router) as call:
        sent = {"x-request-id": "mine-1"}
        reply = await router.face(face).ask(chat("alpha", stream=stream), headers=sent)
        (seen,) = await read(call)
    assert reply.whole, reply
    assert (seen.request_id, seen.status, seen.missed) == ("mine-1", "ok", 0)
    assert seen.decision.decision_id == reply.decision_id
    assert (seen.decision.requested_model, seen.decision.rule) == ("alpha", types_pb2.RULE_EXACT)
    assert [target.provider.id for target in seen.decision.targets][:2] == ["first", "second"]
    assert tried(seen)[0] == ("first", "first", "OUTCOME_CLASS_UNAVAILABLE")
    assert tried(seen)[-1] == ("second", "fallback", "OUTCOME_CLASS_SUCCESS")
    logged = await router.access_log.of("mine-1")
    assert len(logged["attempts"]) == len(seen.attempts)
    assert logged["decision_id"] == seen.decision.decision_id


async def test_nothing_of_prompts_answers_permits_and_addresses_is_sent(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    await fleet["first"].behave(
        Behaviour(faults=(Fault(FaultKind.STATUS, status=503, body="no to: the-secret-prompt"),))
    )
    async with watching(router) as call:
        assert (await router.http.ask(chat("alpha", "the-secret-prompt"))).whole
        routed = await router.grpc.stub.Route(
            router_pb2.RouteRequest(model="gamma", prompt="the-secret-prompt")
        )
        seen = b"".join(one.SerializeToString() for one in await read(call, 2))
    target = routed.decision.targets[0]
    for secret in ("secret", target.permit, target.provider.base_url, target.provider.credential):
        assert secret
        assert secret.encode() not in seen


async def test_decisions_alone_are_seen_at_once_each(router: InProcessRouter) -> None:
    async with watching(router) as call:
        request = router_pb2.RouteRequest(model="alpha", prompt="p")
        routed = await router.grpc.stub.Route(request)
        body = {"model": "beta", "prompt": "p"}
        async with router.http.session.post(f"{router.http.url}/v1/route", json=body) as response:
            assert response.status == 200
        requests = [request, router_pb2.RouteRequest(model="nobody"), request]
        await router.grpc.stub.RouteBatch(router_pb2.RouteBatchRequest(requests=requests))
        each = [router_pb2.RouteStreamRequest(route=request) for _ in range(2)]
        assert len([one async for one in router.grpc.stub.RouteStream(iter(each))]) == 2
        seen = await read(call, 6)
    assert [one.decision.requested_model for one in seen] == ["alpha", "beta", *["alpha"] * 4]
    assert seen[0].decision.decision_id == routed.decision.decision_id
    assert len({one.decision.decision_id for one in seen}) == 6
    assert {(one.status, len(one.attempts)) for one in seen} == {("", 0)}


async def test_only_what_was_asked_for_is_seen(router: InProcessRouter, fleet: FakeFleet) -> None:
    await fleet["first"].behave(DOWN)
    async with (
        watching(router, fallbacks_only=True) as moved,
        watching(router, provider="fourth") as there,
        watching(router, model="beta", rule=types_pb2.RULE_EXACT) as beta,
    ):
        for model in ("delta", "alpha", "beta"):
            assert (await router.http.ask(chat(model))).whole
        for call, model in ((moved, "alpha"), (there, "delta"), (beta, "beta")):
            (seen,) = await read(call)
            assert seen.decision.requested_model == model


async def test_a_request_that_is_refused_has_no_decision_to_show(router: InProcessRouter) -> None:
    async with watching(router) as call:
        assert (await router.http.ask(chat("nobody"))).status == 404
        assert (await router.http.ask(chat("beta"))).whole
        (seen,) = await read(call)
    assert seen.decision.requested_model == "beta"


# ── Slow ones, and many ─────────────────────────────────────────────────────────────────────────


async def test_a_slow_watcher_slows_nobody_and_learns_what_it_missed(
    router: InProcessRouter,
) -> None:
    async with watching(router) as slow, watching(router, model="delta") as quick:
        for _ in range(6):
            await route(router, "alone", count=1000)
        assert (await router.http.ask(chat("delta"))).whole
        assert (await read(quick))[0].decision.requested_model == "delta"
        seen = missed = 0
        while True:
            (one,) = await read(slow)
            seen, missed = seen + 1, missed + one.missed
            if one.decision.requested_model == "delta":
                break
    assert missed > 0
    assert seen + missed == 6001


async def test_there_may_be_only_so_many(router: InProcessRouter) -> None:
    async with AsyncExitStack() as stack:
        calls = [await stack.enter_async_context(watching(router)) for _ in range(MOST)]
        code, message = await ended(
            router.grpc.admin.WatchDecisions(admin_pb2.WatchDecisionsRequest())
        )
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert message.startswith("16 watchers are connected")
        await route(router, count=20)
        for call in calls:
            assert [one.missed for one in await read(call, 20)] == [0] * 20
        calls[3].cancel()

        async def room() -> bool:
            with suppress(grpc.aio.AioRpcError):
                async with watching(router) as call:
                    await route(router)
                    return bool(await read(call))
            return False

        await until(room, "the place of one that left is free again")


# ── Ends ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_watcher_whose_connection_is_gone_is_let_go(
    router: InProcessRouter,
) -> None:
    before = len(asyncio.all_tasks())
    target = f"127.0.0.1:{router.service.grpc_port}"
    for _ in range(MOST + 4):
        own = (("grpc.use_local_subchannel_pool", 1),)
        async with grpc.aio.insecure_channel(target, options=own) as channel:
            call = GrpcCaller(channel).admin.WatchDecisions(admin_pb2.WatchDecisionsRequest())
            await call.initial_metadata()
    await until(lambda: len(asyncio.all_tasks()) <= before + 2, "no task is left of them")
    await router.idle()


async def test_a_router_that_stops_says_so_and_does_not_wait_for_watchers(
    fleet: FakeFleet, routing: Path, tmp_path: Path
) -> None:
    async with as_process(routing, tmp_path) as process, watching(process) as call:
        await route(process)
        (seen,) = await read(call)
        assert seen.decision.requested_model == "alpha"
        process.process.terminate()
        code, message = await ended(call)
        assert code is grpc.StatusCode.UNAVAILABLE
        assert message == "this router is stopping; watch another one, or this one later"
        assert await process.stopped() == 0
        assert "Traceback" not in process.log.read_text()


async def test_the_key_is_asked_for(
    routing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROUTER_SERVICE_API_KEYS", "ann:s3cret-key-of-ann")
    async with in_process(routing, tmp_path) as locked:
        request = admin_pb2.WatchDecisionsRequest()
        code, _ = await ended(locked.grpc.admin.WatchDecisions(request))
        assert code is grpc.StatusCode.UNAUTHENTICATED
        call = locked.grpc.admin.WatchDecisions(
            request, metadata=(("x-api-key", "s3cret-key-of-ann"),)
        )
        await call.initial_metadata()
        call.cancel()

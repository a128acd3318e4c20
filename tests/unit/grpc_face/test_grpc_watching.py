"""WatchDecisions: what a watcher sees and what it must not, its filter, and how the stream ends."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any

import grpc.aio
import pytest
from google.rpc import error_details_pb2

from router_service.faces.auth import Keys
from router_service.faces.grpc import bind, create_grpc_server
from router_service.types import OutcomeClass
from router_service.v1 import admin_pb2, admin_pb2_grpc, types_pb2

from .conftest import FakeRequests, decision
from .test_grpc_errors import attempt, unpacked

Code = grpc.StatusCode
TRIED = (
    replace(
        attempt(message="ollama answered 503: cannot take 'the secret prompt'"),
        outcome=OutcomeClass.UNAVAILABLE,
        status=503,
    ),
    replace(
        attempt(2, message=None),
        kind="fallback",
        provider="gone",
        outcome=OutcomeClass.SUCCESS,
        ttft_s=0.125,
        total_s=0.5,
    ),
)


@asynccontextmanager
async def watching(face: Any, **fields: Any) -> AsyncIterator[Any]:
    """A watcher the router has taken on; it leaves with the block."""
    call = face.admin.WatchDecisions(admin_pb2.WatchDecisionsRequest(**fields))
    async with asyncio.timeout(10):
        await call.initial_metadata()
    try:
        yield call
    finally:
        call.cancel()


async def read(call: Any) -> Any:
    async with asyncio.timeout(10):
        return await call.read()


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not true():  # noqa: ASYNC110 # nothing tells when it comes true
            await asyncio.sleep(0.01)


async def ended(call: Any) -> tuple[grpc.StatusCode, str]:
    """How a stream ends, read to its end."""
    with suppress(grpc.aio.AioRpcError):
        while await read(call) is not grpc.aio.EOF:
            pass
    return await call.code(), await call.details()


async def test_a_request_carried_out_is_shown_with_what_was_tried(
    face: Any, requests: FakeRequests
) -> None:
    async with watching(face) as call:
        requests.watchers.tell(1_700_000_000_000_000, "r-1", decision("m"), TRIED, "ok")  # type: ignore[arg-type]
        seen = await read(call)
    assert (seen.time_us, seen.request_id) == (1_700_000_000_000_000, "r-1")
    assert (seen.status, seen.missed) == ("ok", 0)
    assert (seen.decision.decision_id, seen.decision.rule) == ("d-1", types_pb2.RULE_EXACT)
    assert (seen.decision.requested_model, seen.decision.strategy) == ("m", "direct")
    assert list(seen.decision.notes) == ["a remark"]
    first, second = seen.attempts
    assert (first.kind, first.outcome.outcome_class, first.outcome.status) == (
        "first",
        types_pb2.OUTCOME_CLASS_UNAVAILABLE,
        503,
    )
    assert (second.number, second.provider, second.kind) == (2, "gone", "fallback")
    assert (second.outcome.ttft_us, second.outcome.total_us) == (125_000, 500_000)


async def test_permits_addresses_and_servers_words_are_left_out(
    face: Any, requests: FakeRequests
) -> None:
    async with watching(face) as call:
        requests.watchers.tell(1, "r", decision("m"), TRIED, "ok")  # type: ignore[arg-type]
        seen = await read(call)
    targets = seen.decision.targets
    assert [target.deployment for target in targets] == ["m@ollama", "big@ollama_cloud"]
    assert [(target.permit, target.permit_expires_us) for target in targets] == [("", 0), ("", 0)]
    assert [target.provider for target in targets] == [
        types_pb2.Provider(id="ollama"),
        types_pb2.Provider(id="ollama_cloud"),
    ]
    assert len(seen.decision.candidates) == 0
    assert [one.message for one in seen.attempts] == ["", ""]
    sent = seen.SerializeToString()
    for secret in (b"opaque-permit", b"11434", b"OLLAMA_API_KEY", b"secret prompt"):
        assert secret not in sent


async def test_a_decision_alone_has_no_status_and_no_attempts(
    face: Any, requests: FakeRequests
) -> None:
    async with watching(face) as call:
        requests.watchers.tell(1, "r", decision())  # type: ignore[arg-type]
        seen = await read(call)
    assert (seen.status, len(seen.attempts)) == ("", 0)
    assert len(seen.decision.targets) == 2


async def test_a_provider_that_a_reload_took_away_is_no_fault(
    face: Any, requests: FakeRequests
) -> None:
    made = decision("m")
    made.plan[0].provider = "taken away"
    async with watching(face) as call:
        requests.watchers.tell(1, "r", made)  # type: ignore[arg-type]
        seen = await read(call)
    assert seen.decision.targets[0].provider.id == "taken away"


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({}, ["1", "2", "3"]),
        ({"model": "n"}, ["2"]),
        ({"provider": "ollama"}, ["1", "2", "3"]),
        ({"rule": types_pb2.RULE_POOL}, ["3"]),
        ({"fallbacks_only": True}, ["2"]),
    ],
)
async def test_the_filter_reaches_the_watcher(
    face: Any, requests: FakeRequests, fields: dict[str, Any], seen: list[str]
) -> None:
    pooled = decision("m")
    pooled.rule = "pool"
    async with watching(face, **fields) as call:
        requests.watchers.tell(1, "1", decision("m"), TRIED[:1], "ok")  # type: ignore[arg-type]
        requests.watchers.tell(2, "2", decision("n"), TRIED, "ok")  # type: ignore[arg-type]
        requests.watchers.tell(3, "3", pooled)  # type: ignore[arg-type]
        assert [(await read(call)).request_id for _ in seen] == seen


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"model": "m" * 513}, "model"),
        ({"provider": "p" * 513}, "provider"),
        ({"rule": 99}, "rule"),
    ],
)
async def test_a_filter_that_makes_no_sense_is_refused(
    face: Any, requests: FakeRequests, fields: dict[str, Any], field: str
) -> None:
    call = face.admin.WatchDecisions(admin_pb2.WatchDecisionsRequest(**fields))
    code, message, details, _ = await face.failure(read(call))
    assert code is Code.INVALID_ARGUMENT
    assert message.startswith(f"{field}: ")
    (violation,) = unpacked(details, error_details_pb2.BadRequest()).field_violations
    assert violation.field == field
    assert len(requests.watchers) == 0


async def test_who_was_away_is_told_how_many_were_missed(face: Any, requests: FakeRequests) -> None:
    async with watching(face) as call:
        for number in range(8):
            requests.watchers.tell(number, "r", decision())  # type: ignore[arg-type]
        seen = [await read(call) for _ in range(3)]
    assert [(one.time_us, one.missed) for one in seen] == [(5, 5), (6, 0), (7, 0)]


async def test_one_too_many_is_refused_and_who_leaves_makes_room(
    face: Any, requests: FakeRequests
) -> None:
    async with watching(face):
        async with watching(face):
            third = face.admin.WatchDecisions(admin_pb2.WatchDecisionsRequest())
            code, message, details, _ = await face.failure(read(third))
            assert code is Code.RESOURCE_EXHAUSTED
            assert message.startswith("2 watchers are connected")
            info = unpacked(details, error_details_pb2.ErrorInfo())
            assert info.reason == "TOO_MANY_WATCHERS"
        await until(lambda: len(requests.watchers) == 1)
        async with watching(face) as call:
            requests.watchers.tell(1, "r", decision())  # type: ignore[arg-type]
            assert (await read(call)).request_id == "r"


async def test_who_leaves_leaves_nothing_behind(face: Any, requests: FakeRequests) -> None:
    await face.admin.GetStatus(admin_pb2.GetStatusRequest())
    before = len(asyncio.all_tasks())
    async with watching(face) as call:
        requests.watchers.tell(1, "r", decision())  # type: ignore[arg-type]
        await read(call)
        assert (len(requests.watchers), len(asyncio.all_tasks()) > before) == (1, True)
    await until(lambda: len(requests.watchers) == 0 and len(asyncio.all_tasks()) <= before)


async def test_the_stream_ends_when_the_router_drains(face: Any, requests: FakeRequests) -> None:
    async with watching(face) as call:
        requests.is_ready = False
        code, message = await ended(call)
        assert code is Code.UNAVAILABLE
        assert message == "this router is stopping; watch another one, or this one later"
    assert len(requests.watchers) == 0


async def test_who_stops_reading_is_let_go(
    requests: FakeRequests, operations: Any, config: Any
) -> None:
    server = create_grpc_server(
        requests, operations, keys=Keys({}), config=config, write_timeout_s=0.2
    )
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    large = decision()
    large.notes = ["x" * 200_000]
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        stub: Any = admin_pb2_grpc.AdminServiceStub(channel)  # type: ignore[no-untyped-call]
        call = stub.WatchDecisions(admin_pb2.WatchDecisionsRequest())
        await call.initial_metadata()

        def let_go() -> bool:
            requests.watchers.tell(1, "r", large)  # type: ignore[arg-type]
            return len(requests.watchers) == 0

        await until(let_go)
        code, message = await ended(call)
        assert code is Code.ABORTED
        assert "read nothing for 0.2 s" in message
    await server.stop(None)


@pytest.mark.parametrize("keys", [Keys({"secret": "ann"})])
async def test_a_key_is_asked_for(face: Any, requests: FakeRequests) -> None:
    call = face.admin.WatchDecisions(admin_pb2.WatchDecisionsRequest())
    assert (await face.failure(read(call)))[0] is Code.UNAUTHENTICATED
    assert len(requests.watchers) == 0

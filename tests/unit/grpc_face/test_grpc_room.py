"""Room on the gRPC face: a place is taken before a request is read, and a refusal says when to come
again."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any

import grpc
import grpc.aio
import pytest
from google.protobuf import duration_pb2
from google.rpc import error_details_pb2

from router_service.errors import Draining, Overloaded, RouterError
from router_service.faces.auth import Keys
from router_service.faces.grpc import answering, bind, create_grpc_server, early
from router_service.faces.grpc.early import READERS, EarlyReading
from router_service.serving.admission import Admission, Bounds, Place
from router_service.types import Arrival, Incoming, Operation, RouteQuery, Work
from router_service.v1 import admin_pb2, router_pb2, router_pb2_grpc

GENERATE = router_pb2.GenerateRequest(model="m", prompt="hello")
ROUTE = router_pb2.RouteRequest(model="m")


def admission(slots: int = 1, queue: int = 0, **more: Any) -> Admission:
    given: dict[str, Any] = {"max_deciding": 1, "max_body_bytes_held": 1 << 25} | more
    return Admission(Bounds(slots, queue), **given)


def running(requests: Any, work: Work = Work.CARRY_OUT) -> int:
    return int(requests.admission.lanes[work].running)


def arrival_for(work: Work) -> Arrival:
    return Arrival("grpc", work, Operation.CHAT, "ann", "r-1")


def queue_has(requests: Any, waiting: int) -> bool:
    return bool(requests.admission.lanes[Work.CARRY_OUT].waiting == waiting)


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 # a lane tells nobody when it changes
            await asyncio.sleep(0.01)


async def emptied(requests: Any) -> None:
    """Wait until all have left."""
    lanes = requests.admission.lanes.values()
    await until(lambda: not any(lane.running or lane.waiting for lane in lanes))


def retry_after_s(details: list[Any]) -> float:
    (packed,) = (d for d in details if d.Is(error_details_pb2.RetryInfo.DESCRIPTOR))
    told = error_details_pb2.RetryInfo()
    packed.Unpack(told)
    delay: duration_pb2.Duration = told.retry_delay
    return delay.ToMilliseconds() / 1e3


async def test_without_room_a_call_is_refused_and_told_when_to_come_again(
    face: Any, requests: Any
) -> None:
    requests.admission, requests.hang = admission(), True
    first = face.router.Generate(GENERATE)
    await requests.asked.wait()
    code, _, details, _ = await face.failure(face.router.Generate(GENERATE, timeout=5))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert retry_after_s(details) == 1
    ((arrival, error),) = requests.turned_away
    assert (arrival.face, arrival.principal, arrival.work) == ("grpc", "anonymous", Work.CARRY_OUT)
    assert isinstance(error, Overloaded)
    requests.release.set()
    await first
    await emptied(requests)


async def test_what_is_refused_is_not_read(face: Any, requests: Any) -> None:
    """The refusal comes although the request itself never does."""
    requests.admission, requests.hang = admission(), True
    first = face.router.Generate(GENERATE)
    await requests.asked.wait()

    async def never() -> AsyncIterator[bytes]:
        await asyncio.Event().wait()
        yield b""

    call = face.channel.stream_unary("/router_service.v1.RouterService/Generate")(never())
    code, _, _, _ = await face.failure(call)
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    requests.release.set()
    await first


async def test_decisions_are_made_however_many_requests_run(face: Any, requests: Any) -> None:
    requests.admission, requests.hang = admission(), True
    first = face.router.Generate(GENERATE)
    await requests.asked.wait()
    await face.router.Route(ROUTE)
    await face.router.RouteBatch(router_pb2.RouteBatchRequest(requests=[ROUTE]))
    assert running(requests, Work.DECIDE) == 0
    requests.release.set()
    await first


async def test_decisions_have_a_bound_of_their_own(face: Any, requests: Any) -> None:
    requests.admission = admission(max_deciding=1)
    place = requests.join(arrival_for(Work.DECIDE))
    code, _, _, _ = await face.failure(face.router.Route(ROUTE, timeout=5))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    place.leave()
    await face.router.Route(ROUTE)


async def test_open_route_streams_are_bounded_and_take_nothing_from_decisions(
    face: Any, requests: Any
) -> None:
    requests.admission = admission(max_deciding=1)
    stream = face.router.RouteStream()
    await stream.write(router_pb2.RouteStreamRequest(correlation_id="1", route=ROUTE))
    await stream.read()
    await face.router.Route(ROUTE)
    second = face.router.RouteStream()
    await second.done_writing()
    code, _, _, _ = await face.failure(second.read())
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    await stream.done_writing()
    await emptied(requests)


async def test_operators_and_reports_are_never_refused_for_load(face: Any, requests: Any) -> None:
    requests.admission = admission(max_deciding=1)
    for work in Work:
        requests.join(arrival_for(work))
    await face.admin.GetStatus(admin_pb2.GetStatusRequest())
    success = router_pb2.ReportOutcomeRequest(permit="p")
    success.outcome.outcome_class = 1
    await face.router.ReportOutcome(success)


async def test_a_priority_in_the_message_counts_while_it_waits(face: Any, requests: Any) -> None:
    requests.admission, requests.hang = admission(queue=10), True
    first = face.router.Generate(GENERATE)
    await requests.asked.wait()
    calls = [first]
    for waiting, name in enumerate(("normal", "high"), start=1):
        request = router_pb2.GenerateRequest(model=name, prompt="hello")
        request.attributes.priority = name
        calls.append(face.router.Generate(request))
        await until(partial(queue_has, requests, waiting))
    await asyncio.sleep(0.1)  # until both have been read
    requests.release.set()
    await asyncio.gather(*calls)
    assert [incoming.attributes.priority for incoming in requests.seen] == [None, "high", "normal"]
    assert requests.seen[2].queued_s > requests.seen[0].queued_s == 0


async def test_bytes_past_the_budget_are_refused(face: Any, requests: Any) -> None:
    requests.admission = admission(max_body_bytes_held=1000)
    large = router_pb2.GenerateRequest(model="m", prompt="x" * 2000)
    code, message, _, _ = await face.failure(face.router.Generate(large))
    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert "limits.max_body_bytes_held" in message
    await face.router.Generate(GENERATE)
    await emptied(requests)


async def test_a_caller_who_leaves_the_queue_gives_the_place_back(face: Any, requests: Any) -> None:
    requests.admission, requests.hang = admission(queue=10), True
    first = face.router.Generate(GENERATE)
    await requests.asked.wait()
    second = face.router.Generate(GENERATE)
    await until(partial(queue_has, requests, 1))
    second.cancel()
    await until(partial(queue_has, requests, 0))
    ((_, error),) = requests.turned_away
    assert isinstance(error, asyncio.CancelledError)
    requests.release.set()
    await first


async def test_a_caller_who_stops_reading_is_given_up(
    requests: Any, operations: Any, config: Any
) -> None:
    requests.endless = True
    server = create_grpc_server(
        requests, operations, keys=Keys({}), config=config, write_timeout_s=0.2
    )
    port = bind(server, "127.0.0.1", 0)
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        router: Any = router_pb2_grpc.RouterServiceStub(channel)  # type: ignore[no-untyped-call]
        call = router.GenerateStream(router_pb2.GenerateStreamRequest(generate=GENERATE))
        async with asyncio.timeout(10):
            await requests.cancelled.wait()
        await emptied(requests)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in call:
                pass
        assert caught.value.code() is grpc.StatusCode.ABORTED
    await server.stop(None)


async def test_a_refusal_that_nobody_reads_is_given_up(
    face: Any, requests: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(answering, "_REFUSAL_TIMEOUT_S", 0.0)
    requests.error = Overloaded("full", 1)
    with caplog.at_level(logging.DEBUG), contextlib.suppress(grpc.aio.AioRpcError):
        await face.router.Generate(GENERATE, timeout=1)
    assert not [record for record in caplog.records if record.exc_info]


def alive() -> int:
    kinds = (Incoming, RouteQuery, RouterError)
    return sum(isinstance(thing, kinds) for thing in gc.get_objects())


@pytest.mark.parametrize("rpc", ["Generate", "Route"])
async def test_what_failed_is_let_go_of_at_once(face: Any, requests: Any, rpc: str) -> None:
    """Also while the collector of cycles does not run: it comes by too seldom for large bodies."""
    requests.fails = True
    request = GENERATE if rpc == "Generate" else ROUTE
    gc.collect()
    gc.disable()
    try:
        before = alive()
        for _ in range(5):
            await face.failure(getattr(face.router, rpc)(request))
        assert alive() == before
    finally:
        gc.enable()


# ── Reading early ───────────────────────────────────────────────────────────────────────────────


def early_place(requests: Any) -> Place:
    place: Place = requests.join(arrival_for(Work.CARRY_OUT))
    return place


async def one(request: router_pb2.GenerateRequest) -> AsyncIterator[router_pb2.GenerateRequest]:
    yield request


async def never() -> AsyncIterator[router_pb2.GenerateRequest]:
    await asyncio.Event().wait()
    yield GENERATE


async def test_few_of_the_waiting_are_read_at_once_and_whoever_has_a_slot(requests: Any) -> None:
    requests.admission = admission(queue=100)
    running, reading = early_place(requests), EarlyReading()
    slow = [
        asyncio.create_task(reading.read(never(), early_place(requests))) for _ in range(READERS)
    ]
    await asyncio.sleep(0.01)
    place = early_place(requests)
    place.prefer("high")
    asked = asyncio.create_task(reading.read(one(GENERATE), place))
    await asyncio.sleep(0.01)
    assert requests.admission.lanes[Work.CARRY_OUT].bytes_held == 0
    running.leave()
    async with asyncio.timeout(5):
        assert await asked is GENERATE
    place.leave()
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)
    free = reading._seats  # a seat lost would be a wait without end, much later
    assert free._value == READERS


async def test_a_seat_goes_on_to_the_next(requests: Any) -> None:
    requests.admission = admission(queue=100)
    early_place(requests)
    reading = EarlyReading()
    places = [early_place(requests) for _ in range(3 * READERS)]
    asked = [asyncio.create_task(reading.read(one(GENERATE), place)) for place in places]
    lane = requests.admission.lanes[Work.CARRY_OUT]
    await until(lambda: lane.bytes_held == len(places) * GENERATE.ByteSize())
    for task in asked:
        task.cancel()
    await asyncio.gather(*asked, return_exceptions=True)


async def test_past_its_bytes_nothing_more_is_read_early(
    requests: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(early, "MOST_BYTES", 1)
    requests.admission = admission(queue=100)
    running, reading = early_place(requests), EarlyReading()
    places = [early_place(requests) for _ in range(2)]
    lane = requests.admission.lanes[Work.CARRY_OUT]
    first = asyncio.create_task(reading.read(one(GENERATE), places[0]))
    await until(lambda: lane.bytes_held == GENERATE.ByteSize())
    second = asyncio.create_task(reading.read(one(GENERATE), places[1]))
    await asyncio.sleep(0.05)
    assert lane.bytes_held == GENERATE.ByteSize()
    running.leave()
    await first
    places[0].leave()
    async with asyncio.timeout(5):
        assert await second is GENERATE


async def test_who_is_refused_while_waiting_for_a_seat_is_told(requests: Any) -> None:
    requests.admission = admission(queue=100)
    early_place(requests)
    reading = EarlyReading()
    slow = [
        asyncio.create_task(reading.read(never(), early_place(requests))) for _ in range(READERS)
    ]
    asked = asyncio.create_task(reading.read(one(GENERATE), early_place(requests)))
    await asyncio.sleep(0.01)
    requests.admission.lanes[Work.CARRY_OUT].refuse_waiting(Draining("stopping"))
    with pytest.raises(Draining):
        await asked
    for task in slow:
        task.cancel()
    await asyncio.gather(*slow, return_exceptions=True)

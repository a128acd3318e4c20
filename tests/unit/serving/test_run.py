"""The walk's I/O: what is sent, what is held back, what is passed on, and how a break is told."""

from __future__ import annotations

import asyncio
import json

import pytest

from router_service.errors import AllAttemptsFailed, DeadlineExceeded, StreamBroken
from router_service.types import Delta, Finished, Opened, OutcomeClass, Started, StreamItem, Usage

from .conftest import Hang, House, delta, failing, finished, incoming, whole

C = OutcomeClass


async def read(house: House) -> list[StreamItem]:
    return [item async for item in await house.stream()]


def texts(items: list[StreamItem]) -> list[str]:
    return [item.text for item in items if isinstance(item, Delta)]


async def test_a_connector_gets_the_body_untouched_and_what_it_must_overlay(house: House) -> None:
    house.one.plays(whole("hello"))
    headers = {"x-tenant": "blue", "x-other": "no", "traceparent": "00-1-2-01"}
    answer = await house.whole(headers=headers, timeout_s=9)
    (call,) = house.one.calls
    assert call.body == incoming("big").body
    assert (call.upstream_model, call.stream) == ("Big-1", False)
    assert call.headers == {"x-tenant": "blue", "x-request-id": "r-1", "traceparent": "00-1-2-01"}
    assert 8 < call.limits.total <= 9
    assert (answer.text, answer.usage) == ("hello", Usage(3, 5))
    assert (answer.served.model, answer.served.provider) == ("big", "one")
    assert house.idle()


async def test_limits_are_the_providers(house: House) -> None:
    house.one.plays(whole("x"))
    await house.whole()
    limits = house.one.calls[0].limits
    provider = house.orchestrator.provider("one")
    assert limits.connect == provider.connect_us / 1e6
    assert limits.first_token == provider.first_token_us / 1e6
    assert limits.idle == provider.idle_us / 1e6


async def test_the_next_deployment_answers(house: House) -> None:
    house.one.plays(failing(C.UNAVAILABLE, status=503))
    house.two.plays(whole("rescued"))
    answer = await house.whole()
    assert (answer.text, answer.served.provider, answer.served.attempts) == ("rescued", "two", 2)
    assert [attempt.outcome for attempt in house.seen.only.attempts] == ["unavailable", "success"]
    assert house.idle()


async def test_a_repeat_waits_and_the_wait_is_no_overhead(house: House) -> None:
    house.one.plays(failing(C.SERVER_ERROR, status=500), whole("again"))
    assert (await house.whole()).served.attempts == 2
    record = house.seen.only
    assert record.total_s >= 0.05
    assert record.overhead_s < record.total_s - 0.05 + 1e-6


async def test_the_first_error_surfaces_with_every_attempt(house: House) -> None:
    house.one.plays(failing(C.RATE_LIMITED, status=429, body=b"slow down"))
    house.two.plays(failing(C.UNAVAILABLE, status=503))
    with pytest.raises(AllAttemptsFailed, match=r"2 attempts.*rate_limited") as failed:
        await house.whole()
    assert failed.value.cause.body == b"slow down"
    assert [a.outcome for a in failed.value.attempts] == ["rate_limited", "unavailable"]
    assert house.idle()


async def test_the_callers_own_fault_is_not_tried_elsewhere(house: House) -> None:
    house.one.plays(failing(C.INVALID_REQUEST, status=422, body=b"{}"))
    with pytest.raises(AllAttemptsFailed) as failed:
        await house.whole()
    assert failed.value.cause.status == 422
    assert house.two.calls == []
    assert house.seen.only.status == "invalid_request"


async def test_a_deadline_that_passes_in_an_attempt(house: House) -> None:
    house.one.plays(failing(C.DEADLINE))
    with pytest.raises(DeadlineExceeded, match="1 attempt") as passed:
        await house.whole()
    assert [attempt.outcome for attempt in passed.value.attempts] == ["deadline"]
    assert house.two.calls == []


@pytest.mark.parametrize(
    "script",
    [[ValueError("a bug")], [Started(200)], []],
    ids=["raises", "stops after the headers", "stops at once"],
)
async def test_a_connectors_bug_is_a_failed_attempt(
    house: House, script: list[Started | Exception], caplog: pytest.LogCaptureFixture
) -> None:
    house.one.plays(script)
    house.two.plays(whole("rescued"))
    answer = await house.whole()
    assert answer.served.provider == "two"
    first = house.seen.only.attempts[0]
    assert first.outcome == "server_error"
    assert "connector of provider one" in (first.message or "")
    assert ("a bug" in caplog.text) == any(isinstance(step, Exception) for step in script)


async def test_a_stream_opens_with_its_first_content(house: House) -> None:
    role = delta("", content=False)
    house.one.plays([Started(200), role, delta("a"), delta("b"), finished()])
    items = await read(house)
    assert isinstance(items[0], Opened)
    assert items[1:] == [role, delta("a"), delta("b"), finished()]
    assert house.seen.only.status == "ok"
    assert house.seen.only.stream
    assert house.idle()


async def test_an_empty_answer_opens_at_its_end(house: House) -> None:
    house.one.plays([Started(200), delta("", content=False), finished("length")])
    opened, role, end = await read(house)
    assert isinstance(opened, Opened)
    assert isinstance(role, Delta)
    assert end == finished("length")


@pytest.mark.parametrize("outcome", [C.UNAVAILABLE, C.SILENT, C.CONNECTION_RESET, C.STREAM_BROKEN])
async def test_what_came_before_content_is_never_seen(house: House, outcome: OutcomeClass) -> None:
    unseen = delta("", content=False)
    house.one.plays([Started(200), unseen, *failing(outcome)])
    house.two.plays([Started(200), delta("good"), finished()])
    items = await read(house)
    assert texts(items) == ["good"]
    opened = items[0]
    assert isinstance(opened, Opened)
    assert opened.served.provider == "two"


@pytest.mark.parametrize("outcome", [C.STREAM_BROKEN, C.UNAVAILABLE, C.SERVER_ERROR])
async def test_after_content_every_fault_is_a_break(house: House, outcome: OutcomeClass) -> None:
    house.one.plays([Started(200), delta("part"), *failing(outcome)])
    stream = await house.stream()
    got = [await anext(stream), await anext(stream)]
    with pytest.raises(StreamBroken, match="told to fail") as broken:
        await anext(stream)
    assert texts(got) == ["part"]
    assert [attempt.outcome for attempt in broken.value.attempts] == ["stream_broken"]
    assert house.two.calls == []
    assert house.seen.only.status == "stream_broken"
    assert house.idle()


async def test_a_break_tells_what_was_delivered(house: House) -> None:
    house.one.plays([Started(200), delta("one two"), delta(" three"), *failing(C.STREAM_BROKEN)])
    with pytest.raises(StreamBroken) as broken:
        await read(house)
    assert broken.value.usage == Usage(1, 3)
    assert house.seen.only.usage == Usage(1, 3)


async def test_a_deadline_in_the_middle_of_a_stream_is_nobodys_fault(house: House) -> None:
    house.one.plays([Started(200), delta("part"), *failing(C.DEADLINE)])
    with pytest.raises(DeadlineExceeded):
        await read(house)
    assert house.seen.only.attempts[0].outcome == "deadline"
    assert house.idle()


async def test_a_stream_that_just_stops_is_a_break(house: House) -> None:
    house.one.plays([Started(200), delta("part")])
    with pytest.raises(StreamBroken, match="connector of provider one"):
        await read(house)


@pytest.mark.parametrize("read_items", [0, 1, 2])
async def test_closing_a_stream_closes_the_attempt_at_once(house: House, read_items: int) -> None:
    house.one.plays([Started(200), delta("a"), delta("b"), Hang()])
    stream = await house.stream()
    for _ in range(read_items):
        await anext(stream)
    assert house.one.closed == 0
    await stream.aclose()
    assert house.one.closed == 1
    assert house.idle()
    record = house.seen.only
    assert record.status == "cancelled"
    assert [attempt.outcome for attempt in record.attempts] == ["cancelled"]


async def test_closing_after_the_end_is_no_cancellation(house: House) -> None:
    house.one.plays([Started(200), delta("a"), finished()])
    stream = await house.stream()
    async for item in stream:
        if isinstance(item, Finished):
            break
    await stream.aclose()
    assert house.seen.only.status == "ok"
    assert [attempt.outcome for attempt in house.seen.only.attempts] == ["success"]


@pytest.mark.parametrize("stream", [False, True])
async def test_cancelling_before_the_answer(house: House, stream: bool) -> None:
    house.one.plays([Hang()])
    asking = asyncio.create_task(house.orchestrator.open(incoming("big", stream=stream)))
    await house.one.hanging.wait()
    assert house.router.in_flight()["one"] == 1
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert house.one.closed == 1
    assert house.seen.only.status == "cancelled"
    assert house.idle()


async def test_raw_answers_are_not_rebuilt(house: House) -> None:
    house.one.plays(whole("as it is"))
    assert json.loads((await house.whole()).body) == {"said": "as it is"}

"""Slots, records and deadlines around the walk; deciding without carrying out."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from router_service.core import Outcome
from router_service.errors import (
    DeadlineExceeded,
    DecisionError,
    Draining,
    InvalidRequest,
    Overloaded,
)
from router_service.types import Attributes, RouteQuery

from .conftest import Hang, House, delta, finished, incoming, whole


def query(model: str = "big", **members: Any) -> RouteQuery:
    return RouteQuery(
        "grpc", model, members.pop("attributes", Attributes()), {}, "ann", "r-2", **members
    )


async def test_a_body_that_cannot_be_read_leaves_a_record_and_no_slot(house: House) -> None:
    with pytest.raises(InvalidRequest):
        await house.orchestrator.open(incoming("", body=b"{"))
    assert house.seen.only.status == "invalid_request"
    assert house.seen.only.decision_id is None
    assert house.idle()


async def test_an_unknown_model_leaves_a_record_and_no_slot(house: House) -> None:
    with pytest.raises(DecisionError) as refused:
        await house.whole("bigg")
    assert refused.value.details["suggestions"][0] == "big"
    assert (house.seen.only.status, house.seen.only.requested_model) == ("unknown_model", "bigg")
    assert house.idle()


@pytest.mark.parametrize("timeout_s", [0.0, -1.0])
async def test_a_deadline_that_has_passed_asks_nobody(house: House, timeout_s: float) -> None:
    with pytest.raises(DeadlineExceeded):
        await house.whole(timeout_s=timeout_s)
    assert house.one.calls == []
    assert house.seen.only.status == "deadline_exceeded"
    assert house.idle()


async def test_deadlines_of_callers_who_name_none(house: House) -> None:
    house.one.plays(whole("x"))
    await house.whole()
    house.one.plays([delta("x"), finished()])
    async for _ in await house.stream():
        pass
    answer, stream = house.one.calls
    configured = house.router.table.timeout_us / 1e6
    assert configured - 1 < answer.limits.total <= configured
    assert 89 < stream.limits.total <= 90


async def test_every_slot_taken_is_overload(house: House) -> None:
    house.one.plays([Hang()])
    house.two.plays([Hang()])
    running = [asyncio.create_task(house.whole()) for _ in range(8)]
    queued = [asyncio.create_task(house.whole(timeout_s=30)) for _ in range(8)]
    await house.one.hanging.wait()
    await house.two.hanging.wait()
    with pytest.raises(Overloaded):
        await house.whole()
    for task in (*running, *queued):
        task.cancel()
    await asyncio.gather(*running, *queued, return_exceptions=True)
    assert house.idle()
    assert sorted(r.status for r in house.seen.records) == ["cancelled"] * 16 + ["overloaded"]


async def test_draining_refuses_new_requests_and_lets_running_ones_end(house: House) -> None:
    house.one.plays([delta("a"), delta("b"), finished()])
    stream = await house.stream()
    house.admission.drain()
    assert not house.orchestrator.ready()
    with pytest.raises(Draining):
        await house.whole()
    with pytest.raises(Draining):
        await house.orchestrator.decide(query())
    items = [item async for item in stream]
    assert items[-1] == finished()


async def test_deciding_reserves_and_is_recorded(house: House) -> None:
    decision = await house.orchestrator.decide(query(prompt="hello"))
    assert (decision.model, decision.provider) == ("big", "one")
    assert house.router.in_flight()["one"] == 1
    record = house.seen.only
    assert (record.status, record.face, record.rule, record.attempts) == ("ok", "grpc", "exact", ())
    assert record.decision_id == decision.decision_id
    success = Outcome("success", total_us=5)
    assert house.orchestrator.report(decision.permit, success) == "accepted"
    assert house.orchestrator.report(decision.permit, success) == "duplicate"
    assert house.orchestrator.report("nonsense", success) == "unknown"
    assert house.idle()


async def test_a_decision_that_fails_is_recorded(house: House) -> None:
    with pytest.raises(DecisionError):
        await house.orchestrator.decide(query("nobody"))
    assert house.seen.only.status == "unknown_model"
    assert house.seen.only.error


async def test_many_decisions_fail_one_by_one(house: House) -> None:
    first, second, third = await house.orchestrator.decide_many(
        [query(), query("nobody"), query("small")]
    )
    assert isinstance(second, DecisionError)
    assert not isinstance(first, Exception)
    assert not isinstance(third, Exception)
    assert (first.provider, third.provider) == ("one", "two")
    assert len(house.seen.records) == 3


async def test_explaining_reserves_nothing_and_leaves_no_record(house: House) -> None:
    explained = await house.orchestrator.explain(query(prompt="hello"))
    assert [hop["model"] for hop in explained["plan"]] == ["big", "small"]
    assert house.seen.records == []
    assert house.idle()


def test_what_there_is(house: House) -> None:
    orchestrator = house.orchestrator
    assert {model.name for model in orchestrator.models()} == {"big", "small", "lone"}
    assert orchestrator.ready()
    assert orchestrator.provider("one").base_url == "http://one.test/v1"
    with pytest.raises(KeyError):
        orchestrator.provider("nobody")


async def test_the_status_says_what_runs_and_whether_it_drains(house: House) -> None:
    house.one.plays([Hang()])
    running = asyncio.create_task(house.whole("lone"))
    await house.one.hanging.wait()
    status = house.orchestrator.status()
    assert (status["instance"], status["in_flight"], status["draining"]) == ("test", 1, False)
    assert status["table_version"] == house.router.table.version
    assert status["providers"]["one"]["in_flight"] == 1
    assert status["deployments"]["lone@one"]["in_flight"] == 1
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    house.admission.drain()
    later = house.orchestrator.status()
    assert (later["in_flight"], later["draining"]) == (0, True)
    assert 0 < later["started_us"] == status["started_us"]

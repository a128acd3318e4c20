"""Watchers of decisions: what they see, what they miss, and that they are bounded and let go of."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from router_service.core import Outcome
from router_service.errors import AllAttemptsFailed, DecisionError, TooManyWatchers
from router_service.serving.watchers import DecisionFilter, Watched, Watcher, Watchers
from router_service.types import Attributes, OutcomeClass, RouteQuery

from .conftest import Hang, House, delta, failing, finished, whole

EVERYTHING = DecisionFilter()


def decision(model: str = "big", provider: str = "one", rule: str = "exact") -> Any:
    return SimpleNamespace(model=model, provider=provider, rule=rule)


def attempts(*kinds: str) -> Any:
    return tuple(SimpleNamespace(kind=kind) for kind in kinds)


async def heard(watcher: Watcher, count: int = 1) -> list[tuple[Watched, int]]:
    async with asyncio.timeout(10):
        return [await watcher.next() for _ in range(count)]


async def nothing_waits(watcher: Watcher) -> bool:
    asking = asyncio.create_task(watcher.next())
    done, _ = await asyncio.wait({asking}, timeout=0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    return not done


# ── The hub ─────────────────────────────────────────────────────────────────────────────────────


async def test_everybody_is_told_in_order() -> None:
    watchers = Watchers()
    with watchers.watching(EVERYTHING) as one, watchers.watching(EVERYTHING) as two:
        for number in range(3):
            watchers.tell(number, f"r-{number}", decision(), attempts("first"), "ok")
        for watcher in (one, two):
            told = await heard(watcher, 3)
            assert [(seen.decided_us, seen.request_id) for seen, _ in told] == [
                (0, "r-0"),
                (1, "r-1"),
                (2, "r-2"),
            ]
            assert [missed for _, missed in told] == [0, 0, 0]
            assert await nothing_waits(watcher)


async def test_a_slow_one_misses_the_oldest_and_is_told_how_many() -> None:
    watchers = Watchers(most_waiting=3)
    with watchers.watching(EVERYTHING) as slow:
        for number in range(8):
            watchers.tell(number, "r", decision())
        told = await heard(slow, 3)
        assert [(seen.decided_us, missed) for seen, missed in told] == [(5, 5), (6, 0), (7, 0)]
        watchers.tell(8, "r", decision())
        ((seen, missed),) = await heard(slow)
        assert (seen.decided_us, missed) == (8, 0)


async def test_what_was_not_wanted_is_not_missed() -> None:
    watchers = Watchers(most_waiting=1)
    with watchers.watching(DecisionFilter(model="big")) as watcher:
        watchers.tell(1, "r", decision("big"))
        for _ in range(5):
            watchers.tell(2, "r", decision("small"))
        ((seen, missed),) = await heard(watcher)
        assert (seen.decided_us, missed) == (1, 0)


@pytest.mark.parametrize(
    ("wanted", "seen"),
    [
        (EVERYTHING, [0, 1, 2, 3, 4]),
        (DecisionFilter(model="big"), [0, 2]),
        (DecisionFilter(provider="two"), [1, 2]),
        (DecisionFilter(rule="pool"), [3]),
        (DecisionFilter(fallbacks_only=True), [1, 4]),
        (DecisionFilter(model="small", provider="two", fallbacks_only=True), [1]),
        (DecisionFilter(model="bi"), []),
    ],
)
async def test_filters(wanted: DecisionFilter, seen: list[int]) -> None:
    watchers = Watchers()
    with watchers.watching(wanted) as watcher:
        watchers.tell(0, "r", decision("big", "one"), attempts("first", "repeat", "hedge"))
        watchers.tell(1, "r", decision("small", "two"), attempts("first", "fallback"))
        watchers.tell(2, "r", decision("big", "two"))
        watchers.tell(3, "r", decision("lone", "one", "pool"), attempts("first"))
        watchers.tell(4, "r", decision("lone", "one"), attempts("first", "continuation"))
        told = await heard(watcher, len(seen))
        assert [watched.decided_us for watched, _ in told] == seen
        assert await nothing_waits(watcher)


def test_there_may_be_only_so_many_and_who_leaves_makes_room() -> None:
    watchers = Watchers(most_watchers=2)
    with watchers.watching(EVERYTHING):
        with watchers.watching(EVERYTHING):
            with (
                pytest.raises(TooManyWatchers, match=r"2 watchers are connected.*end one"),
                watchers.watching(EVERYTHING),
            ):
                pass
            assert len(watchers) == 2
        with watchers.watching(EVERYTHING):
            assert len(watchers) == 2
    assert len(watchers) == 0


async def test_one_that_is_cancelled_while_it_waits_is_gone() -> None:
    watchers = Watchers()

    async def watch() -> None:
        with watchers.watching(EVERYTHING) as watcher:
            await watcher.next()

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0.01)
    assert len(watchers) == 1
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    assert len(watchers) == 0


def test_nobody_watching_costs_no_look_at_the_decision() -> None:
    Watchers().tell(1, "r", object())  # type: ignore[arg-type]


async def test_all_together_are_told_at_a_bounded_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("router_service.serving.watchers.asyncio.sleep", sleep)
    watchers = Watchers()
    with watchers.watching(EVERYTHING) as watcher, watchers.watching(EVERYTHING):
        watchers.tell(1, "r", decision())
        await watcher.next()
    assert pauses == [0.002]


# ── What passes through ─────────────────────────────────────────────────────────────────────────


def query(model: str = "big") -> RouteQuery:
    return RouteQuery("grpc", model, Attributes(), {}, "ann", "r-2", prompt="hello")


async def test_a_request_is_told_when_it_has_ended_with_all_its_attempts(house: House) -> None:
    house.one.plays(failing(OutcomeClass.UNAVAILABLE, status=503))
    house.two.plays(whole("x"))
    with house.orchestrator.watch(EVERYTHING) as watcher:
        await house.whole()
        ((seen, _),) = await heard(watcher)
    record = house.seen.only
    assert seen.decision.decision_id == record.decision_id
    assert (seen.request_id, seen.status, seen.attempts) == ("r-1", "ok", record.attempts)
    assert [attempt.kind for attempt in seen.attempts] == ["first", "fallback"]
    assert 0 < record.ended_at * 1e6 - seen.decided_us < 60e6


async def test_a_stream_is_told_when_its_caller_has_left(house: House) -> None:
    house.one.plays([delta("a"), Hang()])
    with house.orchestrator.watch(EVERYTHING) as watcher:
        items = await house.stream()
        assert await nothing_waits(watcher)
        await items.aclose()
        ((seen, _),) = await heard(watcher)
    assert (seen.status, seen.attempts[0].outcome) == ("cancelled", "cancelled")


async def test_a_stream_that_ends_is_told_once(house: House) -> None:
    house.one.plays([delta("a"), finished()])
    with house.orchestrator.watch(EVERYTHING) as watcher:
        async for _ in await house.stream():
            pass
        ((seen, _),) = await heard(watcher)
        assert await nothing_waits(watcher)
    assert seen.status == "ok"


async def test_a_request_that_fails_is_told_with_its_status(house: House) -> None:
    house.one.plays(failing(OutcomeClass.UNAVAILABLE))
    house.two.plays(failing(OutcomeClass.UNAVAILABLE))
    with house.orchestrator.watch(EVERYTHING) as watcher:
        with pytest.raises(AllAttemptsFailed):
            await house.whole()
        ((seen, _),) = await heard(watcher)
    assert seen.status == "all_attempts_failed"


async def test_deciding_alone_is_told_at_once_for_each(house: House) -> None:
    with house.orchestrator.watch(EVERYTHING) as watcher:
        one = await house.orchestrator.decide(query())
        assert house.orchestrator.report(one.permit, Outcome("success", total_us=5)) == "accepted"
        await house.orchestrator.decide_many([query("small"), query("nobody"), query("lone")])
        told = [seen for seen, _ in await heard(watcher, 3)]
        assert await nothing_waits(watcher)
    assert [seen.decision.model for seen in told] == ["big", "small", "lone"]
    assert told[0].decision.decision_id == one.decision_id
    assert {(seen.request_id, seen.status, tuple(seen.attempts)) for seen in told} == {
        ("r-2", "", ())
    }


async def test_what_was_refused_without_a_decision_is_not_told(house: House) -> None:
    with house.orchestrator.watch(EVERYTHING) as watcher:
        with pytest.raises(DecisionError):
            await house.whole("nobody")
        with pytest.raises(DecisionError):
            await house.orchestrator.decide(query("nobody"))
        assert await nothing_waits(watcher)
    assert len(house.seen.records) == 2

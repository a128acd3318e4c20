"""How answers are delivered: streams that break off and go on elsewhere, answers held back until
they are whole, and attempts that race for the first token."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from router_service.core import Table
from router_service.errors import StreamBroken
from router_service.types import (
    Continued,
    Delta,
    Finished,
    Opened,
    OutcomeClass,
    Prefill,
    Started,
    StreamItem,
    Usage,
)

from .conftest import CONFIG, Hang, House, Step, delta, failing, finished, house_of, incoming, whole

C = OutcomeClass
BROKEN = failing(C.STREAM_BROKEN)


def house_with(delivery: dict[str, Any], *, prefill: bool = False) -> House:
    two = CONFIG["providers"]["two"] | {"prefill": prefill}
    config = CONFIG | {
        "providers": CONFIG["providers"] | {"two": two},
        "router_settings": {"delivery": delivery},
    }
    return house_of(Table.compile(json.dumps(config).encode()))


def chunk(text: str, **members: Any) -> Delta:
    """As a provider would send it, with members of its own."""
    choices = [{"index": 0, "delta": {"content": text}}]
    raw = json.dumps({"choices": choices, "object": "chat.completion.chunk"} | members)
    return Delta(raw.encode(), text, content=bool(text))


def playing(*texts: str, end: list[Step] | None = None) -> list[Step]:
    return [Started(200), *map(delta, texts), *(end or [finished()])]


async def read(house: House, **members: Any) -> list[StreamItem]:
    return [item async for item in await house.stream(**members)]


def text_of(items: list[StreamItem]) -> str:
    return "".join(item.text for item in items if isinstance(item, Delta))


def continued(items: list[StreamItem]) -> Continued:
    (found,) = [item for item in items if isinstance(item, Continued)]
    return found


# ── Broken streams go on elsewhere ──────────────────────────────────────────────────────────────


async def test_a_prefill_lets_the_next_one_go_on_where_the_first_broke_off() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    house.one.plays(playing("one two", " three", end=BROKEN))
    house.two.plays(playing(" four", " five"))
    items = await read(house)
    assert text_of(items) == "one two three four five"
    assert house.two.calls[0].prefill == Prefill("one two three", 3)
    spliced = continued(items)
    assert (spliced.served.provider, spliced.served.attempts) == ("two", 2)
    assert spliced.by == "prefill"
    assert isinstance(items[-1], Finished)
    # Two answers' counts: what the provider took as prompt was answer to the caller.
    assert items[-1].usage == Usage(0, 8)
    assert [a.outcome for a in house.seen.only.attempts] == ["stream_broken", "success"]
    assert (house.seen.only.status, house.seen.only.usage) == ("ok", Usage(0, 8))
    assert house.idle()


async def test_without_prefill_the_same_words_are_needed_again() -> None:
    house = house_with({"stream_break": "continue"})
    house.one.plays(playing("one two", " three", end=BROKEN))
    house.two.plays(playing("one", " two thr", "ee four", " five"))
    items = await read(house)
    assert house.two.calls[0].prefill is None
    assert text_of(items) == "one two three four five"
    assert continued(items).by == "regenerated"
    assert items[-1] == finished(), "its own count is that of the whole answer"


async def test_an_answer_that_ends_just_there_is_whole() -> None:
    house = house_with({"stream_break": "continue"})
    house.one.plays(playing("one two", end=BROKEN))
    house.two.plays(playing("one", " two"))
    items = await read(house)
    assert text_of(items) == "one two"
    assert continued(items).served.provider == "two"


@pytest.mark.parametrize(
    "other", [playing("one", " too many"), playing("one")], ids=["other words", "too short"]
)
async def test_other_words_cannot_go_on(other: list[Step]) -> None:
    house = house_with({"stream_break": "continue"})
    house.one.plays(playing("one two", end=BROKEN))
    house.two.plays(other)
    with pytest.raises(StreamBroken, match="told to fail: stream_broken") as broken:
        await read(house)
    assert [a.outcome for a in broken.value.attempts] == ["stream_broken", "diverged"]
    assert house.router.in_flight() == {"one": 0, "two": 0}
    assert house.two.closed == 1


async def test_a_refused_prefill_never_masks_the_break() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    house.one.plays(playing("one two", end=BROKEN))
    house.two.plays(failing(C.INVALID_REQUEST, status=400, body=b"no prefill here"))
    with pytest.raises(StreamBroken, match="stream_broken") as broken:
        await read(house)
    assert "no prefill" not in str(broken.value)
    assert [a.outcome for a in broken.value.attempts] == ["stream_broken", "invalid_request"]


async def test_more_than_text_is_never_continued() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    thought = Delta(b'{"choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]}', "", True)
    house.one.plays([Started(200), thought, delta("one"), *BROKEN])
    with pytest.raises(StreamBroken):
        await read(house)
    assert house.two.calls == []


async def test_tools_are_never_continued() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    house.one.plays(playing("one", end=BROKEN))
    body = json.loads(incoming("big", stream=True).body) | {"tools": [{"type": "function"}]}
    with pytest.raises(StreamBroken):
        await read(house, body=json.dumps(body).encode())
    assert house.two.calls == []


async def test_the_stream_stays_one_stream() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    usage = {"prompt_tokens": 9, "completion_tokens": 2, "total_tokens": 11}
    house.one.plays([Started(200), chunk("one", id="first", created=1, model="a"), *BROKEN])
    role = Delta(b'{"id":"x","choices":[{"index":0,"delta":{"role":"assistant"}}]}', "", False)
    counted = Delta(json.dumps({"id": "x", "choices": [], "usage": usage}).encode(), "", False)
    second = chunk(" two", id="second", created=2, model="b", extra=[1])
    house.two.plays([Started(200), role, second, counted, finished()])
    items = await read(house)
    documents = [json.loads(item.raw) for item in items if isinstance(item, Delta)]
    assert [(d["id"], d["created"]) for d in documents] == [("first", 1)] * 3
    assert documents[1]["model"] == "b", "who serves it is not hidden"
    assert documents[1]["extra"] == [1]
    assert documents[2]["usage"] == {
        "prompt_tokens": 8,
        "completion_tokens": 3,
        "total_tokens": 11,
    }
    label = json.loads(continued(items).chunk)
    assert (label["id"], label["choices"][0]["delta"]) == ("first", {})
    assert label["router_service"]["continued"] == {
        "model": "small",
        "provider": "two",
        "attempt": 2,
        "after_characters": 3,
        "by": "prefill",
    }


async def test_an_end_that_comes_with_repeated_text_is_passed_on() -> None:
    house = house_with({"stream_break": "continue"})
    house.one.plays(playing("one", " two", end=BROKEN))
    choices = [{"index": 0, "delta": {"content": " two"}, "finish_reason": "stop"}]
    last = Delta(json.dumps({"choices": choices}).encode(), " two", content=True)
    house.two.plays([Started(200), delta("one"), last, finished()])
    items = await read(house)
    assert text_of(items) == "one two"
    end = items[-2]
    assert isinstance(end, Delta)
    assert json.loads(end.raw)["choices"] == [
        {"index": 0, "delta": {"content": ""}, "finish_reason": "stop"}
    ]


async def test_what_is_no_text_is_not_lost_after_a_splice() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    house.one.plays(playing("one", end=BROKEN))
    refusal = Delta(b'{"choices":[{"index":0,"delta":{"refusal":"I cannot"}}]}', "", content=True)
    house.two.plays([Started(200), refusal, finished()])
    items = await read(house)
    said = items[-2]
    assert isinstance(said, Delta)
    assert json.loads(said.raw)["choices"][0]["delta"] == {"refusal": "I cannot"}


@pytest.mark.parametrize(
    "member",
    [
        b'"logprobs":NaN',
        b'"usage":{"prompt_tokens":"9","completion_tokens":[2]}',
        b'"half":"\\ud83d"',
        b'"half":"\xed\xa0\xbd"',
    ],
)
async def test_odd_chunks_are_spliced_too(member: bytes) -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    odd = b'{"choices":[{"index":0,"delta":{"content":" two"}}],' + member + b"}"
    house.one.plays([Started(200), Delta(b'{"id":"\\ud83d"}', "one", content=True), *BROKEN])
    house.two.plays([Started(200), Delta(odd, " two", content=True), finished()])
    items = await read(house)
    spliced = items[-2]
    assert isinstance(spliced, Delta)
    assert json.loads(spliced.raw)["id"] == "\ud83d"


async def test_a_chunk_that_cannot_be_joined_is_told_as_a_break() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    endless = b'{"choices":[{"index":0,"delta":{"content":" two"}}],"logprob":-1e999}'
    house.one.plays(playing("one", end=BROKEN))
    house.two.plays([Started(200), Delta(endless, " two", content=True), finished()])
    with pytest.raises(StreamBroken):
        await read(house)
    assert house.idle()


async def test_a_deployment_that_breaks_in_its_turn_is_told_as_a_break() -> None:
    house = house_with({"stream_break": "continue"}, prefill=True)
    house.one.plays(playing("one", end=BROKEN))
    house.two.plays(playing(" two", end=BROKEN))
    with pytest.raises(StreamBroken) as broken:
        await read(house)
    # The last one left is asked once more.
    assert [call.prefill for call in house.two.calls] == [Prefill("one", 1), Prefill("one two", 2)]
    assert broken.value.usage == Usage(1, 3)
    assert house.idle()


# ── Held back until whole ───────────────────────────────────────────────────────────────────────


async def test_buffered_repairs_a_break_unseen() -> None:
    house = house_with({"commit": "buffered"})
    house.one.plays(playing("one", " two", end=BROKEN))
    house.two.plays(playing("three", " four"))
    items = await read(house)
    opened = items[0]
    assert isinstance(opened, Opened)
    assert (opened.served.provider, text_of(items)) == ("two", "three four")
    assert not any(isinstance(item, Continued) for item in items)


async def test_a_whole_answer_that_breaks_off_is_asked_for_elsewhere(house: House) -> None:
    house.one.plays(playing("one", " two", end=BROKEN))
    house.two.plays([Started(200), delta("three"), *whole("three four")[1:]])
    answer = await house.whole()
    assert (answer.text, answer.served.provider) == ("three four", "two")
    assert house.one.calls[0].assembled
    assert not house.one.calls[0].stream


async def test_only_plain_answers_are_assembled(house: House) -> None:
    house.one.plays(whole("x"))
    body = json.loads(incoming("big").body) | {"n": 2}
    await house.whole(body=json.dumps(body).encode())
    assert not house.one.calls[0].assembled


# ── Races for the first token ───────────────────────────────────────────────────────────────────

SLOW_S = 0.02


async def hedging() -> House:
    """A house that knows how long one takes to its first token."""
    config = CONFIG | {
        "models": CONFIG["models"] | {"twin": {"deployments": _twins()}},
        "router_settings": {"delivery": {"hedge": True}, "exploration": 0},
    }
    house = house_of(Table.compile(json.dumps(config).encode()))
    house.one.plays(playing("known"))
    for _ in range(8):
        await read(house, model="twin")
    house.one.calls.clear()
    house.seen.records.clear()
    return house


def _twins() -> list[dict[str, Any]]:
    return [{"provider": "one"}, {"provider": "two", "priority": 1}]


async def test_a_slow_first_token_is_raced_for_and_the_loser_cancelled() -> None:
    house = await hedging()
    house.one.plays([Hang()])
    house.two.plays(playing("fast"))
    items = await read(house, model="twin")
    opened = items[0]
    assert isinstance(opened, Opened)
    assert (opened.served.provider, text_of(items)) == ("two", "fast")
    outcomes = [(a.number, a.provider, a.outcome) for a in house.seen.only.attempts]
    assert outcomes == [(1, "one", "cancelled"), (2, "two", "success")]
    assert house.idle()


async def test_the_loser_is_closed_before_the_first_item_is_handed_out() -> None:
    house = await hedging()
    house.one.plays([Hang()])
    closed = house.one.closed
    house.two.plays(playing("fast"))
    stream = await house.stream("twin")
    assert house.one.closed == closed + 1
    await stream.aclose()


async def test_the_first_may_still_win() -> None:
    house = await hedging()
    house.two.plays([Hang()])

    house.one.plays([Hang(SLOW_S), *playing("late")])
    answer = await read(house, model="twin")
    assert text_of(answer) == "late"
    outcomes = [(a.number, a.outcome) for a in house.seen.only.attempts]
    assert outcomes == [(1, "success"), (2, "cancelled")]
    assert house.idle()


async def test_when_both_fail_the_first_error_surfaces() -> None:
    house = await hedging()
    house.one.plays([Hang(SLOW_S), *failing(C.UNAVAILABLE, status=503)])
    house.two.plays([Hang(2 * SLOW_S), *failing(C.UNAVAILABLE, status=502)])
    with pytest.raises(Exception, match="2 attempts") as failed:
        await read(house, model="twin")
    assert failed.value.cause.status == 503  # type: ignore[attr-defined]
    assert house.idle()


async def test_a_caller_who_leaves_during_a_race_closes_both() -> None:
    house = await hedging()
    house.one.plays([Hang()])
    house.two.plays([Hang()])
    closed = house.one.closed
    asking = asyncio.create_task(house.orchestrator.open(incoming("twin", stream=True)))
    await house.two.hanging.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert (house.one.closed, house.two.closed) == (closed + 1, 1)
    assert [a.outcome for a in house.seen.only.attempts] == ["cancelled", "cancelled"]
    assert house.idle()

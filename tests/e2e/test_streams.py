"""A stream that breaks after its first content is never passed off as complete; one that breaks
before goes on elsewhere, unseen."""

from __future__ import annotations

from typing import Any

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind, expected_text

from .callers import Reply, chat
from .routers import InProcessRouter

SERVERS = {"alpha": "first", "native": "second"}
"""A model on an OpenAI-style server and one on Ollama, with their providers."""


async def behave(fleet: FakeFleet, provider: str, kind: FaultKind, **members: Any) -> None:
    await fleet[provider].behave(Behaviour(faults=(Fault(kind, **members),)))


def broken_off(reply: Reply, face: str) -> None:
    """As each face says that a stream broke."""
    assert not reply.whole, reply
    assert reply.code == "stream_broken", reply
    assert not reply.done_mark
    assert reply.cut == (face == "http")
    if face == "grpc":
        assert reply.status == "ABORTED"
        assert reply.finish_reason is None


BREAKS = {
    "cut": (FaultKind.CUT, {}),
    "ended politely": (FaultKind.CUT_CLEAN, {}),
    "stalled": (FaultKind.STALL, {}),
    "error inside": (FaultKind.ERROR_EVENT, {"status": 500}),
}


@pytest.mark.parametrize("model", SERVERS)
@pytest.mark.parametrize("case", BREAKS)
async def test_a_break_after_content_is_told(
    router: InProcessRouter, fleet: FakeFleet, face: str, model: str, case: str
) -> None:
    kind, members = BREAKS[case]
    await behave(fleet, SERVERS[model], kind, after_tokens=3, **members)
    reply = await router.face(face).ask(chat(model, stream=True))
    broken_off(reply, face)
    assert reply.text == expected_text(model, "hello", 3)
    assert reply.provider == SERVERS[model]
    assert reply.tries == [(SERVERS[model], "stream_broken")]
    assert SERVERS[model] in reply.message
    others = set(SERVERS.values()) - {SERVERS[model]}
    assert [await fleet[name].log() for name in others] == [[]]
    await router.idle()


@pytest.mark.parametrize("model", SERVERS)
async def test_all_text_without_a_finish_reason_is_a_break(
    router: InProcessRouter, fleet: FakeFleet, face: str, model: str
) -> None:
    await behave(fleet, SERVERS[model], FaultKind.NO_FINISH_REASON)
    reply = await router.face(face).ask(chat(model, stream=True))
    broken_off(reply, face)
    assert reply.text == expected_text(model, "hello")


async def test_ollama_without_its_last_line_is_a_break(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await behave(fleet, "second", FaultKind.NO_DONE)
    broken_off(await router.face(face).ask(chat("native", stream=True)), face)


async def test_a_missing_done_after_a_finish_reason_is_fine(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await behave(fleet, "first", FaultKind.NO_DONE)
    reply = await router.face(face).ask(chat("alpha", stream=True))
    assert reply.whole, reply
    assert reply.text == expected_text("alpha", "hello")


@pytest.mark.parametrize("model", SERVERS)
@pytest.mark.parametrize("kind", [FaultKind.MALFORMED_EVENT, FaultKind.INVALID_UTF8])
async def test_an_event_that_cannot_be_read_is_skipped(
    router: InProcessRouter, fleet: FakeFleet, face: str, model: str, kind: FaultKind
) -> None:
    await behave(fleet, SERVERS[model], kind, after_tokens=3)
    reply = await router.face(face).ask(chat(model, stream=True))
    assert reply.whole, reply
    assert reply.text == expected_text(model, "hello")
    assert (reply.provider, reply.attempts) == (SERVERS[model], 1)


BEFORE_CONTENT = {
    "cut": (FaultKind.CUT, {}, 3),
    "ended politely": (FaultKind.CUT_CLEAN, {}, 3),
    "stalled": (FaultKind.STALL, {}, 2),
    "slow first token": (FaultKind.SLOW_FIRST_TOKEN, {}, 2),
    "busy inside a 200": (FaultKind.ERROR_EVENT, {"status": 503}, 2),
}
"""Fault, its members, and the attempts it takes: what looks like a reset is repeated once."""


@pytest.mark.parametrize("case", BEFORE_CONTENT)
async def test_before_content_another_answers_unseen(
    router: InProcessRouter, fleet: FakeFleet, face: str, case: str
) -> None:
    kind, members, attempts = BEFORE_CONTENT[case]
    await behave(fleet, "first", kind, **members)
    reply = await router.face(face).ask(chat("alpha", stream=True))
    assert reply.whole, reply
    assert reply.text == expected_text("beta", "hello")
    assert (reply.model, reply.provider, reply.attempts) == ("beta", "second", attempts)
    await router.idle()


async def test_an_ollama_that_stalls_before_content_is_left_too(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await behave(fleet, "second", FaultKind.STALL)
    reply = await router.face(face).ask(chat("native", stream=True))
    assert reply.whole, reply
    assert (reply.model, reply.provider) == ("alpha", "first")
    assert reply.text == expected_text("alpha", "hello")


@pytest.mark.parametrize("model", SERVERS)
async def test_a_whole_answer_cut_in_the_middle_goes_elsewhere(
    router: InProcessRouter, fleet: FakeFleet, face: str, model: str
) -> None:
    await behave(fleet, SERVERS[model], FaultKind.CUT)
    reply = await router.face(face).ask(chat(model))
    assert reply.whole, reply
    assert reply.provider not in (SERVERS[model], None)
    assert reply.text == expected_text(str(reply.model), "hello")


@pytest.mark.parametrize("model", SERVERS)
async def test_a_good_stream_says_what_it_took(
    router: InProcessRouter, face: str, model: str
) -> None:
    body = chat(model, stream=True, stream_options={"include_usage": True}, max_tokens=5)
    reply = await router.face(face).ask(body)
    assert reply.whole, reply
    assert reply.text == expected_text(model, "hello", 5)
    assert reply.finish_reason == "length"
    assert reply.usage is not None
    assert reply.usage[1] == 5

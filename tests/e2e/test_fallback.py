"""Before the first token every failure moves on as its class demands, and nobody sees it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind, expected_text

from . import small_fleet
from .callers import Reply, chat
from .routers import InProcessRouter, in_process

STATUS = FaultKind.STATUS

UNSTREAMED = {"modalities": ["text"]}
"""In a body: asked for whole, so that its only limit is the deadline."""


def failing(kind: FaultKind, **members: Any) -> Behaviour:
    return Behaviour(faults=(Fault(kind, **members),))


async def asked(fleet: FakeFleet, *providers: str) -> list[int]:
    """How often each provider was asked for an answer."""
    return [len(await fleet[name].log()) for name in providers]


def served_by(reply: Reply, model: str, provider: str, attempts: int) -> None:
    assert reply.whole, reply
    assert (reply.model, reply.provider, reply.attempts) == (model, provider, attempts)
    assert reply.text == expected_text(model, "hello")
    assert reply.decision_id


# Class, fault of the first provider, and how often the first is then asked.
NEXT_IN_PLAN = {
    "503": (failing(STATUS, status=503), 1),
    "502": (failing(STATUS, status=502), 1),
    "500 is repeated once": (failing(STATUS, status=500), 2),
    "reset is repeated once": (failing(FaultKind.RESET_BEFORE_HEADERS), 2),
    "broken headers are repeated once": (failing(FaultKind.RESET_DURING_HEADERS), 2),
    "refused": (failing(FaultKind.REFUSE), 0),
    "401": (failing(STATUS, status=401), 1),
    "403": (failing(STATUS, status=403), 1),
    "404": (failing(STATUS, status=404), 1),
    "429 without Retry-After": (failing(STATUS, status=429), 1),
    "429 with a long Retry-After": (failing(STATUS, status=429, retry_after_s=60), 1),
    "a web page instead of an answer": (failing(FaultKind.WRONG_CONTENT_TYPE), 2),
}


@pytest.mark.parametrize("case", NEXT_IN_PLAN)
async def test_the_next_in_the_plan_answers(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool, case: str
) -> None:
    behaviour, times = NEXT_IN_PLAN[case]
    await fleet["first"].behave(behaviour)
    reply = await router.face(face).ask(chat("alpha", stream=stream))
    served_by(reply, "beta", "second", max(times, 1) + 1)
    assert await asked(fleet, "first", "second", "third") == [times, 1, 0]
    await router.idle()


async def test_a_silent_provider_is_left_after_its_limit_for_the_first_token(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(failing(FaultKind.SILENCE))
    reply = await router.face(face).ask(chat("alpha", stream=True))
    served_by(reply, "beta", "second", 2)
    (entry,) = await fleet["first"].log()
    assert entry.outcome == "client closed"


async def test_a_second_failure_after_500_is_enough(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(failing(STATUS, status=500, times=1))
    reply = await router.face(face).ask(chat("alpha"))
    served_by(reply, "alpha", "first", 2)
    assert await asked(fleet, "first", "second") == [2, 0]


async def test_a_short_retry_after_is_waited_for_where_the_next_is_of_lower_quality(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["first"].behave(failing(STATUS, status=429, retry_after_s=1, times=1))
    reply = await router.face(face).ask(chat("alpha", stream=stream))
    served_by(reply, "alpha", "first", 2)
    earlier, later = await fleet["first"].log()
    assert later.time - earlier.time >= 1.0
    assert await asked(fleet, "second") == [0]


async def test_a_short_retry_after_is_not_waited_for_where_an_equal_is_next(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(failing(STATUS, status=429, retry_after_s=1))
    reply = await router.face(face).ask(chat("peer"))
    served_by(reply, "beta", "second", 2)
    assert await asked(fleet, "first") == [1]


async def test_a_refusing_provider_is_skipped_with_all_its_models(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(failing(FaultKind.REFUSE))
    reply = await router.face(face).ask(chat("sibling"))
    served_by(reply, "beta", "second", 2)


async def test_a_missing_model_does_not_skip_the_provider(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(failing(STATUS, status=404, times=1))
    reply = await router.face(face).ask(chat("sibling"))
    served_by(reply, "alone", "first", 2)


async def test_too_long_a_context_goes_to_a_larger_one_only(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["first"].behave(failing(FaultKind.CONTEXT_LENGTH))
    reply = await router.face(face).ask(chat("alpha", stream=stream))
    served_by(reply, "gamma", "third", 2)
    assert await asked(fleet, "first", "second", "third") == [1, 0, 1]


async def test_too_long_a_context_without_a_larger_one_is_the_callers_error(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(failing(FaultKind.CONTEXT_LENGTH))
    reply = await router.face(face).ask(chat("peer"))
    assert reply.status == (400 if face == "http" else "INVALID_ARGUMENT")
    assert "context" in reply.message
    assert await asked(fleet, "first", "second") == [1, 0]


async def test_a_content_policy_ends_the_walk(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["third"].behave(failing(FaultKind.CONTENT_FILTER))
    await fleet["first"].behave(failing(FaultKind.CONTEXT_LENGTH))
    reply = await router.face(face).ask(chat("alpha", stream=stream))
    assert reply.status == (400 if face == "http" else "INVALID_ARGUMENT")
    assert "content filter" in reply.message
    assert await asked(fleet, "third", "fourth") == [1, 0]


async def test_a_content_policy_moves_on_where_config_says_so(
    fleet: FakeFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: str
) -> None:
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)
    settings = {"timeout": 10, "content_policy_fallback": True}
    document = small_fleet.routing(
        fleet.addresses,
        router_settings=settings,
        fallback_chains={"gamma": {"chain": ["delta"]}},
    )
    await fleet["third"].behave(failing(FaultKind.CONTENT_FILTER))
    config = small_fleet.written(document, tmp_path / "policy.yaml")
    async with in_process(config, tmp_path) as router:
        served_by(await router.face(face).ask(chat("gamma")), "delta", "fourth", 2)


async def test_the_callers_own_fault_comes_back_as_the_provider_said_it(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    said = {
        "error": {"message": "top_k must be positive", "type": "x", "param": "top_k", "code": 7}
    }
    await fleet["first"].behave(failing(STATUS, status=422, body=json.dumps(said)))
    reply = await router.face(face).ask(chat("alpha", stream=stream))
    assert reply.status == (422 if face == "http" else "INVALID_ARGUMENT")
    assert "top_k must be positive" in reply.message
    assert await asked(fleet, "first", "second") == [1, 0]
    await router.idle()


async def test_no_more_than_five_deployments_are_tried_and_the_first_error_surfaces(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["first"].behave(failing(STATUS, status=429))
    for name in list(small_fleet.SERVERS)[1:]:
        await fleet[name].behave(failing(STATUS, status=503))
    reply = await router.face(face).ask(chat("alpha", stream=stream))
    assert await asked(fleet, *small_fleet.SERVERS) == [1, 1, 1, 1, 1, 0]
    assert reply.tries == [
        ("first", "rate_limited"),
        ("second", "unavailable"),
        ("third", "unavailable"),
        ("fourth", "unavailable"),
        ("fifth", "unavailable"),
    ]
    assert reply.status == (429 if face == "http" else "UNAVAILABLE")
    assert "first answered 429" in reply.message
    assert "limit of attempts" in reply.message
    await router.idle()


async def test_the_original_error_surfaces_when_nothing_is_left(
    router: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["first"].behave(failing(STATUS, status=503, body='{"error":{"message":"on fire"}}'))
    reply = await router.face(face).ask(chat("alone", stream=stream))
    assert reply.status == (502 if face == "http" else "UNAVAILABLE")
    assert reply.code == "all_attempts_failed"
    assert "first answered 503: on fire" in reply.message
    assert reply.tries == [("first", "unavailable")]


async def test_a_silent_provider_of_a_whole_answer_is_left_for_the_next(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(failing(FaultKind.SILENCE))
    reply = await router.face(face).ask(chat("alpha"))
    assert reply.whole
    assert (reply.provider, reply.attempts) == ("second", 2)


async def test_the_deadline_is_kept_and_the_attempts_are_told(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    await fleet["first"].behave(failing(STATUS, status=503))
    await fleet["second"].behave(failing(FaultKind.SILENCE))
    body = chat("alpha") | UNSTREAMED
    reply = await router.http.ask(body, timeout_s=0.5)
    assert reply.status == 504
    assert reply.code == "deadline_exceeded"
    assert reply.tries == [("first", "unavailable"), ("second", "deadline")]
    reply = await router.grpc.ask(body, timeout_s=0.5)
    assert reply.status == "DEADLINE_EXCEEDED"
    await router.idle()
    assert {entry.outcome for entry in await fleet["second"].log()} == {"client closed"}


async def test_the_configs_deadline_holds_where_the_caller_names_none(
    fleet: FakeFleet, tmp_path: Path, face: str
) -> None:
    document = small_fleet.routing(fleet.addresses, router_settings={"timeout": 1})
    config = small_fleet.written(document, tmp_path / "short.yaml")
    await fleet["first"].behave(failing(FaultKind.SILENCE))
    async with in_process(config, tmp_path) as router:
        reply = await router.face(face).ask(chat("alone") | UNSTREAMED)
        assert reply.status == (504 if face == "http" else "DEADLINE_EXCEEDED")
        assert reply.tries == [("first", "deadline")]

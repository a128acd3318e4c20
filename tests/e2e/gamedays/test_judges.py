"""The judges themselves: what they call a lie, a hang and an error without an explanation."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import cast

import pytest

from e2e.callers import Reply
from e2e.routers import Router
from router_service.testing import FakeFleet, expected_text

from .chaos import Chaos, Trouble
from .explain import unexplained
from .load import Chat, Load, Sent
from .report import recovery, share
from .verdicts import End, Truth, Verdict, judged
from .watching import Sample, Watch

NOBODY = cast("Router", None)
TRUTH = Truth({"models": {"m": {"upstream_model": "m-upstream"}, "other": {}}})
TEXT = expected_text("m-upstream", "hello")
ASK = Chat(0, "http", "m", False, 2.0)
PLANS = {("m", False): frozenset({"first", "second"})}


@pytest.mark.parametrize(
    ("reply", "end"),
    [
        (Reply(whole=True, model="m", text=TEXT), End.WHOLE),
        (Reply(whole=True, model="m", text=TEXT[:-1]), End.LIE),
        (Reply(whole=True, model="m", text=""), End.LIE),
        (Reply(whole=True, model="other", text=TEXT), End.LIE),
        (Reply(whole=True, text=TEXT), End.LIE),
        (Reply(model="m", text=TEXT[:9], code="stream_broken"), End.BROKEN),
        (Reply(model="m", text=TEXT[1:9], code="stream_broken"), End.LIE),
        (Reply(code="overloaded", status=429), End.REFUSED),
        (Reply(status="DEADLINE_EXCEEDED"), End.REFUSED),
        (Reply(status="UNAVAILABLE"), End.LOST),
        (Reply(model="m", text=TEXT, cut=True), End.LOST),
    ],
)
def test_a_verdict_compares_with_the_true_text(reply: Reply, end: End) -> None:
    assert judged("hello", reply, TRUTH).end is end


@dataclass
class Slow:
    """Is answered, after its deadline."""

    model: str = "m"
    face: str = "http"
    deadline_s: float = 0.05

    async def put(self, _router: Router, _truth: Truth) -> Verdict:
        await asyncio.sleep(0.6)
        return Verdict(End.WHOLE)


async def test_an_answer_past_the_deadline_is_a_hang() -> None:
    load = Load(NOBODY, TRUTH, 100.0, iter([Slow()]))
    async with load.running():
        await asyncio.sleep(0.01)
    assert [sent.end for sent in load.sent] == [End.HANG]


@pytest.mark.parametrize(
    ("verdict", "explained"),
    [
        (Verdict(End.REFUSED, "all_attempts_failed", tried=("first",)), False),
        (Verdict(End.REFUSED, "deadline_exceeded", tried=("first",)), True),
        (Verdict(End.REFUSED, "all_attempts_failed", tried=("first", "second")), False),
        (Verdict(End.BROKEN, "stream_broken", provider="first"), True),
        (Verdict(End.BROKEN, "stream_broken", provider="second"), False),
        (Verdict(End.REFUSED, "content_policy_violation"), False),
        (Verdict(End.LOST), False),
        (Verdict(End.WHOLE), True),
    ],
)
def test_only_trouble_meanwhile_explains_an_error(verdict: Verdict, explained: bool) -> None:
    """The first provider of the plan is in trouble, the second well."""
    chaos = Chaos(FakeFleet([]), 0)
    chaos.troubles += [Trouble("first", "stall", 10.0, 12.0), Trouble("second", "cut", 0.0, 9.0)]
    found = unexplained(Sent(ASK, verdict, 11.0, 13.0), chaos, Watch(NOBODY), PLANS)
    assert (found is None) == explained, found


def test_trouble_everywhere_explains_a_refusal() -> None:
    chaos, watch = Chaos(FakeFleet([]), 0), Watch(NOBODY)
    chaos.troubles.append(Trouble("first", "stall", 10.0))
    refused = Sent(ASK, Verdict(End.REFUSED, "no_room"), 11.0, 13.0)
    assert unexplained(refused, chaos, watch, PLANS)
    watch.samples.append(Sample(12.0, frozenset(), frozenset({"second"})))
    assert unexplained(refused, chaos, watch, PLANS) is None


def test_recovery_is_counted_from_the_return() -> None:
    """Ten answers a second; all were the provider's before, none for 4 s, then all again."""
    start = time.monotonic()
    load, watch = Load(NOBODY, TRUTH, 10.0, iter(())), Watch(NOBODY)
    for tenth in range(200):
        at = start + tenth / 10
        served = "first" if not 50 <= tenth < 90 else "second"
        load.sent.append(Sent(ASK, Verdict(End.WHOLE, provider=served), at, at))
        out = frozenset({"first"} if 50 <= tenth < 80 else ())
        watch.samples.append(Sample(at, out, out))
    assert share(load.sent, "first", start, start + 5) == 1.0
    found = recovery(load, watch, "first", usual=1.0, back_at=start + 6, now=start + 20)
    assert found.tried_again_s == pytest.approx(2.0)
    assert found.first_s == pytest.approx(3.0)
    assert found.share_s == pytest.approx(1.5)
    found.check()
    late = recovery(load, watch, "second", usual=0.5, back_at=start + 10, now=start + 20)
    with pytest.raises(AssertionError, match="never had an answer again"):
        late.check()

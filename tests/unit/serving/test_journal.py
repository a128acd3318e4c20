"""One record per request, told once, that agrees with what happened."""

from __future__ import annotations

import asyncio

import pytest

from router_service.core import Attempt, Router, Table, now_us
from router_service.errors import (
    AllAttemptsFailed,
    DeadlineExceeded,
    InvalidRequest,
    StreamBroken,
    UpstreamError,
)
from router_service.observe.tracing import Tracing
from router_service.serving.facts import facts_of_incoming
from router_service.serving.journal import Journal, status_of
from router_service.serving.watchers import Watchers
from router_service.types import OutcomeClass, Whole

from .conftest import USAGE, Records, incoming

ANSWER = Whole(b"{}", "", "stop", USAGE, "m-1")


async def decided(table: Table) -> tuple[Journal, Attempt, Records]:
    """A journal after the decision, the first attempt, and where the record goes."""
    asked, seen = incoming("big"), Records()
    journal = Journal(asked, Tracing().request(asked), [seen], Watchers())
    facts, _ = await facts_of_incoming(table, asked)
    walk = Router(table, "t").begin(facts, now_us(), 1, now_us() + 1_000_000)
    journal.asked(facts.model, stream=False)
    journal.decided(walk.decision, 5, 0.25)
    assert walk.step.attempt is not None
    return journal, walk.step.attempt, seen


async def test_a_success(table: Table) -> None:
    journal, attempt, seen = await decided(table)
    trying = journal.attempt(attempt)
    trying.first_token()
    trying.finish(OutcomeClass.SUCCESS, None, ANSWER)
    journal.used(ANSWER.usage)
    journal.close(None)
    record = seen.only
    assert (record.status, record.error, record.usage) == ("ok", None, USAGE)
    assert (record.requested_model, record.rule, record.provider) == ("big", "exact", "one")
    assert record.decision_s == 0.25
    (tried,) = record.attempts
    assert (tried.number, tried.upstream_model, tried.outcome) == (1, "Big-1", "success")
    assert tried.ttft_s is not None
    assert record.ttft_s is not None
    assert tried.ttft_s <= record.ttft_s <= record.total_s


async def test_the_record_is_left_once(table: Table) -> None:
    journal, _, seen = await decided(table)
    journal.close(None)
    journal.close(InvalidRequest("too late"))
    assert seen.only.status == "ok"


async def test_overhead_is_what_neither_providers_nor_waits_took(table: Table) -> None:
    journal, attempt, seen = await decided(table)
    trying = journal.attempt(attempt)
    await asyncio.sleep(0.02)
    tried = trying.finish(OutcomeClass.SUCCESS, None, ANSWER)
    journal.waited(3600)
    journal.close(None)
    assert tried.total_s >= 0.02
    assert seen.only.overhead_s == 0


async def test_a_failed_attempt_keeps_the_providers_words(table: Table) -> None:
    journal, attempt, seen = await decided(table)
    error = UpstreamError(OutcomeClass.UNAVAILABLE, "one answered 503", status=503)
    journal.attempt(attempt).finish(OutcomeClass.UNAVAILABLE, error, None)
    journal.close(AllAttemptsFailed("all failed", error, journal.attempts))
    (tried,) = seen.only.attempts
    assert (tried.status, tried.message, tried.ttft_s) == (503, "one answered 503", None)
    assert (seen.only.status, seen.only.error) == ("all_attempts_failed", "all failed")
    assert seen.only.usage is None


async def test_what_served_is_known_only_after_the_decision(table: Table) -> None:
    journal, attempt, _ = await decided(table)
    served = journal.served(attempt)
    assert (served.model, served.provider, served.attempts) == ("big", "one", 1)
    early = Journal(incoming("big"), Tracing().request(incoming("big")), [], Watchers())
    with pytest.raises(RuntimeError):
        early.served(attempt)


CAUSE = UpstreamError(OutcomeClass.INVALID_REQUEST, "no")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (None, "ok"),
        (InvalidRequest("x"), "invalid_request"),
        (DeadlineExceeded("x"), "deadline_exceeded"),
        (StreamBroken("x", ()), "stream_broken"),
        (AllAttemptsFailed("x", CAUSE, ()), "invalid_request"),
        (asyncio.CancelledError(), "cancelled"),
        (GeneratorExit(), "cancelled"),
        (ValueError("a fault of ours"), "internal_error"),
    ],
)
def test_status(error: BaseException | None, status: str) -> None:
    assert status_of(error) == status

"""A refused key is an error in the log: once, and again while it lasts."""

from __future__ import annotations

import logging

import pytest

from router_service.observe.key_alerts import AGAIN_S, KeyAlerts
from router_service.types import OutcomeClass

from .conftest import MakeAttempt, MakeRecord

REFUSED = {"outcome": OutcomeClass.UNAUTHORIZED, "message": "cloud answered 401: no such key"}


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO)
    return caplog


def test_a_refused_key_is_told_once_and_again_while_it_lasts(
    make_record: MakeRecord, make_attempt: MakeAttempt, log: pytest.LogCaptureFixture
) -> None:
    times = iter((0.0, 1.0, AGAIN_S - 1, AGAIN_S))
    alerts = KeyAlerts(clock=lambda: next(times))
    refused = make_attempt(provider="cloud", **REFUSED)
    rescued = make_record(attempts=(refused, make_attempt(number=2)))
    for _ in range(3):
        alerts.request_finished(rescued)
    (told,) = log.records
    assert told.levelno == logging.ERROR
    assert told.getMessage().startswith("provider cloud wants another key: cloud answered 401")
    alerts.request_finished(rescued)
    assert len(log.records) == 2


def test_each_provider_is_told_of(
    make_record: MakeRecord, make_attempt: MakeAttempt, log: pytest.LogCaptureFixture
) -> None:
    both = tuple(make_attempt(provider=name, **REFUSED) for name in ("one", "two"))
    KeyAlerts(clock=lambda: 0.0).request_finished(make_record(attempts=both))
    assert [message.split(" wants")[0] for message in log.messages] == [
        "provider one",
        "provider two",
    ]


def test_other_failures_are_no_matter_of_keys(
    make_record: MakeRecord, make_attempt: MakeAttempt, log: pytest.LogCaptureFixture
) -> None:
    failed = make_attempt(outcome=OutcomeClass.RATE_LIMITED, message="busy")
    KeyAlerts().request_finished(make_record(attempts=(failed, make_attempt(number=2))))
    assert not log.records

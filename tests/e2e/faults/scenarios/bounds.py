"""How far a failure reaches: the deployment or its whole provider (R13), and what is said when
nothing is left to try."""

from __future__ import annotations

from router_service.testing import Fault, FaultKind

from ..promises import (
    Promise,
    Refused,
    Scenario,
    Tries,
    broken,
    by_first,
    by_second,
    refused,
)
from .connection import IN_VAIN, PATIENCE_S, REPEAT_S, RESET, RESET_TWICE
from .statuses import AT_ONCE, status


def _level(name: str, faults: tuple[Fault, ...], promise: Promise) -> Scenario:
    """The plan: two models of the first provider, then one of the second."""
    return Scenario(name=name, plan="sibling", first=faults, streamed=promise)


LEVELS = [
    _level("refused: the provider", (Fault(FaultKind.REFUSE),), by_second("unreachable")),
    _level("reset twice: the provider", (RESET,), RESET_TWICE),
    _level("401: the provider", status(401), by_second("unauthorized")),
    _level("403: the provider", status(403), by_second("unauthorized")),
    _level("404: the deployment", status(404, times=1), by_first("model_missing")),
    _level("503: the deployment", status(503, times=1), by_first("unavailable")),
    _level("429: the deployment", status(429, times=1), by_first("rate_limited")),
    _level(
        "500 twice: the deployment",
        status(500, times=2),
        by_first("server_error", "server_error", wait_s=REPEAT_S),
    ),
    Scenario(
        name="silence: the deployment",
        plan="sibling",
        first=(Fault(FaultKind.SILENCE, times=1),),
        deadline_s=1.5,
        streamed=by_first("silent", seconds=(PATIENCE_S, 1.75)),
        whole=IN_VAIN,
    ),
]

_FAILED = Refused(502, "UNAVAILABLE", "all_attempts_failed")


def _alone(name: str, faults: tuple[Fault, ...], *classes: str) -> Scenario:
    """The plan: one deployment and nothing after it."""
    return Scenario(name=name, plan="alone", first=faults, streamed=refused(_FAILED, *classes))


_BOTH: Tries = (
    ("first", "unavailable"),
    ("second", "server_error"),
    ("second", "server_error"),
)

ALONE = [
    _alone("refused, alone", (Fault(FaultKind.REFUSE),), "unreachable"),
    _alone("reset, alone", (RESET,), "connection_reset", "connection_reset"),
    _alone("500, alone", status(500), "server_error", "server_error"),
    _alone("503, alone", status(503), "unavailable"),
    _alone("401, alone", status(401), "unauthorized"),
    _alone("404, alone", status(404), "model_missing"),
    Scenario(
        name="429 with Retry-After 60, alone",
        plan="alone",
        first=status(429, retry_after_s=60),
        streamed=refused(
            Refused(429, "UNAVAILABLE", "upstream_rate_limited", "429", retry_after=True),
            "rate_limited",
            seconds=AT_ONCE,
        ),
    ),
    Scenario(
        name="cut in mid-answer, alone",
        plan="alone",
        first=(Fault(FaultKind.CUT, after_tokens=3),),
        streamed=broken(3),
        assembled=refused(_FAILED, "stream_broken", "stream_broken"),
        whole=refused(_FAILED, "connection_reset", "connection_reset"),
    ),
    Scenario(
        name="503, then 500 from the next",
        first=status(503),
        second=status(500),
        streamed=Promise(
            Refused(502, "UNAVAILABLE", "all_attempts_failed", "first answered 503"), (_BOTH,)
        ),
    ),
]

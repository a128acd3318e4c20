"""Error statuses, each class as E2 has it, and rate limits with and without a time to come back."""

from __future__ import annotations

from router_service.testing import Fault, FaultKind

from ..promises import Manner, Promise, Scenario, by_first, by_second
from .breaks import UNREADABLE
from .connection import REPEAT_S

ONE_SECOND = (1.0, 2.0)
"""What a Retry-After of one second makes of the wait."""


def status(number: int, **members: object) -> tuple[Fault, ...]:
    return (Fault(FaultKind.STATUS, status=number, **members),)  # type: ignore[arg-type]


def _always(number: int, promise: Promise) -> Scenario:
    return Scenario(name=f"{number}", first=status(number), streamed=promise)


AT_ONCE = (0.0, 0.9)
LIMITED = by_second("rate_limited", seconds=AT_ONCE)
UNAVAILABLE = by_second("unavailable", seconds=AT_ONCE)

SCENARIOS = [
    _always(500, UNREADABLE),
    Scenario(
        name="500, once",
        first=status(500, times=1),
        streamed=by_first("server_error", wait_s=REPEAT_S),
    ),
    _always(501, UNREADABLE),
    *(_always(number, UNAVAILABLE) for number in (502, 503, 504, 529)),
    Scenario(
        name="503 with Retry-After 1",
        first=status(503, retry_after_s=1),
        streamed=UNAVAILABLE,
    ),
    *(_always(number, by_second("unauthorized")) for number in (401, 402, 403)),
    _always(404, by_second("model_missing")),
    _always(408, by_second("silent")),
]

RATE_LIMITS = [
    Scenario(name="429", first=status(429), streamed=LIMITED),
    Scenario(
        name="429 with Retry-After 60",
        first=status(429, retry_after_s=60),
        streamed=LIMITED,
    ),
    Scenario(
        name="429 with Retry-After 1, once; the next of lower quality",
        first=status(429, retry_after_s=1, times=1),
        streamed=by_first("rate_limited", wait_s=ONE_SECOND),
    ),
    Scenario(
        name="429 with Retry-After 1, always; the next of lower quality",
        first=status(429, retry_after_s=1),
        manners=(Manner.STREAMED,),
        # Each repeat is what the provider asks for, and two are all that a request may make.
        streamed=by_second("rate_limited", "rate_limited", "rate_limited", wait_s=ONE_SECOND),
    ),
    Scenario(
        name="429 with Retry-After 1; an equal next",
        plan="twin",
        first=status(429, retry_after_s=1),
        streamed=LIMITED,
    ),
    Scenario(
        name="429 with Retry-After 1; the deadline before it",
        first=status(429, retry_after_s=1),
        deadline_s=0.8,
        streamed=LIMITED,
    ),
]

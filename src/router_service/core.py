"""The one door to the compiled core: everything else imports its classes from here.

Also holds the clock, because the core reads none and is told the time on every call.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from router_service._core import (
    MOST_SIMULATED_REQUESTS,  # of one run of a Simulation
    OUTCOME_CLASSES,  # every name an Outcome accepts
    Attempt,  # one try of one deployment
    Decision,  # where a request goes, and why
    Deployment,  # a model on a provider
    Diagnostic,  # one finding about a config, placed by JSON Pointer
    Facts,  # one request as the decision sees it
    Hop,  # one deployment of a plan
    Inspection,  # what one pass over a request body found
    Model,  # a public model
    Outcome,  # what one attempt taught us
    Provider,  # one server, as connectors need it
    Replayer,  # makes recorded decisions again
    Router,  # a table and the live state
    Simulation,  # a scenario on a table, in virtual time
    Skip,  # a deployment left out of a plan, and why
    Step,  # what a walk does next
    Table,  # a compiled, immutable routing config
    Walk,  # one request on its way through its plan
    analyze,  # what a config promises before anything is sent, as JSON
    count_tokens,  # tokens of a text
    overlay,  # set top-level members of a JSON body, the rest untouched
    warm,  # loads the token vocabulary
)

__all__ = [
    "MOST_SIMULATED_REQUESTS",
    "OUTCOME_CLASSES",
    "Attempt",
    "Clock",
    "Decision",
    "Deployment",
    "Diagnostic",
    "Facts",
    "Hop",
    "Inspection",
    "Model",
    "Outcome",
    "Provider",
    "Replayer",
    "Router",
    "Simulation",
    "Skip",
    "Step",
    "Table",
    "Walk",
    "analyze",
    "count_tokens",
    "now_us",
    "overlay",
    "warm",
]

Clock = Callable[[], int]
"""Tells the time: wall-anchored monotone microseconds. `now_us` is the real one."""

_ANCHOR_NS = time.time_ns() - time.monotonic_ns()


def now_us() -> int:
    """Microseconds since the Unix epoch as of process start, advancing with the monotone clock.

    Later steps of the wall clock do not show, so cooldowns and deadlines never jump.
    """
    return (_ANCHOR_NS + time.monotonic_ns()) // 1000

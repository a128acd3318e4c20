"""Answers that begin and do not end: told where part of them is with the caller, else repaired."""

from __future__ import annotations

from router_service.testing import Fault, FaultKind

from ..promises import Manner, Scenario, broken, by_first, by_second
from .connection import REPEAT_S, RESET_TWICE

UNSEEN = by_second("stream_broken")
"""Nothing of it has left us yet."""
UNREADABLE = by_second("server_error", "server_error", wait_s=REPEAT_S)

SCENARIOS = [
    Scenario(
        name="cut in mid-answer",
        first=(Fault(FaultKind.CUT, after_tokens=3),),
        streamed=broken(3),
        assembled=UNSEEN,
        whole=RESET_TWICE,
    ),
    Scenario(
        name="ended politely before the first token",
        first=(Fault(FaultKind.CUT_CLEAN),),
        streamed=RESET_TWICE,
        whole=UNREADABLE,
    ),
    Scenario(
        name="ended politely in mid-answer",
        first=(Fault(FaultKind.CUT_CLEAN, after_tokens=3),),
        streamed=broken(3),
        assembled=UNSEEN,
        whole=UNREADABLE,
    ),
    Scenario(
        name="no finish reason",
        first=(Fault(FaultKind.NO_FINISH_REASON),),
        streamed=broken(None),
        assembled=UNSEEN,
        whole=UNREADABLE,
    ),
    Scenario(
        name="no [DONE], or no last line of Ollama's",
        first=(Fault(FaultKind.NO_DONE),),
        streamed=by_first(),
        whole=by_first(),
        ollama={Manner.STREAMED: broken(None), Manner.ASSEMBLED: UNSEEN},
    ),
    Scenario(
        name="error event in mid-answer",
        first=(Fault(FaultKind.ERROR_EVENT, after_tokens=3, status=500),),
        streamed=broken(3),
        assembled=UNSEEN,
        whole=UNREADABLE,
    ),
    Scenario(
        name="busy (503) inside a 200, before the first token",
        first=(Fault(FaultKind.ERROR_EVENT, status=503),),
        streamed=by_second("unavailable"),
        # Ollama's errors inside an answer are a sentence without a status.
        ollama={Manner.STREAMED: UNREADABLE, Manner.ASSEMBLED: UNREADABLE},
    ),
    Scenario(
        name="rate limit (429) inside a 200, before the first token",
        first=(Fault(FaultKind.ERROR_EVENT, status=429),),
        streamed=by_second("rate_limited"),
        ollama={Manner.STREAMED: UNREADABLE, Manner.ASSEMBLED: UNREADABLE},
    ),
]

"""Before an answer begins: the connection fails, nothing comes, or it comes slowly."""

from __future__ import annotations

from router_service.testing import Fault, FaultKind

from ..plans import PATIENCE_MS
from ..promises import BrokenOff, Promise, Refused, Scenario, broken, by_first, by_second

PATIENCE_S = PATIENCE_MS / 1000
REPEAT_S = (0.05, 1.0)
"""Before a repeat: 50 to 150 ms, and what a busy machine adds."""
TOO_LATE = Refused(504, "DEADLINE_EXCEEDED", "deadline_exceeded")

RESET = Fault(FaultKind.RESET_BEFORE_HEADERS)
RESET_TWICE = by_second("connection_reset", "connection_reset", wait_s=REPEAT_S)
TOO_LONG = by_second("silent", seconds=(0.3, 3.0))
SILENT = by_second("silent", seconds=(PATIENCE_S, 3.0))


IN_VAIN = Promise(TOO_LATE, ((("first", "deadline"),), (("first", "cancelled"),)))
"""The deadline passes during the only attempt; whether the router or the caller's own client
notices first is open."""

SCENARIOS = [
    Scenario(
        name="refused",
        first=(Fault(FaultKind.REFUSE),),
        streamed=by_second("unreachable"),
    ),
    Scenario(name="no TLS there", https=True, streamed=by_second("unreachable")),
    Scenario(name="reset before the headers", first=(RESET,), streamed=RESET_TWICE),
    Scenario(
        name="reset before the headers, once",
        first=(Fault(FaultKind.RESET_BEFORE_HEADERS, times=1),),
        streamed=by_first("connection_reset", wait_s=REPEAT_S),
    ),
    Scenario(
        name="reset during the headers",
        first=(Fault(FaultKind.RESET_DURING_HEADERS),),
        streamed=RESET_TWICE,
    ),
    Scenario(
        name="reset after the headers",
        first=(Fault(FaultKind.CUT),),
        streamed=RESET_TWICE,
    ),
]

PACE = [
    Scenario(
        name="silence",
        first=(Fault(FaultKind.SILENCE),),
        deadline_s=1.5,
        streamed=SILENT,
        whole=IN_VAIN,
    ),
    Scenario(
        name="silence past the deadline",
        first=(Fault(FaultKind.SILENCE),),
        deadline_s=0.3,
        streamed=IN_VAIN,
    ),
    Scenario(
        name="slow first token, within its limit",
        first=(Fault(FaultKind.SLOW_FIRST_TOKEN, seconds=0.1),),
        streamed=by_first(seconds=(0.1, 3.0)),
    ),
    Scenario(
        name="slow first token, past its limit",
        first=(Fault(FaultKind.SLOW_FIRST_TOKEN),),
        deadline_s=1.5,
        streamed=SILENT,
        whole=IN_VAIN,
    ),
    Scenario(
        name="slow drip",
        first=(Fault(FaultKind.SLOW_DRIP, seconds=0.03),),
        streamed=by_first(seconds=(0.3, 3.0)),
    ),
    Scenario(
        name="slow drip past the deadline",
        first=(Fault(FaultKind.SLOW_DRIP, seconds=0.15),),
        deadline_s=0.8,
        streamed=Promise(
            BrokenOff(somewhere=True, by_deadline=True),
            ((("first", "stream_broken"),), (("first", "deadline"),), (("first", "cancelled"),)),
        ),
        assembled=IN_VAIN,
        whole=IN_VAIN,
    ),
    Scenario(
        name="stall before the first token",
        first=(Fault(FaultKind.STALL),),
        streamed=SILENT,
    ),
    Scenario(
        name="stall in mid-answer",
        first=(Fault(FaultKind.STALL, after_tokens=3),),
        streamed=broken(3, seconds=(PATIENCE_S, 3.0)),
        assembled=by_second("stream_broken", seconds=(PATIENCE_S, 3.0)),
        whole=SILENT,
    ),
    Scenario(
        name="silence past total_timeout_ms",
        first=(Fault(FaultKind.SILENCE),),
        providers={"first": {"total_timeout_ms": 300}},
        streamed=TOO_LONG,
        whole=TOO_LONG,
    ),
    Scenario(
        name="slow drip past total_timeout_ms",
        first=(Fault(FaultKind.SLOW_DRIP, seconds=0.15),),
        providers={"first": {"total_timeout_ms": 400}},
        streamed=Promise(BrokenOff(somewhere=True), ((("first", "stream_broken"),),)),
        assembled=by_second("stream_broken", seconds=(0.4, 3.0)),
        whole=by_second("silent", seconds=(0.4, 3.0)),
    ),
]

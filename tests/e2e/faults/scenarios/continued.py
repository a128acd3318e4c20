"""Streams that another deployment goes on with, answers held back until they are whole, and a race
for the first token: what config can ask for beyond the default."""

from __future__ import annotations

from typing import Any

from router_service.testing import Fault, FaultKind, Server
from router_service.testing.answers import json_answer

from ..promises import (
    PROMPT,
    Answered,
    BrokenOff,
    Manner,
    Promise,
    Scenario,
    Tries,
    by_second,
)
from .connection import PATIENCE_S

_STREAMED = (Manner.STREAMED,)
_CONTINUE = {"delivery": {"stream_break": "continue"}}
_CUT = (Fault(FaultKind.CUT, after_tokens=3),)
_BREAKS = {
    "cut": _CUT,
    "ended politely": (Fault(FaultKind.CUT_CLEAN, after_tokens=3),),
    "stall": (Fault(FaultKind.STALL, after_tokens=3),),
    "error event": (Fault(FaultKind.ERROR_EVENT, after_tokens=3, status=500),),
    "oversized line": (Fault(FaultKind.OVERSIZED_LINE, after_tokens=3),),
    "no finish reason": (Fault(FaultKind.NO_FINISH_REASON),),
}
_SHAPE = {"type": "object", "properties": {"where": {"type": "string"}}}
_TOOL = {"type": "function", "function": {"name": "look", "parameters": _SHAPE}}
_FORMAT = {"type": "json_schema", "json_schema": {"name": "found", "schema": _SHAPE}}
_JSON = "".join(json_answer(_SHAPE, "shared", PROMPT, None).tokens[:3])
_NEVER_SPLICED: dict[str, tuple[dict[str, Any], BrokenOff]] = {
    "a tool call": ({"tools": [_TOOL]}, BrokenOff(text="")),
    "a JSON schema": ({"response_format": _FORMAT}, BrokenOff(text=_JSON)),
    "log probabilities": ({"logprobs": True}, BrokenOff(3)),
    "two choices": ({"n": 2}, BrokenOff(2)),
}
"""Body and what is sent before the break."""


def _joined(by: str, how: str, *between: tuple[str, str]) -> Promise:
    """The caller has the text as one provider alone would have written it, and is told where
    another one took over."""
    tries = (("first", "stream_broken"), *between, (by, "success"))
    return Promise(Answered("first", continued=(by, how)), (tries,))


def _scenario(name: str, faults: tuple[Fault, ...], promise: Promise, **more: Any) -> Scenario:
    return Scenario(
        name=name,
        **{"plan": "origin", "settings": _CONTINUE} | more,
        first=faults,
        manners=_STREAMED,
        streamed=promise,
    )


_PREFILL_REFUSED = (Fault(FaultKind.PREFILL_REFUSED),)

SCENARIOS = [
    *(
        _scenario(
            f"{name}; the next goes on by prefill",
            faults,
            _joined("second", "prefill"),
            prefill=True,
        )
        for name, faults in _BREAKS.items()
    ),
    *(
        _scenario(
            f"{name}; the next begins anew and says the same",
            faults,
            _joined("second", "regenerated"),
        )
        for name, faults in _BREAKS.items()
    ),
    _scenario(
        "cut; the next says something else",
        _CUT,
        Promise(BrokenOff(3), ((("first", "stream_broken"), ("second", "diverged")),)),
        plan="best",
    ),
    _scenario(
        "cut; prefill refused, a third begins anew",
        _CUT,
        _joined("third", "regenerated", ("second", "invalid_request")),
        second=_PREFILL_REFUSED,
        prefill=True,
    ),
    _scenario(
        "cut; prefill refused, nobody else",
        _CUT,
        Promise(BrokenOff(3), ((("first", "stream_broken"), ("second", "invalid_request")),)),
        plan="last",
        second=_PREFILL_REFUSED,
        prefill=True,
    ),
    *(
        _scenario(
            f"cut; {name}: never spliced",
            _CUT,
            Promise(result, ((("first", "stream_broken"),),)),
            body=body,
            prefill=True,
            servers=(Server.VLLM,),
        )
        for name, (body, result) in _NEVER_SPLICED.items()
    ),
]

BUFFERED = [
    Scenario(
        name=f"{name}, held back",
        first=faults,
        manners=_STREAMED,
        settings={"delivery": {"commit": "buffered"}},
        streamed=by_second("stream_broken"),
    )
    for name, faults in _BREAKS.items()
]

_RACED: tuple[Tries, ...] = (
    (("first", "cancelled"), ("second", "success")),
    (("second", "success"), ("first", "cancelled")),
)
_SLOW = (Fault(FaultKind.SLOW_FIRST_TOKEN),)
_HEDGE = {"delivery": {"hedge": True}}

HEDGED = [
    Scenario(
        name="slow first token; an equal with room to spare",
        plan="twin",
        first=_SLOW,
        manners=_STREAMED,
        settings=_HEDGE,
        before=10,
        streamed=Promise(Answered("second"), _RACED, seconds=(0.0, PATIENCE_S)),
    ),
    Scenario(
        name="slow first token; only a worse one",
        first=_SLOW,
        manners=_STREAMED,
        settings=_HEDGE,
        before=10,
        streamed=by_second("silent", seconds=(PATIENCE_S, 3.0)),
    ),
]

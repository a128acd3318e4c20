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
    broken,
    by_second,
)
from .connection import PATIENCE_S

_BY_SECOND = ("second", "success")
_BY_THIRD = ("third", "success")
_PREFILL = {"second": {"prefill": True}}
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


def _joined(*after: tuple[str, str], how: str = "regenerated") -> Promise:
    """The caller has the text as one provider alone would have written it, and is told wherever
    another one took over. after: provider and outcome of each further attempt."""
    went_on = [provider for provider, outcome in after if outcome in ("success", "stream_broken")]
    answered = Answered("first", continued=tuple((provider, how) for provider in went_on))
    return Promise(answered, ((("first", "stream_broken"), *after),))


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
            _joined(_BY_SECOND, how="prefill"),
            providers=_PREFILL,
        )
        for name, faults in _BREAKS.items()
    ),
    *(
        _scenario(
            f"{name}; the next begins anew and says the same",
            faults,
            _joined(_BY_SECOND),
        )
        for name, faults in _BREAKS.items()
    ),
    _scenario(
        "cut; an Ollama goes on by prefill",
        _CUT,
        _joined(_BY_SECOND, how="prefill"),
        providers=_PREFILL,
        second_server=Server.OLLAMA,
    ),
    _scenario(
        "cut; the next is cut too, a third goes on",
        _CUT,
        _joined(("second", "stream_broken"), _BY_THIRD),
        second=(Fault(FaultKind.CUT, after_tokens=6),),
    ),
    _scenario(
        "cut; the next answers 503, a third goes on",
        _CUT,
        _joined(("second", "unavailable"), _BY_THIRD),
        second=(Fault(FaultKind.STATUS, status=503),),
    ),
    _scenario(
        "cut, once; nobody else, the same goes on",
        (Fault(FaultKind.CUT, after_tokens=3, times=1),),
        _joined(("first", "success")),
        plan="alone",
    ),
    _scenario(
        "cut; nobody else, and cut again",
        _CUT,
        broken(3, "stream_broken"),
        plan="alone",
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
        _joined(("second", "invalid_request"), _BY_THIRD),
        second=_PREFILL_REFUSED,
        providers=_PREFILL,
    ),
    _scenario(
        "cut; prefill refused, nobody else",
        _CUT,
        Promise(BrokenOff(3), ((("first", "stream_broken"), ("second", "invalid_request")),)),
        plan="last",
        second=_PREFILL_REFUSED,
        providers=_PREFILL,
    ),
    *(
        _scenario(
            f"cut; {name}: never spliced",
            _CUT,
            Promise(result, ((("first", "stream_broken"),),)),
            body=body,
            providers=_PREFILL,
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
] + [
    Scenario(
        name="cut in a tool call, held back",
        first=_CUT,
        manners=_STREAMED,
        servers=(Server.VLLM,),
        settings={"delivery": {"commit": "buffered"}},
        body={"tools": [_TOOL]},
        streamed=by_second("stream_broken", finish="tool_calls", tokens=0),
    )
]

_RACED: tuple[Tries, ...] = (
    (("first", "cancelled"), ("second", "success")),
    (("second", "success"), ("first", "cancelled")),
)
_SLOW = (Fault(FaultKind.SLOW_FIRST_TOKEN),)
_SAMPLES = 40
"""Enough for one slow request not to be the 95th percentile."""
_HEDGE = {"delivery": {"hedge": True}}

HEDGED = [
    Scenario(
        name="slow first token; an equal with room to spare",
        plan="twin",
        first=_SLOW,
        providers={"first": {"first_token_timeout_ms": 2000}},
        manners=_STREAMED,
        settings=_HEDGE,
        before=_SAMPLES,
        streamed=Promise(Answered("second"), _RACED),
    ),
    Scenario(
        name="slow first token; only a worse one",
        first=_SLOW,
        manners=_STREAMED,
        settings=_HEDGE,
        before=_SAMPLES,
        streamed=by_second("silent", seconds=(PATIENCE_S, 3.0)),
    ),
]

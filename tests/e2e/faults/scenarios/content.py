"""Answers that are not what the protocol promises, and answers that are merely unusual."""

from __future__ import annotations

from router_service.testing import Fault, FaultKind

from ..promises import Scenario, broken, by_first
from .breaks import UNREADABLE, UNSEEN
from .connection import RESET_TWICE

SCENARIOS = [
    Scenario(
        name="malformed event before the first token",
        first=(Fault(FaultKind.MALFORMED_EVENT),),
        streamed=by_first(),
        whole=UNREADABLE,
    ),
    Scenario(
        name="malformed event in mid-answer",
        first=(Fault(FaultKind.MALFORMED_EVENT, after_tokens=3),),
        streamed=by_first(),
        whole=UNREADABLE,
    ),
    Scenario(
        name="invalid UTF-8",
        first=(Fault(FaultKind.INVALID_UTF8, after_tokens=3),),
        streamed=by_first(),
        whole=UNREADABLE,
    ),
    Scenario(
        name="oversized line before the first token",
        first=(Fault(FaultKind.OVERSIZED_LINE),),
        streamed=RESET_TWICE,
        whole=by_first(),
    ),
    Scenario(
        name="oversized line in mid-answer",
        first=(Fault(FaultKind.OVERSIZED_LINE, after_tokens=3),),
        streamed=broken(3),
        assembled=UNSEEN,
        whole=by_first(),
    ),
    Scenario(
        name="a web page with status 200",
        first=(Fault(FaultKind.WRONG_CONTENT_TYPE),),
        streamed=UNREADABLE,
    ),
    Scenario(
        name="content filter in mid-answer",
        first=(Fault(FaultKind.FINISH_CONTENT_FILTER, after_tokens=3),),
        streamed=by_first(finish="content_filter", tokens=3),
    ),
    Scenario(
        name="another model's name in the answer",
        first=(Fault(FaultKind.WRONG_MODEL),),
        streamed=by_first(finish=None, usage=False),
    ),
    Scenario(
        name="no usage",
        first=(Fault(FaultKind.NO_USAGE),),
        streamed=by_first(usage=False),
    ),
]

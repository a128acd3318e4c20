"""Requests the provider refuses for what they are: passed on as they come, but for a context that
a larger model can hold, and for a content policy where config lets another provider decide."""

from __future__ import annotations

import json

from router_service.testing import Fault, FaultKind, Server

from ..promises import Promise, Refused, Scenario, by_second, by_third, refused
from .statuses import status

_CONTEXT = (Fault(FaultKind.CONTEXT_LENGTH),)
_POLICY = (Fault(FaultKind.CONTENT_FILTER),)
_CLOUD = (Server.OPENAI,)
"""Servers that tell of their policy in a way to recognise it by."""
_PREFILLED = [
    {"role": "user", "content": "hello"},
    {"role": "assistant", "content": "Hello, I am"},
]


def _passed_on(number: int, words: str, outcome: str) -> Promise:
    """The provider's own status and body."""
    return refused(Refused(number, "INVALID_ARGUMENT", None, words), outcome)


def _returned(number: int) -> Scenario:
    """Any other 4xx is the caller's own fault."""
    promise = _passed_on(number, f"told to fail with {number}", "invalid_request")
    return Scenario(name=f"{number}", first=status(number), streamed=promise)


SCENARIOS = [
    *(_returned(number) for number in (400, 409, 413, 418, 422)),
    Scenario(
        name="422 in words of its own",
        first=status(422, body=json.dumps({"detail": "top_k must be positive"})),
        streamed=refused(
            Refused(422, "INVALID_ARGUMENT", "invalid_request", "top_k must be positive"),
            "invalid_request",
        ),
    ),
    Scenario(
        name="context too long, nothing larger",
        first=_CONTEXT,
        streamed=_passed_on(400, "context", "context_length"),
    ),
    Scenario(
        name="context too long, a larger one in the plan",
        plan="narrow",
        first=_CONTEXT,
        streamed=by_third("context_length"),
    ),
    Scenario(
        name="content policy",
        first=_POLICY,
        servers=_CLOUD,
        streamed=_passed_on(400, "content filter", "content_policy"),
    ),
    Scenario(
        name="content policy, with content_policy_fallback",
        first=_POLICY,
        servers=_CLOUD,
        settings={"content_policy_fallback": True},
        streamed=by_second("content_policy"),
    ),
    Scenario(
        name="an assistant message at the end refused",
        first=(Fault(FaultKind.PREFILL_REFUSED),),
        body={"messages": _PREFILLED},
        streamed=_passed_on(400, "assistant message", "invalid_request"),
    ),
]

"""Why a request of the soak did not end whole: a fault that was injected while it ran and left it
no other way, or its own doing. Whatever neither explains is a fault of the router."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import product

from e2e.callers import chat
from e2e.routers import Router
from router_service.v1 import router_pb2, types_pb2

from .chaos import Chaos
from .load import MODELS, Sent
from .medley import SHORT_S, Embedding, Senseless
from .verdicts import End
from .watching import Watch

Plans = Mapping[tuple[str, bool], frozenset[str]]
"""Model, and whether an embedding is wanted → the providers that the request may go to."""

_ACCUSATIONS = ("context_length", "content_filter")
"""Faults of providers that blame the caller; what they say is passed on in their own words."""

_EARLY_S = 0.05
"""The router gives up a little before the deadline, so that its word is still in time."""

_STARVED = 0.2
"""Kept waiting by the machine for this share of its time, a request may miss any deadline."""


async def plans(router: Router) -> Plans:
    """The plans of a fleet that is well."""
    found = {}
    for model, embedding in product(set(MODELS), (False, True)):
        body = {"model": model, "input": "hello"} if embedding else chat(model)
        operation = types_pb2.OPERATION_EMBEDDING if embedding else types_pb2.OPERATION_CHAT
        route = router_pb2.RouteRequest(openai_body=json.dumps(body).encode(), operation=operation)
        explained = await router.grpc.stub.Explain(router_pb2.ExplainRequest(route=route))
        targets = explained.decision.targets
        found[model, embedding] = frozenset(target.provider.id for target in targets)
    return found


def unexplained(sent: Sent, chaos: Chaos, watch: Watch, known: Plans) -> str | None:
    """What is wrong with how it ended; None where nothing is."""
    if sent.end in (End.WHOLE, End.LEFT):
        return None
    if sent.end in (End.LIE, End.HANG, End.LOST):
        return str(sent.end)
    if isinstance(sent.ask, Senseless):
        return None
    code, plan = sent.verdict.code, known[sent.ask.model, isinstance(sent.ask, Embedding)]
    took_s = sent.ended_at - sent.sent_at + _EARLY_S
    missable = sent.ask.deadline_s <= SHORT_S or sent.late_s > _STARVED * sent.ask.deadline_s
    if missable and took_s >= sent.ask.deadline_s:
        return None
    troubled = chaos.troubled(sent.sent_at, sent.ended_at)
    accusers = {name for name, kinds in troubled.items() if kinds.intersection(_ACCUSATIONS)}
    if sent.end is End.REFUSED and plan & accusers:
        return None
    failed = {*sent.verdict.tried, *([sent.provider] if sent.end is End.BROKEN else [])}
    if well := {name for name in failed if name not in troubled}:
        return f"failed at {sorted(map(str, well))}, where nothing was wrong"
    excused = troubled.keys() | watch.unwell_between(sent.sent_at, sent.ended_at)
    if sent.end is End.BROKEN or (code == "deadline_exceeded" and plan & excused):
        return None
    spared = plan - excused
    return f"{code}, while {sorted(spared)} would have been well" if spared else None

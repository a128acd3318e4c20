"""What an explanation has beside the decision, as messages, from the JSON document the core writes.
A member the document leaves out is left out of the message."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from router_service.v1 import router_pb2, types_pb2

Document = Mapping[str, Any]


def response(decision: types_pb2.Decision, document: Document) -> router_pb2.ExplainResponse:
    """The whole answer of Explain."""
    return router_pb2.ExplainResponse(
        decision=decision,
        explanation_json=json.dumps(document, ensure_ascii=False).encode("utf-8"),
        nearest_changes=[
            types_pb2.NearestChange(**change) for change in document.get("nearest_changes", ())
        ],
        changes_without_effect=document.get("changes_without_effect"),
        reruns=document.get("reruns"),
        search_complete=document.get("search_complete", False),
    )


def candidate(seen: Document) -> types_pb2.Candidate:
    """A deployment that was looked at."""
    terms = seen.get("terms")
    return types_pb2.Candidate(
        model=seen["model"],
        provider=seen["provider"],
        deployment=seen.get("deployment"),
        eligible=seen["eligible"],
        reason=seen.get("reason"),
        score=seen.get("score"),
        terms=None if terms is None else _terms(terms),
    )


def _terms(terms: Document) -> types_pb2.ScoreTerms:
    weight, latency = terms.get("weight", {}), terms.get("latency", {})
    return types_pb2.ScoreTerms(
        strategy=terms.get("strategy"),
        formula=terms.get("formula"),
        load=terms["load"],
        in_flight=terms["in_flight"],
        capacity=terms["capacity"],
        weight_wanted=weight.get("wanted"),
        weight_left=weight.get("left"),
        weight_used=weight.get("used"),
        credit=terms.get("credit"),
        latency_us=latency.get("us"),
        latency_source=latency.get("source"),
        latency_samples=latency.get("samples"),
        success_rate=terms.get("success_rate"),
        reliability=terms.get("reliability"),
        cost_usd=terms.get("cost_usd"),
        set_back=terms.get("set_back"),
        behind=terms.get("behind"),
    )


def quality(hop: Document) -> types_pb2.Quality:
    """What a hop of the plan costs in quality."""
    return types_pb2.Quality(
        tier_step=hop.get("tier_step"),
        capabilities_kept=hop.get("capabilities_kept"),
        capabilities_lost=hop.get("capabilities_lost"),
        context_window=hop.get("context_window"),
        context_change_pct=hop.get("context_change_pct"),
        text=hop.get("quality"),
    )

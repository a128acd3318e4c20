"""WatchDecisions: the filter read, and decisions as messages without what is not for watchers:
permits, addresses, and what might hold some of a prompt."""

from __future__ import annotations

from router_service.errors import InvalidRequest
from router_service.faces.grpc import limits, replies
from router_service.serving.watchers import DecisionFilter, Watched
from router_service.types import AttemptRecord
from router_service.v1 import admin_pb2, types_pb2


def wanted(request: admin_pb2.WatchDecisionsRequest) -> DecisionFilter:
    """What a watcher asks to see. Raises InvalidRequest."""
    return DecisionFilter(
        model=limits.name(request.model, "model"),
        provider=limits.name(request.provider, "provider"),
        rule=_rule(request.rule),
        fallbacks_only=request.fallbacks_only,
    )


def shown(
    watched: Watched, missed: int, write: replies.DecisionWriter
) -> admin_pb2.WatchDecisionsResponse:
    """One decision, and how many were missed before it."""
    message = admin_pb2.WatchDecisionsResponse(
        time_us=watched.decided_us,
        request_id=watched.request_id,
        attempts=[_attempt(record) for record in watched.attempts],
        status=watched.status,
        missed=missed,
    )
    write.without_permit(watched.decision, message.decision)
    return message


def _attempt(record: AttemptRecord) -> types_pb2.Attempt:
    attempt = replies.attempt(record)
    # Servers echo what they were sent, so their words may hold some of the prompt.
    attempt.ClearField("message")
    return attempt


def _rule(number: int) -> str:
    if number == types_pb2.RULE_UNSPECIFIED:
        return ""
    if number not in replies.RULE_WORDS:
        known = ", ".join(types_pb2.Rule.Name(one) for one in replies.RULE_WORDS)
        raise InvalidRequest(f"rule: {number} is no kind of rule; send one of {known}", "rule")
    return replies.RULE_WORDS[number]

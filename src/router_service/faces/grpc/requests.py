"""Requests off the wire: messages checked field by field and turned into our frozen types.
What they mean is decided below; here only nonsense is refused."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from router_service.core import Outcome
from router_service.errors import InvalidRequest
from router_service.faces.grpc import limits
from router_service.faces.grpc.caller import Caller
from router_service.serving.attributes import attributes_from_headers
from router_service.types import Attributes, Operation, OutcomeClass, RouteQuery
from router_service.v1 import router_pb2, types_pb2

FACE = "grpc"

_THUMBS = {"thumbs_up": 1.0, "thumbs_down": 0.0}
"""Labels that say what a score would."""

_OPERATIONS: dict[int, Operation] = {
    types_pb2.OPERATION_UNSPECIFIED: Operation.CHAT,
    types_pb2.OPERATION_CHAT: Operation.CHAT,
    types_pb2.OPERATION_COMPLETION: Operation.COMPLETION,
    types_pb2.OPERATION_EMBEDDING: Operation.EMBEDDING,
}

_OUTCOME_CLASSES: dict[int, str] = {
    types_pb2.OutcomeClass.Value(f"OUTCOME_CLASS_{known.name}"): known.value
    for known in OutcomeClass
}

_ATTRIBUTES: dict[str, Callable[[Any, str], Any]] = {
    "capability": limits.name,
    "priority": limits.name,
    "quality_tier": limits.name,
    "session": limits.name,
    "strategy": limits.name,
    "chain": limits.name,
    "batch_mode": lambda value, _field: value,
    "batch_size": lambda value, field: limits.number(value, 1, limits.MAX_BATCH_SIZE, field),
    "request_count": lambda value, field: limits.number(value, 0, limits.MAX_REQUEST_COUNT, field),
    "allowed_deployments": lambda value, field: _allowed(value, field),
}


class Routable(Protocol):
    """What RouteRequest and GenerateRequest have in common."""

    @property
    def model(self) -> str: ...
    @property
    def operation(self) -> int: ...
    @property
    def attributes(self) -> types_pb2.Attributes: ...


def operation_of(request: Routable) -> Operation:
    """Raises InvalidRequest for a number this version does not know."""
    operation = _OPERATIONS.get(request.operation)
    if operation is None:
        known = ", ".join(types_pb2.Operation.keys()[1:])
        raise InvalidRequest(
            f"operation: {request.operation} is no known value; use one of {known}", "operation"
        )
    return operation


def attributes_of(message: types_pb2.Attributes, headers: Mapping[str, str]) -> Attributes:
    """The message's fields, and the x-… metadata for those it leaves out."""
    base = attributes_from_headers(headers)
    given = {
        _TYPE_NAMES.get(field.name, field.name): _ATTRIBUTES[field.name](
            value, f"attributes.{field.name}"
        )
        for field, value in message.ListFields()
        if value != ""
    }
    return replace(base, **given) if given else base


_TYPE_NAMES = {"allowed_deployments": "allowed"}


def _allowed(value: Any, field: str) -> tuple[str, ...]:
    limits.count(len(value), limits.MAX_ALLOWED, field)
    return tuple(limits.name(deployment, field) for deployment in value)


def require_choice(model: str, attributes: Attributes, has_body: bool) -> None:
    """Refuse a request that names neither a model nor a capability; a body may name its own."""
    if not model and not attributes.capability and not has_body:
        raise InvalidRequest(
            "model: empty; name a model, or set attributes.capability, such as code", "model"
        )


def route_query(request: router_pb2.RouteRequest, caller: Caller) -> RouteQuery:
    """Raises InvalidRequest naming the field."""
    given = request.WhichOneof("input")
    attributes = attributes_of(request.attributes, caller.headers)
    require_choice(request.model, attributes, given == "openai_body")
    return RouteQuery(
        face=FACE,
        model=limits.name(request.model, "model"),
        attributes=attributes,
        headers=caller.headers,
        principal=caller.principal,
        request_id=caller.request_id,
        prompt=request.prompt if given == "prompt" else None,
        body=request.openai_body if given == "openai_body" else None,
        operation=operation_of(request),
        max_tokens=limits.number(request.max_tokens, 1, limits.MAX_TOKENS, "max_tokens")
        if request.HasField("max_tokens")
        else None,
        stream=request.stream,
        prompt_tokens=limits.number(
            request.prompt_tokens, 0, limits.MAX_PROMPT_TOKENS, "prompt_tokens"
        )
        if request.HasField("prompt_tokens")
        else None,
    )


def reported(request: router_pb2.ReportOutcomeRequest) -> tuple[str, Outcome]:
    """Permit and outcome of a report. Raises InvalidRequest naming the field."""
    permit = limits.name(request.permit, "permit", limits.MAX_PERMIT)
    if not permit:
        raise InvalidRequest("permit: empty; send the permit Route gave for the target", "permit")
    outcome = request.outcome
    outcome_class = _OUTCOME_CLASSES.get(outcome.outcome_class)
    if outcome_class is None:
        raise InvalidRequest(
            f"outcome.outcome_class: {outcome.outcome_class} is no known class; "
            "use one of OutcomeClass, such as OUTCOME_CLASS_SUCCESS",
            "outcome.outcome_class",
        )
    usage = outcome.usage if outcome.HasField("usage") else None
    return permit, Outcome(
        outcome_class,
        status=_optional(outcome, "status", 100, 599),
        ttft_us=_optional(outcome, "ttft_us", 0, limits.MAX_DURATION_US),
        total_us=limits.number(outcome.total_us, 0, limits.MAX_DURATION_US, "outcome.total_us"),
        prompt_tokens=_tokens(usage.prompt_tokens if usage else None, "prompt_tokens"),
        completion_tokens=_tokens(usage.completion_tokens if usage else None, "completion_tokens"),
        retry_after_us=_optional(outcome, "retry_after_us", 0, limits.MAX_DURATION_US),
        served_model=limits.name(outcome.served_model, "outcome.served_model") or None,
    )


def judged(request: router_pb2.ReportFeedbackRequest) -> tuple[str, float]:
    """Decision and score of a judgement; a label may stand for the score. Raises InvalidRequest."""
    decision_id = limits.name(request.decision_id, "decision_id")
    if not decision_id:
        raise InvalidRequest("decision_id: empty; send the id of the decision", "decision_id")
    limits.count(len(request.labels), limits.MAX_LABELS, "labels")
    limits.name(request.comment, "comment", limits.MAX_COMMENT)
    labels = [limits.name(label, "labels") for label in request.labels]
    if request.HasField("score"):
        return decision_id, limits.fraction(request.score, 1, "score")
    scores = {_THUMBS[label] for label in labels if label in _THUMBS}
    if len(scores) != 1:
        raise InvalidRequest(
            "score: left out; send a number from 0 to 1, or one of the labels thumbs_up and "
            "thumbs_down",
            "score",
        )
    return decision_id, scores.pop()


def _optional(outcome: types_pb2.Outcome, field: str, low: int, high: int) -> int | None:
    if not outcome.HasField(field):
        return None
    return limits.number(getattr(outcome, field), low, high, f"outcome.{field}")


def _tokens(value: int | None, field: str) -> int | None:
    if value is None:
        return None
    return limits.number(value, 0, limits.MAX_PROMPT_TOKENS, f"outcome.usage.{field}")

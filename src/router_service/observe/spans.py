"""Turns one request into OpenTelemetry spans with the GenAI semantic conventions.

Spans hold names, numbers and outcomes; text of prompts, answers or providers never enters them.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from time import time_ns
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opentelemetry.context import Context
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.trace import (
    Span,
    SpanKind,
    Status,
    StatusCode,
    TracerProvider,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AttributeValue

from router_service import __version__
from router_service.observe.text import clip, one_line
from router_service.types import (
    AttemptRecord,
    Finished,
    Incoming,
    Operation,
    OutcomeClass,
    RequestRecord,
    RouteQuery,
    Whole,
)

if TYPE_CHECKING:
    from router_service.core import Attempt, Decision
    from router_service.observe.tracing import BaseUrl

Attributes = dict[str, AttributeValue]

_OPERATION_NAMES = {
    Operation.CHAT: "chat",
    Operation.COMPLETION: "text_completion",
    Operation.EMBEDDING: "embeddings",
}
_CALLERS_FAULT = frozenset(
    {
        "body_too_large",
        "cancelled",
        "context_length",
        "context_length_exceeded",
        "content_policy",
        "invalid_api_key",
        "invalid_request",
        "ok",
        "unknown_model",
    }
)
_NO_FAULT = frozenset({OutcomeClass.SUCCESS, OutcomeClass.CANCELLED})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_LONGEST_NAME = 256


class SpanFactory:
    """Starts the spans of requests. Without a propagator, W3C trace context is used: baggage would
    carry a client's values on to providers unasked."""

    def __init__(
        self, provider: TracerProvider, propagator: TextMapPropagator | None, base_url: BaseUrl
    ) -> None:
        self.tracer = provider.get_tracer("router_service", __version__)
        self.propagator = propagator if propagator is not None else TraceContextTextMapPropagator()
        self.base_url = base_url

    def request(self, incoming: Incoming | RouteQuery) -> RequestSpans:
        return RequestSpans(self, incoming)


class RequestSpans:
    """The span of one request, and those below it."""

    __slots__ = ("_context", "_ended", "_factory", "_open", "_operation", "_span", "_verb")

    def __init__(self, factory: SpanFactory, incoming: Incoming | RouteQuery) -> None:
        self._factory = factory
        self._operation = _OPERATION_NAMES[incoming.operation]
        self._verb = "route" if isinstance(incoming, RouteQuery) else self._operation
        # An empty context: nothing that happens to be current here may become the parent.
        remote = factory.propagator.extract(incoming.headers, Context())
        self._span = factory.tracer.start_span(
            self._verb,
            context=remote,
            kind=SpanKind.SERVER,
            attributes={
                "gen_ai.operation.name": self._operation,
                "router.face": incoming.face,
                "router.request.id": incoming.request_id,
            },
        )
        self._context = set_span_in_context(self._span, remote)
        self._open: list[AttemptSpan] = []
        self._ended = False

    def decided(self, decision: Decision, seconds: float) -> None:
        if not self._span.is_recording():
            return
        asked = _name(decision.requested_model or decision.matched)
        attributes: Attributes = {
            "router.decision.id": decision.decision_id,
            "router.rule": decision.rule,
            "router.matched": _name(decision.matched),
            "router.strategy": decision.strategy,
            "router.table.version": decision.table_version,
        }
        self._span.update_name(f"{self._verb} {asked}")
        self._span.set_attribute("gen_ai.request.model", asked)
        self._span.set_attributes(attributes)
        attributes |= {
            "router.chosen.model": _name(decision.model),
            "router.chosen.provider": decision.provider,
            "router.complexity": decision.complexity,
            "router.plan.length": len(decision.plan),
            "router.propensity": decision.propensity,
        }
        end = time_ns()
        self._factory.tracer.start_span(
            "decide",
            context=self._context,
            kind=SpanKind.INTERNAL,
            attributes=attributes,
            start_time=end - int(seconds * 1e9),
        ).end(end)

    def attempt(self, attempt: Attempt) -> AttemptSpan:
        span = self._factory.tracer.start_span(
            f"{self._operation} {_name(attempt.upstream_model)}",
            context=self._context,
            kind=SpanKind.CLIENT,
            attributes=self._attempt_attributes(attempt),
        )
        headers: dict[str, str] = {}
        self._factory.propagator.inject(headers, set_span_in_context(span, self._context))
        started = AttemptSpan(span, headers)
        self._open = [earlier for earlier in self._open if not earlier.ended]
        self._open.append(started)
        return started

    def finish(self, record: RequestRecord) -> None:
        if self._ended:
            return
        self._ended = True
        for attempt in self._open:
            attempt.abandon()
        if self._span.is_recording():
            self._span.set_attributes(_request_result(record))
            if record.status not in _CALLERS_FAULT:
                self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()

    def _attempt_attributes(self, attempt: Attempt) -> Attributes:
        attributes: Attributes = {
            "gen_ai.operation.name": self._operation,
            "gen_ai.provider.name": attempt.provider,
            "gen_ai.request.model": _name(attempt.upstream_model),
            "router.attempt.number": attempt.number,
            "router.deployment": _name(attempt.deployment),
            "router.model": _name(attempt.model),
        }
        base_url = self._factory.base_url(attempt.provider)
        if base_url is not None:
            attributes |= _server(base_url)
        return attributes


class AttemptSpan:
    """The span of one attempt."""

    __slots__ = ("_span", "ended", "headers")

    def __init__(self, span: Span, headers: Mapping[str, str]) -> None:
        self._span = span
        self.headers = headers
        self.ended = False

    def first_token(self) -> None:
        self._span.add_event("gen_ai.first_token")

    def finish(self, record: AttemptRecord, answer: Finished | Whole | None = None) -> None:
        attributes: Attributes = {}
        if record.status is not None:
            attributes["http.response.status_code"] = record.status
        if record.ttft_s is not None:
            attributes["gen_ai.response.time_to_first_chunk"] = record.ttft_s
        if answer is not None:
            attributes |= _answer(answer)
        self._end(record.outcome, attributes)

    def abandon(self) -> None:
        """End as cancelled, where nobody was left to finish the attempt."""
        self._end(OutcomeClass.CANCELLED, {})

    def _end(self, outcome: OutcomeClass, attributes: Attributes) -> None:
        if self.ended:
            return
        self.ended = True
        attributes["router.outcome"] = outcome.value
        if outcome is not OutcomeClass.SUCCESS:
            attributes["error.type"] = outcome.value
        self._span.set_attributes(attributes)
        if outcome not in _NO_FAULT:
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _request_result(record: RequestRecord) -> Attributes:
    attributes: Attributes = {
        "router.status": record.status,
        "router.attempts": len(record.attempts),
        "router.overhead": record.overhead_s,
        "gen_ai.request.stream": record.stream,
    }
    if record.status != "ok":
        attributes["error.type"] = record.status
    # Not gen_ai.usage: whoever sums that over all spans would count the attempt's tokens twice.
    if record.usage is not None:
        attributes["router.usage.prompt_tokens"] = record.usage.prompt_tokens
        attributes["router.usage.completion_tokens"] = record.usage.completion_tokens
    return attributes


def _answer(answer: Finished | Whole) -> Attributes:
    attributes: Attributes = {}
    if answer.finish_reason is not None:
        attributes["gen_ai.response.finish_reasons"] = (answer.finish_reason,)
    if answer.served_model is not None:
        attributes["gen_ai.response.model"] = _name(answer.served_model)
    if answer.usage is not None:
        attributes["gen_ai.usage.input_tokens"] = answer.usage.prompt_tokens
        attributes["gen_ai.usage.output_tokens"] = answer.usage.completion_tokens
    return attributes


@lru_cache(maxsize=256)
def _server(base_url: str) -> Attributes:
    parts = urlsplit(base_url)
    if parts.hostname is None:
        return {}
    return {
        "server.address": parts.hostname,
        "server.port": parts.port or _DEFAULT_PORTS.get(parts.scheme, 80),
    }


def _name(text: str) -> str:
    return one_line(clip(text, _LONGEST_NAME))

"""Traces of requests: one span for the request, one for the decision, one per attempt.

Configured by the standard OTEL_ variables alone; without them nothing of OpenTelemetry is loaded.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

from router_service.types import (
    AttemptRecord,
    Finished,
    Incoming,
    RequestRecord,
    RouteQuery,
    Whole,
)

if TYPE_CHECKING:
    from opentelemetry.propagators.textmap import TextMapPropagator
    from opentelemetry.sdk.trace import TracerProvider

    from router_service.core import Attempt, Decision
    from router_service.observe.spans import RequestSpans

BaseUrl = Callable[[str], str | None]
"""The base URL of a provider id; None for one that is not known (any more)."""

_TRACE_HEADERS = ("traceparent", "tracestate")
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

logger = logging.getLogger(__name__)


class AttemptTrace(Protocol):
    """The trace of one attempt."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that carry the trace to the provider."""

    def first_token(self) -> None:
        """Mark the first content token."""

    def finish(self, record: AttemptRecord, answer: Finished | Whole | None = None) -> None:
        """End the attempt; `answer` adds usage, served model and finish reason. Later calls do
        nothing."""


class RequestTrace(Protocol):
    """The trace of one request."""

    def decided(self, decision: Decision, seconds: float) -> None:
        """A decision that took `seconds` has just been taken."""

    def attempt(self, attempt: Attempt) -> AttemptTrace:
        """A try of one deployment begins."""

    def finish(self, record: RequestRecord) -> None:
        """End the request, and as cancelled every attempt still open. Later calls do nothing."""


class Tracing:
    """Starts traces. Without a provider they cost next to nothing, and the client's own trace
    headers pass through unchanged."""

    def __init__(
        self,
        provider: TracerProvider | None = None,
        *,
        propagator: TextMapPropagator | None = None,
        base_url: BaseUrl | None = None,
    ) -> None:
        self._provider = provider
        self._start: Callable[[Incoming | RouteQuery], RequestTrace] = _UntracedRequest
        if provider is not None:
            self._start = _span_starter(provider, propagator, base_url)

    @property
    def enabled(self) -> bool:
        return self._provider is not None

    def request(self, incoming: Incoming | RouteQuery) -> RequestTrace:
        """Begin the trace of one request; its parent is the one in incoming.headers, if any."""
        return self._start(incoming)

    def shutdown(self, timeout_s: float = 5.0) -> bool:
        """Export what waits and stop; blocks for at most timeout_s. False when it took longer."""
        provider, self._provider = self._provider, None
        if provider is None:
            return True
        # The SDK's own shutdown may wait for an exporter's retries; a daemon thread bounds it.
        stopping = threading.Thread(target=provider.shutdown, name="trace-shutdown", daemon=True)
        stopping.start()
        stopping.join(timeout_s)
        if stopping.is_alive():
            logger.warning(
                "traces: the exporter did not finish within %g s and spans are lost; "
                "check OTEL_EXPORTER_OTLP_ENDPOINT",
                timeout_s,
            )
        return not stopping.is_alive()


def configure_tracing(environ: Mapping[str, str], *, base_url: BaseUrl | None = None) -> Tracing:
    """Tracing as the OTEL_ variables of `environ`, the process' environment, say.

    On where OTEL_TRACES_EXPORTER (otlp, console, none) or an OTLP endpoint is given, and not
    OTEL_SDK_DISABLED=true. Raises ServiceConfigRejected for what is unknown or not installed.
    """
    exporters = _exporter_names(environ)
    if not exporters:
        return Tracing()
    from router_service.observe import otel_sdk

    provider = otel_sdk.tracer_provider(exporters, environ)
    return Tracing(provider, propagator=otel_sdk.propagator(environ), base_url=base_url)


def _exporter_names(environ: Mapping[str, str]) -> tuple[str, ...]:
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    named = environ.get("OTEL_TRACES_EXPORTER", "").strip().lower()
    if not named:
        return ("otlp",) if any(environ.get(name) for name in _ENDPOINTS) else ()
    names = tuple(name.strip() for name in named.split(","))
    return () if "none" in names else names


def _span_starter(
    provider: TracerProvider, propagator: TextMapPropagator | None, base_url: BaseUrl | None
) -> Callable[[Incoming | RouteQuery], RequestSpans]:
    from router_service.observe.spans import SpanFactory

    return SpanFactory(provider, propagator, base_url or (lambda _: None)).request


class _UntracedRequest:
    __slots__ = ("_incoming",)

    def __init__(self, incoming: Incoming | RouteQuery) -> None:
        self._incoming = incoming

    def decided(self, decision: Decision, seconds: float) -> None:
        return

    def attempt(self, attempt: Attempt) -> AttemptTrace:
        theirs = self._incoming.headers
        return _UntracedAttempt({name: theirs[name] for name in _TRACE_HEADERS if name in theirs})

    def finish(self, record: RequestRecord) -> None:
        return


class _UntracedAttempt:
    __slots__ = ("headers",)

    def __init__(self, headers: Mapping[str, str]) -> None:
        self.headers = headers

    def first_token(self) -> None:
        return

    def finish(self, record: AttemptRecord, answer: Finished | Whole | None = None) -> None:
        return

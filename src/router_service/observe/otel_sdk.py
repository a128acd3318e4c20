"""Builds the OpenTelemetry SDK from the standard OTEL_ variables; imported only when one asks.

Sampler, batching, resource and exporter details are read by the SDK itself from the environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import entry_points

from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import TextMapPropagator
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

from router_service import __version__
from router_service.errors import ServiceConfigRejected

_OTLP_MODULES = {
    "grpc": "opentelemetry.exporter.otlp.proto.grpc.trace_exporter",
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http.trace_exporter",
}
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def tracer_provider(exporters: Sequence[str], environ: Mapping[str, str]) -> TracerProvider:
    """A provider that batches spans to each of the named exporters (otlp, console).

    Raises ServiceConfigRejected for an exporter that is unknown, missing or cannot be set up.
    """
    built = [_exporter(name, environ) for name in exporters]
    # We end it ourselves, with a time limit; the SDK's exit hook has none.
    provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
    for exporter in built:
        provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider


def propagator(environ: Mapping[str, str]) -> TextMapPropagator | None:
    """The propagators OTEL_PROPAGATORS names; None where it is not set.

    Raises ServiceConfigRejected for one that is not installed.
    """
    named = environ.get("OTEL_PROPAGATORS", "").strip()
    if not named:
        return None
    names = list(dict.fromkeys(name.strip() for name in named.split(",")))
    if "none" in names:
        return CompositePropagator([])
    return CompositePropagator([_installed_propagator(name) for name in names])


def _installed_propagator(name: str) -> TextMapPropagator:
    for entry in entry_points(group="opentelemetry_propagator", name=name):
        found: TextMapPropagator = entry.load()()
        return found
    raise ServiceConfigRejected(
        f'OTEL_PROPAGATORS: "{name}" is not installed; use tracecontext, baggage or none, '
        "or install the package that provides it"
    )


def _resource() -> Resource:
    given = Resource.create({"service.version": __version__})
    if str(given.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return given.merge(Resource({SERVICE_NAME: "router-service"}))
    return given


def _exporter(name: str, environ: Mapping[str, str]) -> SpanExporter:
    if name == "console":
        return ConsoleSpanExporter()
    if name != "otlp":
        raise ServiceConfigRejected(
            f'OTEL_TRACES_EXPORTER: "{name}" is not known; use otlp, console or none'
        )
    protocol = next((environ[key] for key in _PROTOCOLS if environ.get(key)), "grpc")
    return _otlp_exporter(protocol.strip().lower())


def _otlp_exporter(protocol: str) -> SpanExporter:
    module = _OTLP_MODULES.get(protocol)
    if module is None:
        raise ServiceConfigRejected(
            f'OTEL_EXPORTER_OTLP_PROTOCOL: "{protocol}" is not known; use grpc or http/protobuf'
        )
    try:
        exporter: SpanExporter = import_module(module).OTLPSpanExporter()
    except ImportError as error:
        package = f"opentelemetry-exporter-otlp-proto-{protocol.partition('/')[0]}"
        raise ServiceConfigRejected(
            f'OTEL_EXPORTER_OTLP_PROTOCOL: "{protocol}" needs the package {package} ({error}); '
            "install it, or set OTEL_TRACES_EXPORTER=none"
        ) from error
    except (OSError, ValueError) as error:
        raise ServiceConfigRejected(
            f"OTEL_EXPORTER_OTLP_*: the exporter cannot be set up ({error}); correct the variables"
        ) from error
    return exporter

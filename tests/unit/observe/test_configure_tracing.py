"""Tracing configured by OTEL_ variables: off, on, refused, and exported to a real OTLP server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from importlib.util import find_spec
from queue import Queue
from threading import Event

import grpc
import pytest
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider

from router_service.errors import ServiceConfigRejected
from router_service.observe.tracing import Tracing, configure_tracing
from router_service.types import Attributes, Incoming, Operation, RequestRecord

MakeRecord = Callable[..., RequestRecord]

INCOMING = Incoming(
    face="http",
    operation=Operation.CHAT,
    body=b"{}",
    attributes=Attributes(),
    headers={},
    principal="team-a",
    request_id="req-1",
)


class Collector(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc]
    """An OTLP server that keeps what it is sent."""

    def __init__(self) -> None:
        self.received: Queue[ResourceSpans] = Queue()

    def Export(  # noqa: N802
        self, request: trace_service_pb2.ExportTraceServiceRequest, context: grpc.ServicerContext
    ) -> trace_service_pb2.ExportTraceServiceResponse:
        for spans in request.resource_spans:
            self.received.put(spans)
        return trace_service_pb2.ExportTraceServiceResponse()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    served = Collector()
    server = grpc.server(ThreadPoolExecutor(1))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(served, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{port}")
    yield served
    server.stop(None).wait()


def environment(**variables: str) -> dict[str, str]:
    return variables


def exported(collector: Collector, tracing: Tracing, record: RequestRecord) -> ResourceSpans:
    tracing.request(INCOMING).finish(record)
    assert tracing.shutdown(timeout_s=30)
    return collector.received.get(timeout=30)


def resource_of(spans: ResourceSpans) -> dict[str, str]:
    return {item.key: item.value.string_value for item in spans.resource.attributes}


def test_spans_reach_an_otlp_server(collector: Collector, make_record: MakeRecord) -> None:
    spans = exported(collector, configure_tracing(os.environ), make_record())
    assert resource_of(spans)["service.name"] == "router-service"
    assert [span.name for span in spans.scope_spans[0].spans] == ["chat"]


def test_standard_variables_name_the_service(
    collector: Collector, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "edge-router")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test")
    resource = resource_of(exported(collector, configure_tracing(os.environ), make_record()))
    assert resource["service.name"] == "edge-router"
    assert resource["deployment.environment.name"] == "test"


def test_the_standard_sampler_variable_holds(
    collector: Collector, make_record: MakeRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    tracing = configure_tracing(os.environ)
    tracing.request(INCOMING).finish(make_record())
    assert tracing.shutdown(timeout_s=30)
    assert collector.received.empty()


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"OTEL_SERVICE_NAME": "x"},
        {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"},
        {"OTEL_SDK_DISABLED": "TRUE", "OTEL_TRACES_EXPORTER": "console"},
    ],
)
def test_off(variables: dict[str, str]) -> None:
    assert not configure_tracing(variables).enabled


def output_of(program: str) -> str:
    """What a fresh interpreter prints; imports and streams of this one stay out of it."""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout


def test_off_loads_nothing_of_opentelemetry() -> None:
    printed = output_of(
        "import sys\n"
        "from router_service.observe.tracing import configure_tracing\n"
        "configure_tracing({})\n"
        "print([name for name in sys.modules if name.startswith('opentelemetry')])\n"
    )
    assert printed.strip() == "[]"


def test_console_writes_spans_to_stdout(make_record: MakeRecord) -> None:
    # Operation has no repr that reads back, so the record carries its text.
    decided = make_record(attempts=(), usage=None, operation="chat")
    printed = output_of(
        "from router_service.observe.tracing import configure_tracing\n"
        "from router_service.types import Attributes, RequestRecord, RouteQuery\n"
        "tracing = configure_tracing({'OTEL_TRACES_EXPORTER': 'console'})\n"
        "trace = tracing.request(RouteQuery('grpc', 'm', Attributes(), {}, 'team-a', 'req-1'))\n"
        f"trace.finish({decided!r})\n"
        "tracing.shutdown(timeout_s=20)\n"
    )
    assert '"name": "route"' in printed


@pytest.mark.parametrize(
    ("variables", "named"),
    [
        ({"OTEL_TRACES_EXPORTER": "zipkin"}, 'OTEL_TRACES_EXPORTER: "zipkin"'),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"},
            'OTEL_EXPORTER_OTLP_PROTOCOL: "smoke"',
        ),
        (
            {"OTEL_TRACES_EXPORTER": "console", "OTEL_PROPAGATORS": "tracecontext,pigeon"},
            'OTEL_PROPAGATORS: "pigeon"',
        ),
    ],
)
def test_unknown_values_are_refused_by_name(variables: dict[str, str], named: str) -> None:
    with pytest.raises(ServiceConfigRejected) as caught:
        configure_tracing(variables)
    assert caught.value.message.startswith(named)


@pytest.mark.skipif(
    find_spec("opentelemetry.exporter.otlp.proto.http") is not None,
    reason="the HTTP exporter is installed here",
)
def test_a_missing_exporter_names_its_package() -> None:
    with pytest.raises(ServiceConfigRejected, match="opentelemetry-exporter-otlp-proto-http"):
        configure_tracing(
            environment(OTEL_TRACES_EXPORTER="otlp", OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf")
        )


@pytest.mark.parametrize(
    ("propagators", "sent"),
    [
        ("", {"traceparent"}),
        ("tracecontext", {"traceparent"}),
        ("tracecontext,baggage", {"traceparent", "baggage"}),
        ("none", set()),
    ],
)
def test_propagators_decide_what_goes_upstream(propagators: str, sent: set[str]) -> None:
    tracing = configure_tracing(
        environment(OTEL_TRACES_EXPORTER="console", OTEL_PROPAGATORS=propagators)
    )
    trace = tracing.request(replace(INCOMING, headers={"baggage": "user=1"}))
    assert set(trace.attempt(Attempt()).headers) == sent
    assert tracing.shutdown(timeout_s=30)


class Attempt:
    """The attributes of core.Attempt that traces read."""

    number = 1
    model = upstream_model = "m"
    provider = "ollama"
    deployment = "m@ollama"


def test_an_exporter_that_hangs_does_not_hold_the_shutdown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    released = Event()

    class Hanging(SpanProcessor):
        def shutdown(self) -> None:
            released.wait(timeout=30)

    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(Hanging())
    tracing = Tracing(provider)
    assert not tracing.shutdown(timeout_s=0.01)
    released.set()
    assert "did not finish within 0.01 s" in caplog.text
    assert tracing.shutdown()

"""The server around the services: port, keys, request ids, health, reflection."""

from __future__ import annotations

import asyncio
import socket
from types import SimpleNamespace
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from router_service.errors import ServiceConfigRejected
from router_service.faces.auth import Keys
from router_service.faces.grpc import bind, create_grpc_server
from router_service.v1 import router_pb2

ROUTE = router_pb2.RouteRequest(model="m")
SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVICE = "router_service.v1.RouterService"


@pytest.fixture
def taken() -> Any:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        yield other.getsockname()[1]


async def test_a_taken_port_is_named_with_the_fix(
    requests: Any, operations: Any, config: Any, taken: int
) -> None:
    server = create_grpc_server(requests, operations, keys=Keys({}), config=config)
    with pytest.raises(ServiceConfigRejected) as caught:
        bind(server, "127.0.0.1", taken)
    assert str(caught.value) == (
        f"port in use: 127.0.0.1:{taken}; stop the other process or set grpc.port"
    )


async def test_a_second_router_cannot_share_the_port(
    face: Any, requests: Any, operations: Any, config: Any
) -> None:
    second = create_grpc_server(requests, operations, keys=Keys({}), config=config)
    with pytest.raises(ServiceConfigRejected, match="port in use"):
        bind(second, "127.0.0.1", face.port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"])
async def test_a_foreign_address_is_named(
    requests: Any, operations: Any, config: Any, host: str
) -> None:
    server = create_grpc_server(requests, operations, keys=Keys({}), config=config)
    with pytest.raises(ServiceConfigRejected, match=rf"{host}.*set (another|grpc\.host)"):
        bind(server, host, 0)


@pytest.mark.parametrize(
    "metadata",
    [("authorization", "Bearer k1"), ("authorization", "bearer k1"), ("x-api-key", "k1")],
)
@pytest.mark.parametrize("keys", [Keys({"k1": "team"})])
async def test_a_known_key_names_the_principal(
    face: Any, requests: Any, metadata: tuple[str, str]
) -> None:
    await face.router.Route(ROUTE, metadata=(metadata,))
    (query,) = requests.seen
    assert query.principal == "team"
    assert "k1" not in str(query)


@pytest.mark.parametrize("metadata", [(), (("x-api-key", "wrong"),)])
@pytest.mark.parametrize("keys", [Keys({"k1": "team"})])
@pytest.mark.parametrize(
    "rpc",
    [
        lambda router, metadata: router.Route(ROUTE, metadata=metadata),
        lambda router, metadata: router.RouteBatch(
            router_pb2.RouteBatchRequest(requests=[ROUTE]), metadata=metadata
        ),
        lambda router, metadata: router.RouteStream(metadata=metadata).read(),
        lambda router, metadata: router.Explain(
            router_pb2.ExplainRequest(route=ROUTE), metadata=metadata
        ),
        lambda router, metadata: router.ReportOutcome(
            router_pb2.ReportOutcomeRequest(permit="accepted"), metadata=metadata
        ),
        lambda router, metadata: router.Generate(
            router_pb2.GenerateRequest(model="m", prompt="p"), metadata=metadata
        ),
        lambda router, metadata: router.GenerateStream(
            router_pb2.GenerateStreamRequest(), metadata=metadata
        ).read(),
    ],
)
async def test_without_a_known_key_nothing_is_done(
    face: Any, requests: Any, rpc: Any, metadata: Any
) -> None:
    code, _, _, _ = await face.failure(rpc(face.router, metadata))
    assert code is grpc.StatusCode.UNAUTHENTICATED
    assert requests.seen == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1/2", True), ("x" * 128, True), ("x" * 129, False), ("a b", False), ("", False)],
)
async def test_request_ids_are_kept_if_sane_and_come_back(
    face: Any, requests: Any, given: str, kept: bool
) -> None:
    call = face.router.Route(ROUTE, metadata=(("x-request-id", given),))
    await call
    told = dict(await call.trailing_metadata())["x-request-id"]
    assert told == requests.seen[0].request_id
    assert (told == given) is kept
    assert 0 < len(told) <= 128


async def test_traceparent_goes_on_and_binary_metadata_does_not(face: Any, requests: Any) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    metadata = (("traceparent", parent), ("x-data-bin", b"\x00\xff"))
    await face.router.Route(ROUTE, metadata=metadata)
    assert requests.seen[0].headers["traceparent"] == parent
    assert "x-data-bin" not in requests.seen[0].headers


@pytest.mark.parametrize("keys", [Keys({"k1": "team"})])
@pytest.mark.parametrize("service", ["", SERVICE])
async def test_health_needs_no_key_and_follows_readiness(
    face: Any, requests: Any, service: str
) -> None:
    health = health_pb2_grpc.HealthStub(face.channel)
    request = health_pb2.HealthCheckRequest(service=service)
    assert (await health.Check(request)).status == SERVING
    watch = health.Watch(request)
    assert (await watch.read()).status == SERVING
    requests.is_ready = False
    assert (await health.Check(request)).status == NOT_SERVING
    assert (await watch.read()).status == NOT_SERVING
    assert await watch.read() is grpc.aio.EOF


async def test_health_of_an_unknown_service(face: Any) -> None:
    health = health_pb2_grpc.HealthStub(face.channel)
    request = health_pb2.HealthCheckRequest(service="nope")
    code, message, _, _ = await face.failure(health.Check(request))
    assert (code, SERVICE in message) == (grpc.StatusCode.NOT_FOUND, True)
    watch = health.Watch(request)
    unknown = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
    assert (await watch.read()).status == unknown
    watch.cancel()


async def test_open_watches_and_streams_do_not_hold_up_a_stop(face: Any, requests: Any) -> None:
    watch = health_pb2_grpc.HealthStub(face.channel).Watch(health_pb2.HealthCheckRequest())
    assert (await watch.read()).status == SERVING
    stream = face.router.RouteStream()
    await stream.write(router_pb2.RouteStreamRequest(route=ROUTE))
    assert (await stream.read()).result.decision.decision_id
    requests.is_ready = False
    stopping = asyncio.create_task(face.server.stop(3600))
    await asyncio.wait_for(stopping, 10)


async def test_a_running_request_is_finished_before_the_stop(face: Any, requests: Any) -> None:
    requests.hang = True
    generate = router_pb2.GenerateRequest(model="m", prompt="p")
    stream = face.router.GenerateStream(router_pb2.GenerateStreamRequest(generate=generate))
    assert [(await stream.read()).WhichOneof("event") for _ in range(2)] == ["opened", "delta"]
    requests.is_ready = False
    stopping = asyncio.create_task(face.server.stop(3600))
    await asyncio.sleep(0)
    requests.release.set()
    assert [(await stream.read()).WhichOneof("event") for _ in range(2)] == ["delta", "finished"]
    assert await stream.read() is grpc.aio.EOF
    assert await stream.code() is grpc.StatusCode.OK
    await asyncio.wait_for(stopping, 10)


async def test_reflection_lists_the_services(face: Any) -> None:
    stub = reflection_pb2_grpc.ServerReflectionStub(face.channel)
    asked = [
        reflection_pb2.ServerReflectionRequest(list_services=""),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"{SERVICE}.Route"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol=f"{SERVICE}.Nothing"),
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="no.such.Thing"),
    ]
    answers = [answer async for answer in stub.ServerReflectionInfo(iter(asked))]
    listed, described, of_method, no_method, no_service = answers
    names = {service.name for service in listed.list_services_response.service}
    assert {SERVICE, "router_service.v1.AdminService", "grpc.health.v1.Health"} <= names
    assert described.file_descriptor_response.file_descriptor_proto
    assert of_method.file_descriptor_response == described.file_descriptor_response
    assert no_method.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
    assert no_service.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]


async def test_messages_past_the_librarys_own_limit_arrive(face: Any, requests: Any) -> None:
    text = "x" * 10_000_000
    await face.router.Route(router_pb2.RouteRequest(model="m", prompt=text))
    assert requests.seen[0].prompt == text


@pytest.mark.parametrize("config", [SimpleNamespace(grpc=SimpleNamespace(max_message_bytes=2048))])
async def test_the_receive_limit_is_the_configs(face: Any, requests: Any) -> None:
    request = router_pb2.RouteRequest(model="m", prompt="x" * 4096)
    code, message, _, _ = await face.failure(face.router.Route(request))
    assert code is grpc.StatusCode.INVALID_ARGUMENT
    assert "grpc.max_message_bytes" in message
    assert requests.seen == []

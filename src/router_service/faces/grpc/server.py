"""The gRPC server: services, health, reflection and transport limits put together, and its port.
Starting and stopping it is the composition root's."""

from __future__ import annotations

import errno
import socket
from typing import Protocol

import grpc.aio
from grpc_health.v1 import health_pb2, health_pb2_grpc

from router_service.errors import ServiceConfigRejected
from router_service.faces.auth import Keys
from router_service.faces.grpc import reflection
from router_service.faces.grpc.admin import AdminService
from router_service.faces.grpc.health import Health
from router_service.faces.grpc.readable import register
from router_service.faces.grpc.sending import WRITE_TIMEOUT_S
from router_service.faces.grpc.service import RouterService
from router_service.serving.ports import OperatorService, RequestService
from router_service.v1 import admin_pb2, admin_pb2_grpc, router_pb2, router_pb2_grpc

_HEADROOM_BYTES = 16 * 1024 * 1024
_KEEPALIVE_MS = 60_000
_KEEPALIVE_TIMEOUT_MS = 20_000
_SHORTEST_CLIENT_PING_MS = 10_000
_STREAMS_PER_CONNECTION = 1024


class GrpcSettings(Protocol):
    """What of `grpc` in the service config this room reads."""

    @property
    def max_message_bytes(self) -> int: ...


class Settings(Protocol):
    """The service config, as far as this room reads it."""

    @property
    def grpc(self) -> GrpcSettings: ...


def create_grpc_server(
    orchestrator: RequestService,
    operations: OperatorService,
    *,
    keys: Keys,
    config: Settings,
    write_timeout_s: float = WRITE_TIMEOUT_S,
) -> grpc.aio.Server:
    """A server with all services, neither bound nor started.

    Health follows orchestrator.ready(); stop it with `await server.stop(grace_seconds)` once that
    is false.
    """
    most = config.grpc.max_message_bytes
    server = grpc.aio.server(options=_options(most))
    service = RouterService(orchestrator, keys, write_timeout_s)
    admin = AdminService(orchestrator, operations, keys, write_timeout_s)
    register(router_pb2_grpc.add_RouterServiceServicer_to_server, service, server, most)
    register(admin_pb2_grpc.add_AdminServiceServicer_to_server, admin, server, most)
    health_pb2_grpc.add_HealthServicer_to_server(Health(orchestrator.ready), server)
    reflection.enable(server, [router_pb2.DESCRIPTOR, admin_pb2.DESCRIPTOR, health_pb2.DESCRIPTOR])
    return server


def bind(server: grpc.aio.Server, host: str, port: int) -> int:
    """Listen on host and port (0: any free one) and return the port.

    Raises ServiceConfigRejected saying why it cannot be had and what to do.
    """
    address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        return server.add_insecure_port(address)
    except RuntimeError as error:
        raise ServiceConfigRejected(_why_not(host, port, address, error)) from None


def _options(max_message_bytes: int) -> list[tuple[str, int]]:
    return [
        # Off: a second server would bind the same port silently and take half of the calls.
        ("grpc.so_reuseport", 0),
        # Above our own limit, so that what is a little too large gets our message, which says more.
        ("grpc.max_receive_message_length", max_message_bytes + _HEADROOM_BYTES),
        ("grpc.max_send_message_length", -1),
        # Off: windows that grow with the bandwidth would take in requests that nobody reads yet.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_concurrent_streams", _STREAMS_PER_CONNECTION),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.min_ping_interval_without_data_ms", _SHORTEST_CLIENT_PING_MS),
    ]


def _why_not(host: str, port: int, address: str, error: RuntimeError) -> str:
    """The library only says that it failed, so the address is tried once more to learn why."""
    try:
        family, kind, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(place)
    except socket.gaierror as problem:
        return f"grpc.host: {host} is no address of this machine ({problem.strerror}); set another"
    except OSError as problem:
        if problem.errno == errno.EADDRINUSE:
            return f"port in use: {address}; stop the other process or set grpc.port"
        return f"cannot listen on {address}: {problem.strerror}; set grpc.host or grpc.port"
    return f"cannot listen on {address}: {error}"

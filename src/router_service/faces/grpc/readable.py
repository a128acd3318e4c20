"""Registers a service so that bytes which are no message reach it as a value it can refuse. Left to
itself the library answers UNKNOWN and logs a traceback, as if the fault were ours."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from router_service.errors import InvalidRequest

MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Handlers: TypeAlias = "Mapping[str, MethodHandler]"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in for a message that could not be parsed."""

    reason: str


def refuse_unreadable(message: Any) -> None:
    """Raises InvalidRequest for a message that was none."""
    if isinstance(message, Unreadable):
        raise InvalidRequest(
            f"the request is not a message of this method ({message.reason}); "
            "send what proto/router_service/v1 declares"
        )


def register(add: Callable[[Any, Any], None], servicer: Any, server: grpc.aio.Server) -> None:
    """Calls the generated `add_…Servicer_to_server` with handlers that read tolerantly."""
    add(servicer, _Registrar(server))


class _Registrar:
    """What generated code needs of a server."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, _handlers: Any) -> None:
        """Of the two registrations generated code makes, the other names the methods."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        tolerant = {name: _tolerant(handler) for name, handler in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service, tolerant)
        self._server.add_generic_rpc_handlers((generic,))


def _tolerant(handler: Any) -> MethodHandler:
    parse = handler.request_deserializer

    def read(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError as error:
            return Unreadable(str(error))

    replaced: MethodHandler = handler._replace(request_deserializer=read)
    return replaced

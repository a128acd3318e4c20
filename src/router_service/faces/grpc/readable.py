"""Registers a service so that bytes it cannot read reach it as a value it can refuse.

The library by itself answers UNKNOWN, with a traceback in the log, for what is no message, and
names no setting for what is too large.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from router_service.errors import BodyTooLarge, InvalidRequest, RouterError

MethodHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Handlers: TypeAlias = "Mapping[str, MethodHandler]"


@dataclass(frozen=True, slots=True)
class Unreadable:
    """Stands in for a message that was not read, with the error to answer."""

    error: RouterError


def refuse_unreadable(message: Any) -> None:
    """Raises InvalidRequest or BodyTooLarge for a message that was not read."""
    if isinstance(message, Unreadable):
        raise message.error


def register(
    add: Callable[[Any, Any], None], servicer: Any, server: grpc.aio.Server, max_bytes: int
) -> None:
    """Calls the generated `add_…Servicer_to_server` with handlers that read tolerantly."""
    add(servicer, _Registrar(server, max_bytes))


class _Registrar:
    """What generated code needs of a server."""

    def __init__(self, server: grpc.aio.Server, max_bytes: int) -> None:
        self._server = server
        self._max_bytes = max_bytes

    def add_generic_rpc_handlers(self, _handlers: Any) -> None:
        """Of the two registrations generated code makes, the other names the methods."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        tolerant = {name: _tolerant(handler, self._max_bytes) for name, handler in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service, tolerant)
        self._server.add_generic_rpc_handlers((generic,))


def _tolerant(handler: Any, max_bytes: int) -> MethodHandler:
    parse = handler.request_deserializer

    def read(data: bytes) -> Any:
        if len(data) > max_bytes:
            return Unreadable(_too_large(len(data), max_bytes))
        try:
            return parse(data)
        except DecodeError as error:
            return Unreadable(_no_message(error))

    replaced: MethodHandler = handler._replace(request_deserializer=read)
    return replaced


def _too_large(size: int, limit: int) -> BodyTooLarge:
    return BodyTooLarge(
        f"the message has {size} bytes and may have {limit}; send less or raise "
        "grpc.max_message_bytes"
    )


def _no_message(error: DecodeError) -> InvalidRequest:
    return InvalidRequest(
        f"the request is not a message of this method ({error}); "
        "send what proto/router_service/v1 declares"
    )

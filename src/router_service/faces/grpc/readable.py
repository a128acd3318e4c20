"""Registers a service so that it reads requests when it has room for them, and so that bytes it
cannot read reach it as a value it can refuse.

The library by itself reads a request before it asks anybody, answers UNKNOWN, with a traceback in
the log, for what is no message, and names no setting for what is too large.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from router_service.errors import BodyTooLarge, InvalidRequest, RouterError

READ_TIMEOUT_S = 30.0
"""Longest time for a request to arrive."""

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


async def read_one(messages: AsyncIterator[Any], timeout_s: float = READ_TIMEOUT_S) -> Any:
    """The only message of a call.

    Raises InvalidRequest for a call without one, for what is no message, and for one that does not
    come in time; BodyTooLarge for one that is.
    """
    try:
        async with asyncio.timeout(timeout_s):
            message = await anext(messages)
    except StopAsyncIteration:
        raise InvalidRequest("the call ended without a request; send one message") from None
    except TimeoutError:
        raise InvalidRequest(
            f"the request did not arrive within {timeout_s:g} s; send it faster"
        ) from None
    refuse_unreadable(message)
    return message


def register(
    add: Callable[[Any, Any], None], servicer: Any, server: grpc.aio.Server, max_bytes: int
) -> None:
    """Calls the generated `add_…Servicer_to_server` so that methods are given the iterator of what
    comes in instead of a request that is there already; read_one() reads that."""
    add(servicer, _Registrar(server, max_bytes))


class _Registrar:
    """What generated code needs of a server."""

    def __init__(self, server: grpc.aio.Server, max_bytes: int) -> None:
        self._server = server
        self._max_bytes = max_bytes

    def add_generic_rpc_handlers(self, _handlers: Any) -> None:
        """Of the two registrations generated code makes, the other names the methods."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        late = {name: _late(handler, self._max_bytes) for name, handler in handlers.items()}
        generic = grpc.method_handlers_generic_handler(service, late)
        self._server.add_generic_rpc_handlers((generic,))


def _late(handler: Any, max_bytes: int) -> MethodHandler:
    """The handler as one of a stream of requests, which it may read when it likes. On the wire one
    request and a stream of one are the same."""
    parse = handler.request_deserializer

    def read(data: bytes) -> Any:
        if len(data) > max_bytes:
            return Unreadable(_too_large(len(data), max_bytes))
        try:
            return parse(data)
        except DecodeError as error:
            return Unreadable(_no_message(error))

    write = handler.response_serializer
    if handler.response_streaming:
        method = handler.stream_stream or handler.unary_stream
        return grpc.stream_stream_rpc_method_handler(method, read, write)
    return grpc.stream_unary_rpc_method_handler(handler.unary_unary, read, write)


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

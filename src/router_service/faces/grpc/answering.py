"""What stands around every method: who calls, whether there is room, the request read, and every
error turned into a status, so that no call is left without one."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, NoReturn, Protocol

import grpc.aio

from router_service.faces.auth import Keys
from router_service.faces.grpc.caller import (
    REQUEST_ID,
    Caller,
    Context,
    headers_of,
    identify,
)
from router_service.faces.grpc.early import EarlyReading, read_held
from router_service.faces.grpc.errors import Failure, failure_of, status
from router_service.faces.grpc.readable import read_one
from router_service.faces.grpc.requests import FACE
from router_service.faces.request_id import request_id_of
from router_service.serving.admission import Place
from router_service.serving.entry import entered
from router_service.serving.ports import RequestService
from router_service.types import Arrival, Operation, Work

_REFUSAL_TIMEOUT_S = 5.0
_STATUS_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Servicer(Protocol):
    """A servicer that knows its callers by these keys, and whom it hands their requests."""

    keys: Keys
    requests: RequestService
    early: EarlyReading


Handler = Callable[[Any, Any, Context], Awaitable[Any]]
Method = Callable[[Any, Any, Caller, Context], Awaitable[Any]]


def ours_to_answer(error: BaseException) -> bool:
    """Whether an error must become a status: all but our own cancelling and the process's end.

    That includes what is no Exception, such as a panic of the core: the library would leave such a
    call unanswered until its deadline.
    """
    if isinstance(error, asyncio.CancelledError):
        task = asyncio.current_task()
        return task is None or not task.cancelling()
    return not isinstance(error, KeyboardInterrupt | SystemExit)


def answering(method: Method) -> Handler:
    """Makes a handler of a method: its request is read at once and never refused for load."""

    async def read_first(
        self: Any, messages: AsyncIterator[Any], caller: Caller, context: Context
    ) -> Any:
        return await method(self, await read_one(messages), caller, context)

    return _answering(method, read_first)


def entering(work: Work) -> Callable[[Method], Handler]:
    """Makes a handler of a method whose request has to have a slot.

    The place is taken before the request is read. Decisions do not wait, and a RouteStream reads
    for itself.
    """

    def decorate(method: Method) -> Handler:
        async def enter_first(
            self: Servicer, messages: AsyncIterator[Any], caller: Caller, context: Context
        ) -> Any:
            async def read(place: Place) -> tuple[Any, Caller]:
                request = messages
                if work is Work.CARRY_OUT:
                    request = await self.early.read(messages, place)
                elif work is Work.DECIDE:
                    request = await read_held(messages, place)
                return request, replace(caller, queued_s=place.queued_s)

            async with entered(self.requests, _arrival(caller, work), read) as handed_in:
                return await method(self, *handed_in, context)

        return _answering(method, enter_first)

    return decorate


def _answering(method: Method, inner: Method) -> Handler:
    @functools.wraps(method)
    async def handler(self: Servicer, messages: Any, context: Context) -> Any:
        headers = headers_of(context)
        request_id = request_id_of(headers.get(REQUEST_ID))
        try:
            caller = identify(headers, request_id, self.keys, context.time_remaining())
            reply = await inner(self, messages, caller, context)
        except BaseException as error:
            if not ours_to_answer(error):
                raise
            failure = failure_of(error, request_id)
        else:
            context.set_trailing_metadata(((REQUEST_ID, request_id),))
            return reply
        # The library keeps an abort's exception in a cycle, and all that hangs on it until the
        # collector comes by. The request must not hang there: the error is gone by here, and what
        # it was read from goes now.
        del messages
        return await _refuse(context, failure, request_id)

    return handler


async def _refuse(context: Context, failure: Failure, request_id: str) -> NoReturn:
    told = status(failure, request_id)
    trailing = (
        (REQUEST_ID, request_id),
        ("grpc-status-details-bin", told.SerializeToString()),
    )
    try:
        async with asyncio.timeout(_REFUSAL_TIMEOUT_S):
            await context.abort(_STATUS_CODES[told.code], told.message, trailing)
    except (TimeoutError, grpc.aio.InternalError):
        # A caller that has stopped reading cannot be told, nor one whose deadline has just ended
        # the call; any other exception would be logged as a fault.
        raise asyncio.CancelledError from None
    raise grpc.aio.AbortError


def _arrival(caller: Caller, work: Work) -> Arrival:
    return Arrival(
        face=FACE,
        work=work,
        operation=Operation.CHAT,
        principal=caller.principal,
        request_id=caller.request_id,
        priority=caller.headers.get("x-priority"),
        timeout_s=caller.timeout_s,
        at=caller.arrived,
    )

"""A request's way in, the same for both faces: it joins a lane before its body is read, and keeps
its place until it ends. One that is turned away on this way leaves its record here."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from router_service.serving.admission import Place
from router_service.serving.ports import RequestService
from router_service.types import Arrival

Read = TypeVar("Read")


@asynccontextmanager
async def entered(
    service: RequestService, arrival: Arrival, read: Callable[[Place], Awaitable[Read]]
) -> AsyncIterator[Read]:
    """What `read` makes of the request, once it had its turn; the slot is kept for the block.

    `read` has to await place.turn(), and says of what it reads how much there is to hold.
    """
    try:
        place = service.join(arrival)
    except BaseException as error:
        service.refused(arrival, error)
        raise
    with place:
        try:
            request = await read(place)
        except BaseException as error:
            service.refused(arrival, error, place.queued_s)
            raise
        yield request

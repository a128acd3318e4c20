"""Reads requests while they wait for their slot, since a message may name a priority. Few at a time
and within few bytes: where those are spent, a request is read when it has its slot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from router_service.faces.grpc.readable import read_one
from router_service.serving.admission import Place

READERS = 8
"""Of the waiting, how many are read at once."""
MOST_BYTES = 32 * 1024 * 1024
"""Bytes of waiting requests from which on no further one is read early."""


class EarlyReading:
    """Of requests to carry out."""

    def __init__(self) -> None:
        self._seats = asyncio.Semaphore(READERS)
        self._bytes = 0

    async def read(self, messages: AsyncIterator[Any], place: Place) -> Any:
        """The request, once it is here and has its slot.

        Raises what read_one() and the place's hold() and turn() do.
        """
        if not await self._take_seat(place):
            return await read_held(messages, place)
        try:
            request = await read_held(messages, place)
        finally:
            self._seats.release()
        size = request.ByteSize()
        self._bytes += size
        try:
            _prefer(place, request)
            await place.turn()
        finally:
            self._bytes -= size
        return request

    async def _take_seat(self, place: Place) -> bool:
        """Wait until the request may be read. False: it has its slot, and needs no seat."""
        if place.waiting and self._bytes < MOST_BYTES:
            if not self._seats.locked():
                return await self._seats.acquire()
            return await self._seat_or_turn(place)
        await place.turn()
        return False

    async def _seat_or_turn(self, place: Place) -> bool:
        seat = asyncio.ensure_future(self._seats.acquire())
        turn = asyncio.ensure_future(place.turn())
        taken = False
        try:
            await asyncio.wait({seat, turn}, return_when=asyncio.FIRST_COMPLETED)
            if turn.done():
                await turn  # raises what refuses the request
            else:
                taken = True
        finally:
            if not turn.cancel():
                turn.exception()  # looked at, so that nobody reports it as lost
            if not taken and not seat.cancel():  # it came as well, and is not needed
                self._seats.release()
        return taken


async def read_held(messages: AsyncIterator[Any], place: Place) -> Any:
    """The request, counted as held by its place."""
    request = await read_one(messages)
    place.hold(request.ByteSize())
    return request


def _prefer(place: Place, request: Any) -> None:
    generate = getattr(request, "generate", request)
    if priority := generate.attributes.priority:
        place.prefer(priority)

"""A stream whose first item has already been fetched, so that whoever gets it knows that an answer
is coming and can still be closed before reading anything."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from types import TracebackType
from typing import Any

from router_service.types import StreamItem


class OpenedStream(AsyncGenerator[StreamItem, None]):
    """Opened, then whatever the started generator yields. aclose() reaches it in either case."""

    def __init__(self, opened: StreamItem, rest: AsyncGenerator[StreamItem, None]) -> None:
        self._opened: StreamItem | None = opened
        self._rest = rest

    async def asend(self, value: None) -> StreamItem:
        opened, self._opened = self._opened, None
        return opened if opened is not None else await self._rest.asend(value)

    async def athrow(
        self,
        typ: type[BaseException] | BaseException,
        val: BaseException | object = None,
        tb: TracebackType | None = None,
        /,
    ) -> StreamItem:
        thrown: Any = typ
        return await self._rest.athrow(thrown)

    async def aclose(self) -> None:
        await self._rest.aclose()

"""A stream whose first item is at hand can be read or closed at any point."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from router_service.serving.opened import OpenedStream
from router_service.types import Finished, Opened, Served, StreamItem

OPENED = Opened(Served("d", "r", "m", "p", "m@p", "m", "exact", "direct", 1, "v"))
FINISHED = Finished("stop", None, None)


class Source:
    """A started generator and what became of it."""

    def __init__(self) -> None:
        self.ended = False
        self.thrown: Exception | None = None

    async def items(self) -> AsyncGenerator[StreamItem, None]:
        try:
            yield OPENED
            yield FINISHED
        except ValueError as error:
            self.thrown = error
            raise
        finally:
            self.ended = True

    async def opened(self) -> OpenedStream:
        items = self.items()
        return OpenedStream(await anext(items), items)


async def test_the_first_item_comes_first_and_once() -> None:
    stream = await Source().opened()
    assert [item async for item in stream] == [OPENED, FINISHED]


@pytest.mark.parametrize("read", [0, 1, 2])
async def test_closing_reaches_the_generator_at_any_point(read: int) -> None:
    source = Source()
    stream = await source.opened()
    for _ in range(read):
        await anext(stream)
    assert not source.ended
    await stream.aclose()
    assert source.ended
    await stream.aclose()


async def test_an_exception_thrown_in_reaches_it_too() -> None:
    source = Source()
    stream = await source.opened()
    error = ValueError("thrown")
    with pytest.raises(ValueError, match="thrown"):
        await stream.athrow(error)
    assert source.thrown is error

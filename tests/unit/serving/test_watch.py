"""When files that change are read again: once they have come to rest, and once only."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import Any

import pytest

from router_service.serving.watch import keep_watching


@dataclass(frozen=True)
class FakeFiles:
    state: str
    disk: Disk = field(compare=False, repr=False)

    def again(self) -> FakeFiles:
        return FakeFiles(self.disk.state, self.disk)


@dataclass
class Disk:
    state: str = "first"


@dataclass
class Read:
    files: FakeFiles
    table: Any = None
    findings: tuple[Any, ...] = ()
    document: bytes = b""


class FakeReloading:
    """Reads what is on the disk, and remembers what that was."""

    def __init__(self) -> None:
        self.disk = Disk()
        self.read = self._reading()
        self.reloads: list[str] = []
        self.fault: Exception | None = None

    async def reload_changed(self) -> None:
        self.reloads.append(self.disk.state)
        if self.fault is not None:
            raise self.fault
        self.read = self._reading()

    def _reading(self) -> Read:
        return Read(FakeFiles(self.disk.state, self.disk))


async def looked(reloading: FakeReloading, *states: str) -> list[str]:
    """What was read, where each look finds the next of these states."""
    coming = iter(states)

    async def sleep(_seconds: float) -> None:
        state = next(coming, None)
        if state is None:
            raise asyncio.CancelledError
        reloading.disk.state = state

    with pytest.raises(asyncio.CancelledError):
        await keep_watching(reloading, sleep=sleep)
    return reloading.reloads


async def test_what_does_not_change_is_not_read() -> None:
    assert await looked(FakeReloading(), "first", "first", "first") == []


async def test_a_change_is_read_when_the_next_look_finds_the_same() -> None:
    assert await looked(FakeReloading(), "new") == []
    assert await looked(FakeReloading(), "new", "new", "new", "new") == ["new"]


async def test_a_file_that_is_being_written_is_read_once_at_its_end() -> None:
    assert await looked(FakeReloading(), "1", "2", "3", "3", "3") == ["3"]


async def test_a_change_that_is_taken_back_is_not_read() -> None:
    assert await looked(FakeReloading(), "new", "first", "first") == []


async def test_what_somebody_else_has_read_is_not_read_again() -> None:
    reloading = FakeReloading()
    reloading.disk.state = "new"
    await reloading.reload_changed()
    assert await looked(reloading, "new", "new", "new") == ["new"]


async def test_a_fault_is_logged_once_for_each_state_and_watching_goes_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    reloading = FakeReloading()
    reloading.fault = RuntimeError("the core failed")
    with caplog.at_level(logging.ERROR):
        found = await looked(reloading, "1", "1", "1", "1", "2", "2", "2")
    assert found == ["1", "2"]
    assert caplog.text.count("the reload failed") == 2

"""Runs targets on damaged input, watches their memory, and keeps count."""

from __future__ import annotations

import asyncio
import inspect
import logging
import random
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass

from .mutator import Mutator

Check = Callable[[bytes, random.Random], bool | Awaitable[bool]]
"""Whether the input was taken. Refusing it is fine; raising anything is a find."""

WATCHED_EVERY = 97
"""Every so-manieth case is run with its memory traced, which is slow."""

SHOWN = 1_000
"""Bytes of an input that a find shows; its case number gives the rest."""

MEMORY_FLOOR = 2 * 1024 * 1024
MEMORY_PER_BYTE = 256
"""What a reader may take: a JSON value of three bytes is a Python object of some sixty."""


@dataclass(frozen=True)
class Target:
    """One reader. `open` builds what its check needs, for all cases of a run."""

    name: str
    seeds: Sequence[bytes]
    open: Callable[[], AbstractAsyncContextManager[Check]]
    traced: bool = True
    """Its memory is Python's own, taken within the case."""


@dataclass
class Figures:
    """How a run of one target went."""

    name: str
    cases: int = 0
    taken: int = 0
    seconds: float = 0.0
    peak: int = 0
    """Most bytes that a watched case took."""


class Find(AssertionError):
    """An input that a reader does not bear."""


def plain(name: str, seeds: Sequence[bytes], check: Check) -> Target:
    """A target that needs nothing built."""

    @asynccontextmanager
    async def ready() -> AsyncIterator[Check]:
        yield check

    return Target(name, seeds, ready)


def run(
    target: Target,
    *,
    seed: int,
    cases: int | None = None,
    seconds: float | None = None,
    first: int = 0,
) -> Figures:
    """Run so many cases, or for so long. Raises Find with all it takes to run the case again."""
    # Every skipped event would be logged, thousands a second.
    logging.disable(logging.CRITICAL)
    try:
        return asyncio.run(_run(target, seed, first, cases, seconds))
    finally:
        logging.disable(logging.NOTSET)


async def _run(
    target: Target, seed: int, first: int, cases: int | None, seconds: float | None
) -> Figures:
    figures = Figures(target.name)
    mutator = Mutator(target.seeds, f"{seed}/{target.name}")
    number = first
    async with target.open() as check:
        started = time.monotonic()
        while True:
            data, draws = mutator.case(number)
            watched = target.traced and number % WATCHED_EVERY == 0
            try:
                figures.taken += await _case(check, data, draws, figures if watched else None)
            except Exception as error:
                again = f"--target {target.name} --seed {seed} --case {number}"
                shown = data if len(data) <= SHOWN else data[:SHOWN] + b"..."
                raise Find(f"{again}: {type(error).__name__}: {error}\n  {shown!r}") from error
            number += 1
            figures.cases += 1
            figures.seconds = time.monotonic() - started
            if figures.cases == cases or (seconds is not None and figures.seconds >= seconds):
                return figures


async def _case(check: Check, data: bytes, draws: random.Random, figures: Figures | None) -> bool:
    if figures is None:
        return await _checked(check, data, draws)
    tracemalloc.start()
    try:
        taken = await _checked(check, data, draws)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    figures.peak = max(figures.peak, peak)
    bound = MEMORY_FLOOR + MEMORY_PER_BYTE * len(data)
    if peak > bound:
        raise MemoryError(f"{len(data)} bytes took {peak}, more than {bound}")
    return taken


async def _checked(check: Check, data: bytes, draws: random.Random) -> bool:
    taken = check(data, draws)
    return await taken if inspect.isawaitable(taken) else taken

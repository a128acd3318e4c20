"""Compares variants on a machine that is never quiet: short measurements, interleaved.

Each round measures every variant twice, in random order and then in the reverse of it, so that a
drift of the machine falls on all alike.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import TypeVar

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Spread:
    """Median over the rounds, with the lowest and the highest round."""

    value: float
    low: float
    high: float


async def interleaved(
    variants: Mapping[str, Callable[[], Awaitable[Result]]], rounds: int, seed: int = 0
) -> dict[str, list[tuple[Result, Result]]]:
    """Variant → its two results of each round."""
    order = list(variants)
    shuffle = random.Random(seed).shuffle
    results: dict[str, list[tuple[Result, Result]]] = {name: [] for name in variants}
    for _ in range(rounds):
        shuffle(order)
        there = {name: await variants[name]() for name in order}
        for name in reversed(order):
            results[name].append((there[name], await variants[name]()))
    return results


def spread(values: Sequence[float]) -> Spread:
    return Spread(median(values), min(values), max(values))


def per_round(
    results: Sequence[tuple[Result, Result]], value: Callable[[Result], float]
) -> list[float]:
    """The mean of each round's two."""
    return [fmean(map(value, pair)) for pair in results]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Spread:
    """Ours over theirs, round by round."""
    return spread([a / b for a, b in zip(ours, theirs, strict=True)])

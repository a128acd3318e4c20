"""Percentiles of any number of durations in little memory: they are counted in buckets 2 % wide, so
a percentile is exact to 1 %."""

from __future__ import annotations

import math
from collections import Counter

_WIDTH = math.log(1.02)
_LEAST_S = 1e-6


class Spread:
    """Durations, seconds."""

    def __init__(self) -> None:
        self._buckets: Counter[int] = Counter()
        self._sum_s = 0.0
        self.count = 0

    def add(self, seconds: float) -> None:
        self.count += 1
        self._sum_s += seconds
        self._buckets[round(math.log(max(seconds, _LEAST_S)) / _WIDTH)] += 1

    @property
    def mean_s(self) -> float | None:
        return self._sum_s / self.count if self.count else None

    def percentile_s(self, percent: float) -> float | None:
        """The nearest-rank percentile; None without any duration."""
        rank = math.ceil(percent / 100 * self.count)
        for bucket in sorted(self._buckets):
            rank -= self._buckets[bucket]
            if rank <= 0:
                return math.exp(bucket * _WIDTH)
        return None

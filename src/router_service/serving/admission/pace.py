"""How long a slot is held, as far as recent requests tell."""

from __future__ import annotations

import math

MEMORY_S = 60.0
"""After this time a measurement counts for 1/e of what a new one does."""


class Pace:
    """An exponentially decaying mean. Once what was measured is so old that it counts for less than
    one new measurement it fades to 0, which is unknown: one long request says little of the next
    day's."""

    def __init__(self) -> None:
        self._sum_s = 0.0
        self._weight = 0.0
        self._at = 0.0

    def add(self, held_s: float, now: float) -> None:
        """A slot came back after held_s; now is on a monotonic clock, in seconds."""
        kept = self._kept(now)
        self._sum_s = self._sum_s * kept + held_s
        self._weight = self._weight * kept + 1.0
        self._at = now

    def mean_s(self, now: float) -> float:
        """Time a slot is held, in seconds; 0 while nothing is known."""
        kept = self._kept(now)
        return self._sum_s * kept / max(1.0, self._weight * kept)

    def _kept(self, now: float) -> float:
        return math.exp((self._at - now) / MEMORY_S)

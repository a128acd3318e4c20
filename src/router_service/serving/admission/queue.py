"""The order in which requests wait: priority first, then callers in turn, then first come first
served. One caller's flood, or one priority's, delays the others but never shuts them out."""

from __future__ import annotations

from collections.abc import Callable
from itertools import repeat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_service.serving.admission.place import Place

PRIORITIES = ("high", "normal", "low")
"""From the first served to the last; any other word counts as normal."""
NORMAL = PRIORITIES.index("normal")

PASSED_OVER = 8
"""So often may higher priorities go before a lower one that could run; then it has a turn."""
KEPT = 8
"""One part in so many of the queue is kept for each priority, however many others wait."""

Line = dict["Place", None]
"""The places of one caller on one face, first come first. A dict, so that any can leave at once."""
MayRun = Callable[["Place"], bool]


def level_of(priority: str | None) -> int:
    """The level of a priority as a request words it."""
    word = (priority or "").strip().lower()
    return PRIORITIES.index(word) if word in PRIORITIES else NORMAL


class Queue:
    """Who waits, and who is next."""

    def __init__(self, most: int) -> None:
        self._kept = most // KEPT
        self._levels = tuple(_Level() for _ in PRIORITIES)

    def add(self, place: Place) -> None:
        self._levels[place.level].add(place)

    def remove(self, place: Place) -> None:
        self._levels[place.level].remove(place)

    def take(self, may_run: MayRun) -> Place | None:
        """Take out the next of those that may run."""
        overdue = [level for level in self._levels if level.passed_over >= PASSED_OVER]
        for level in (*overdue, *self._levels):
            if (place := level.take(may_run)) is not None:
                level.passed_over = 0
                for lower in self._levels[place.level + 1 :]:
                    lower.passed_over += 1 if lower.count else 0
                return place
        return None

    def ahead_of(self, place: Place) -> int:
        """How many would go before a newcomer, were nobody to come after it."""
        level = self._levels[place.level]
        own = level.ahead_of(place.line)
        higher = sum(each.count for each in self._levels[: place.level])
        return own + min(higher, PASSED_OVER * (own + 1))

    def gives_way_to(self, place: Place) -> Place | None:
        """Who leaves a full queue for a newcomer, if anybody: the last of a lower priority, else of
        a caller with more waiting, else of a priority that has taken more than its part."""
        level = self._levels[place.level]
        for lower in reversed(self._levels[place.level + 1 :]):
            if lower.count > self._kept:
                return lower.last_of_longest()
        if level.count and level.longest() >= level.waiting(place.line) + 2:
            return level.last_of_longest()
        if level.count < self._kept:
            for higher in reversed(self._levels[: place.level]):
                if higher.count > self._kept:
                    return higher.last_of_longest()
        return None


class _Level:
    """The lines of one priority, in the order of their turns."""

    def __init__(self) -> None:
        self._lines: dict[tuple[str, str], Line] = {}
        self.count = 0
        self.passed_over = 0

    def add(self, place: Place) -> None:
        self._lines.setdefault(place.line, {})[place] = None
        self.count += 1

    def remove(self, place: Place) -> None:
        line = self._lines[place.line]
        del line[place]
        if not line:
            del self._lines[place.line]
        self.count -= 1
        if not self.count:
            self.passed_over = 0

    def take(self, may_run: MayRun) -> Place | None:
        for key, line in self._lines.items():
            place = next(iter(line))
            if may_run(place):
                self.remove(place)
                if line:  # its next turn comes after everybody else's
                    self._lines[key] = self._lines.pop(key)
                return place
        return None

    def ahead_of(self, key: tuple[str, str]) -> int:
        """All of the own line, and of each other line as many as have their turns before."""
        turns = repeat(self.waiting(key) + 1)
        return sum(map(min, map(len, self._lines.values()), turns))

    def waiting(self, key: tuple[str, str]) -> int:
        return len(self._lines.get(key, ()))

    def longest(self) -> int:
        return max(map(len, self._lines.values()))

    def last_of_longest(self) -> Place:
        longest = max(self._lines.values(), key=lambda line: len(line))
        return next(reversed(longest))

"""The bounds of one lane, as the service config has them, and who counts against which."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from router_service.serving.admission.place import Place


@dataclass(frozen=True, slots=True)
class Most:
    """How many may run and how many may wait; None is no bound of its own."""

    concurrent: int | None = None
    queue: int | None = None


@dataclass(frozen=True, slots=True)
class Bounds:
    """All bounds of a lane. What a face or a caller may use is within the whole."""

    max_concurrent: int
    max_queue: int = 0
    queue_timeout_s: float = 5.0
    faces: Mapping[str, Most] = field(default_factory=dict)
    """Bounds of the faces that have any."""
    caller: Most = field(default_factory=Most)
    """Bounds of each caller."""


class Tally:
    """Places counted: all of them, by face and by caller."""

    def __init__(self) -> None:
        self.all = 0
        self.faces: Counter[str] = Counter()
        self.callers: Counter[str] = Counter()

    def add(self, place: Place) -> None:
        self.all += 1
        self.faces[place.face] += 1
        self.callers[place.caller] += 1

    def remove(self, place: Place) -> None:
        self.all -= 1
        self.faces[place.face] -= 1
        self.callers[place.caller] -= 1
        if not self.callers[place.caller]:  # callers come and go, and must not pile up
            del self.callers[place.caller]

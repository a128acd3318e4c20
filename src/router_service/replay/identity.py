"""Whether decisions made anew are those of the log, value for value: the proof that what was logged
is all that a decision depends on."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_MOST_DECISIONS = 10
_MOST_FIELDS = 5

Field = dict[str, Any]
"""decision_id, field, logged and replayed; a value that one side does not have is left out."""


class Identity:
    """Counts decisions that were made again by the same version of the config."""

    def __init__(self) -> None:
        self.identical = 0
        self.differing = 0
        self._first: list[Field] = []

    def add(self, decision_id: str, logged: Any, replayed: Any) -> None:
        found = differences(logged, replayed)
        first = next(found, None)
        if first is None:
            self.identical += 1
            return
        self.differing += 1
        if self.differing <= _MOST_DECISIONS:
            kept = [
                first,
                *(found for found, _ in zip(found, range(_MOST_FIELDS - 1), strict=False)),
            ]
            self._first += [{"decision_id": decision_id, **each} for each in kept]

    def as_json(self) -> dict[str, Any]:
        return {
            "decisions": self.identical + self.differing,
            "identical": self.identical,
            "differing": self.differing,
            "first_differences": self._first,
        }


def differences(logged: Any, replayed: Any, path: str = "") -> Iterator[Field]:
    """Each value that is not exactly the same, by its path such as plan[0].provider. Numbers are
    the same where they have one type and every bit in common."""
    if isinstance(logged, dict) and isinstance(replayed, dict):
        for key in {**logged, **replayed}:
            inner = f"{path}.{key}" if path else key
            yield from _member(
                key in logged, key in replayed, logged.get(key), replayed.get(key), inner
            )
    elif isinstance(logged, list) and isinstance(replayed, list):
        for place in range(max(len(logged), len(replayed))):
            inner = f"{path}[{place}]"
            mine = logged[place] if place < len(logged) else None
            other = replayed[place] if place < len(replayed) else None
            yield from _member(place < len(logged), place < len(replayed), mine, other, inner)
    elif type(logged) is not type(replayed) or repr(logged) != repr(replayed):
        # repr tells every float from every other, -0.0 and NaN included, which == does not.
        yield {"field": path, "logged": logged, "replayed": replayed}


def _member(
    is_logged: bool, is_replayed: bool, logged: Any, replayed: Any, path: str
) -> Iterator[Field]:
    if is_logged and is_replayed:
        yield from differences(logged, replayed, path)
    elif is_logged:
        yield {"field": path, "logged": logged}
    else:
        yield {"field": path, "replayed": replayed}

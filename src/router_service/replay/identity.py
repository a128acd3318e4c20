"""Whether decisions made anew are those of the log, value for value: the proof that what was logged
is all that a decision depends on."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
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
        if _written(logged) == _written(replayed):
            self.identical += 1
            return
        self.differing += 1
        if self.differing <= _MOST_DECISIONS:
            first = islice(differences(logged, replayed), _MOST_FIELDS)
            self._first += [{"decision_id": decision_id, **each} for each in first]

    def as_json(self) -> dict[str, Any]:
        return {
            "decisions": self.identical + self.differing,
            "identical": self.identical,
            "differing": self.differing,
            "first_differences": self._first,
        }


def differences(logged: Any, replayed: Any, path: str = "") -> Iterator[Field]:
    """Each value that is not exactly the same, by its path such as plan[0].provider."""
    mine, other = _members(logged), _members(replayed)
    if mine is None or other is None or type(logged) is not type(replayed):
        if _written(logged) != _written(replayed):
            yield {"field": path.removeprefix("."), "logged": logged, "replayed": replayed}
        return
    for key in mine | other:
        if key in mine and key in other:
            yield from differences(mine[key], other[key], path + key)
        else:
            side = {"logged": mine[key]} if key in mine else {"replayed": other[key]}
            yield {"field": (path + key).removeprefix("."), **side}


def _members(value: Any) -> dict[str, Any] | None:
    """What an object or a list holds, by how a path goes on to it."""
    if isinstance(value, dict):
        return {f".{key}": member for key, member in value.items()}
    if isinstance(value, list):
        return {f"[{place}]": member for place, member in enumerate(value)}
    return None


def _written(value: Any) -> str:
    """The same text for the same value alone: unlike ==, this tells 1 from 1.0 and true, and every
    float from every other."""
    return json.dumps(value, sort_keys=True)

"""Where each value of a document stands, by JSON Pointer (RFC 6901).

The core names places by pointer because it never sees the file; this map turns them back.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from router_service.config.diagnostics import Place


def child(pointer: str, key: str | int) -> str:
    """The pointer of one member."""
    return f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}"


@dataclass(frozen=True, slots=True)
class Places:
    """Places of values and of keys. Every document has the root's, under the empty pointer."""

    values: dict[str, Place]
    keys: dict[str, Place] = field(default_factory=dict)

    def locate(self, pointer: str, *, at_key: bool = False, offset: int | None = None) -> Place:
        """The place of a value, or of its key; the nearest parent's where it has none itself."""
        first, second = (self.keys, self.values) if at_key else (self.values, self.keys)
        at = pointer
        while at:
            place = first.get(at) or second.get(at)
            if place is not None:
                return place.inside(offset) if at == pointer and not at_key else place
            at = at.rpartition("/")[0]
        return self.values[""]

    def add(self, other: Places, below: str) -> None:
        """Take over another document's places at and below a pointer."""
        for mine, theirs in ((self.values, other.values), (self.keys, other.keys)):
            for pointer, place in theirs.items():
                if pointer == below or pointer.startswith(f"{below}/"):
                    mine[pointer] = place

"""One config file as a JSON value with the place of everything in it.

Used by both the routing config and the service config; knows nothing of either.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from router_service.config.diagnostics import DocumentError, LocatedDiagnostic, Place, error
from router_service.config.events import place_of
from router_service.config.nodes import (
    MOST_LEVELS,
    MappingNode,
    Node,
    ScalarNode,
    compose,
    too_deep,
)
from router_service.config.places import Places, child
from router_service.config.scalars import Scalar

Json = Scalar | list["Json"] | dict[str, "Json"]

MOST_BYTES = 2 * 1024 * 1024
MOST_VALUES = 100_000


@dataclass(frozen=True, slots=True)
class Document:
    """A file's value, the places in it, and what was found wrong while reading it.

    complete is False where a part could not be read, so that judging the rest would mislead.
    """

    value: Json
    places: Places
    problems: list[LocatedDiagnostic]
    complete: bool = True


def read_document(path: Path, referred_at: Place | None = None) -> Document:
    """Read one YAML file; an empty one has the value None.

    `referred_at` is where another file names this one. Raises DocumentError for a file that cannot
    be read or is not YAML.
    """
    text = _text(path, referred_at or Place(str(path)))
    problems: list[LocatedDiagnostic] = []
    root = compose(text, str(path), problems)
    if root is None:
        return Document(None, Places({"": Place(str(path))}), problems)
    builder = _Builder(root.place)
    return Document(builder.build(root, "", 1), builder.places, problems)


class _Builder:
    """Builds values from nodes. Aliases are written out here, so here their number is bounded."""

    def __init__(self, root: Place) -> None:
        self.places = Places({"": root})
        self._left = MOST_VALUES

    def build(self, node: Node, pointer: str, level: int) -> Json:
        self._spend(node)
        if isinstance(node, ScalarNode):
            return node.value
        if level > MOST_LEVELS:
            raise too_deep(node.place)
        if isinstance(node, MappingNode):
            return self._mapping(node, pointer, level)
        built: list[Json] = []
        for index, item in enumerate(node.items):
            at = child(pointer, index)
            self.places.values[at] = item.place
            built.append(self.build(item, at, level + 1))
        return built

    def _mapping(self, node: MappingNode, pointer: str, level: int) -> dict[str, Json]:
        built: dict[str, Json] = {}
        for key, (place, value) in self._entries(node, level).items():
            at = child(pointer, key)
            # A block collection begins on the line below its key; the key is what people look for.
            block = not isinstance(value, ScalarNode) and not value.flow
            self.places.keys[at] = place
            self.places.values[at] = place if block else value.place
            built[key] = self.build(value, at, level + 1)
        return built

    def _entries(self, node: MappingNode, level: int) -> dict[str, tuple[Place, Node]]:
        """A mapping's own entries over those it merges; among these the first one named wins."""
        if not node.merges:
            return node.entries
        if level > MOST_LEVELS:
            raise too_deep(node.place)
        merged: dict[str, tuple[Place, Node]] = {}
        for source in node.merges:
            self._spend(source)
            if isinstance(source, MappingNode):
                for key, entry in self._entries(source, level + 1).items():
                    merged.setdefault(key, entry)
        return {**merged, **node.entries}

    def _spend(self, node: Node) -> None:
        self._left -= 1
        if self._left < 0:
            raise DocumentError(
                error(
                    node.place,
                    "too-large",
                    f"more than {MOST_VALUES:,} values once aliases are written out",
                    "use fewer aliases, or aliases to smaller parts",
                )
            )


def _text(path: Path, place: Place) -> str:
    try:
        if path.exists() and not path.is_file():
            what = "a folder" if path.is_dir() else "not a regular file"
            raise _unreadable(place, path, f"is {what}", "name a YAML file")
        with path.open("rb") as file:
            raw = file.read(MOST_BYTES + 1)
    except (OSError, ValueError) as problem:
        reason = getattr(problem, "strerror", None) or str(problem)
        raise _unreadable(
            place, path, f"cannot be read: {reason}", "check the path and its permissions"
        ) from None
    if len(raw) > MOST_BYTES:
        raise _unreadable(
            place, path, f"is larger than {MOST_BYTES:,} bytes", "split it with include:"
        )
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        before = raw[: problem.start].decode("utf-8", errors="replace")
        raise DocumentError(
            error(
                place_of(before, len(before), str(path)),
                "not-text",
                "this is not UTF-8 text",
                "name a YAML file saved as UTF-8",
            )
        ) from None


def _unreadable(place: Place, path: Path, reason: str, fix: str) -> DocumentError:
    return DocumentError(error(place, "unreadable-file", f"the file {path} {reason}", fix))

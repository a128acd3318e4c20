"""From YAML text to a tree of nodes that know their places.

Works on the parser's events, so that duplicate keys are all found and nesting stays bounded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from router_service.config.diagnostics import DocumentError, LocatedDiagnostic, Place, error
from router_service.config.events import events
from router_service.config.scalars import Scalar, ScalarError, resolve

MOST_LEVELS = 64
_MERGE = "<<"
_MAPPING_TAGS = (None, "!", "tag:yaml.org,2002:map")
_SEQUENCE_TAGS = (None, "!", "tag:yaml.org,2002:seq")


@dataclass(frozen=True, slots=True)
class ScalarNode:
    value: Scalar
    place: Place


@dataclass(frozen=True, slots=True)
class SequenceNode:
    place: Place
    items: list[Node] = field(default_factory=list)
    flow: bool = False


@dataclass(frozen=True, slots=True)
class MappingNode:
    """Entries by key, each with the key's place; merges are the values of its `<<` key."""

    place: Place
    entries: dict[str, tuple[Place, Node]] = field(default_factory=dict)
    merges: list[Node] = field(default_factory=list)
    flow: bool = False


Node = ScalarNode | SequenceNode | MappingNode


def compose(text: str, file: str, problems: list[LocatedDiagnostic]) -> Node | None:
    """The root node of a file's one document; None where the file holds nothing.

    Adds duplicate keys, bad keys and bad scalars to `problems` and goes on. Raises DocumentError
    where reading cannot go on.
    """
    return _Composer(text, file, problems).document()


class _Composer:
    def __init__(self, text: str, file: str, problems: list[LocatedDiagnostic]) -> None:
        self._file = file
        self._problems = problems
        self._anchors: dict[str, Node] = {}
        self._events = events(text, file)

    def document(self) -> Node | None:
        root: Node | None = None
        for event in self._events:
            if isinstance(event, StreamStartEvent | DocumentEndEvent | StreamEndEvent):
                continue
            if not isinstance(event, DocumentStartEvent) or root is not None:
                raise DocumentError(
                    error(
                        self._place(event),
                        "several-documents",
                        "a second YAML document begins here",
                        "keep one document per file; join files with include:",
                    )
                )
            root = self._node(self._next(), 1)
        return root

    def _next(self) -> NodeEvent:
        return cast("NodeEvent", next(self._events))

    def _node(self, event: NodeEvent, level: int) -> Node:
        if isinstance(event, AliasEvent):
            return self._aliased(event)
        if level > MOST_LEVELS:
            raise too_deep(self._place(event))
        node: Node
        if isinstance(event, ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, MappingStartEvent):
            self._check_tag(event, _MAPPING_TAGS)
            node = self._mapping(event, level)
        else:
            self._check_tag(event, _SEQUENCE_TAGS)
            node = self._sequence(cast("CollectionStartEvent", event), level)
        if event.anchor:
            self._anchors[event.anchor] = node
        return node

    def _aliased(self, event: AliasEvent) -> Node:
        node = self._anchors.get(event.anchor)
        if node is None:
            raise DocumentError(
                error(
                    self._place(event),
                    "unknown-alias",
                    f"the alias *{event.anchor} names no anchor that is complete before it",
                    f"define &{event.anchor} above, or quote the value if the asterisk is text",
                )
            )
        return node

    def _scalar(self, event: ScalarEvent) -> ScalarNode:
        place = self._place(event, _text_column(event))
        try:
            value = resolve(event.value, plain=event.style is None, tag=_tag(event))
        except ScalarError as problem:
            self._problems.append(error(place, "bad-value", str(problem), problem.fix))
            value = event.value
        return ScalarNode(value, place)

    def _sequence(self, start: CollectionStartEvent, level: int) -> SequenceNode:
        node = SequenceNode(self._place(start), flow=bool(start.flow_style))
        for event in self._events:
            if isinstance(event, SequenceEndEvent):
                break
            node.items.append(self._node(cast("NodeEvent", event), level + 1))
        return node

    def _mapping(self, start: CollectionStartEvent, level: int) -> MappingNode:
        node = MappingNode(self._place(start), flow=bool(start.flow_style))
        merged_at: Place | None = None
        for event in self._events:
            if isinstance(event, MappingEndEvent):
                break
            place = self._place(event)
            key = self._key(cast("NodeEvent", event), level)
            value = self._node(self._next(), level + 1)
            if key == _MERGE and _is_plain(event):
                self._refuse_second(key, merged_at, place)
                merged_at = merged_at or place
                node.merges.extend(self._merge_sources(value))
            elif key is not None:
                first = node.entries.get(key)
                self._refuse_second(key, first and first[0], place)
                node.entries.setdefault(key, (place, value))
        return node

    def _key(self, event: NodeEvent, level: int) -> str | None:
        node = self._node(event, level + 1)
        if isinstance(event, ScalarEvent) and (event.value or event.style is not None):
            return str(event.value)
        if isinstance(event, AliasEvent) and isinstance(node, ScalarNode):
            return str(node.value)
        self._problems.append(
            error(
                self._place(event),
                "bad-key",
                "a key must be text",
                "write a name before the colon, in quotes if it has special characters",
            )
        )
        return None

    def _refuse_second(self, key: str, first: Place | None, second: Place) -> None:
        if first is not None:
            self._problems.append(
                error(
                    second,
                    "duplicate-key",
                    f"the key {key!r} is given twice; the first is at {first}",
                    "remove or rename one of the two",
                )
            )

    def _merge_sources(self, value: Node) -> list[Node]:
        sources = value.items if isinstance(value, SequenceNode) else [value]
        for source in sources:
            if not isinstance(source, MappingNode):
                self._problems.append(
                    error(
                        value.place,
                        "bad-merge",
                        "a merge key << takes a mapping or a list of mappings",
                        "name an anchored mapping, as in <<: *defaults",
                    )
                )
        return [source for source in sources if isinstance(source, MappingNode)]

    def _check_tag(self, event: NodeEvent, allowed: tuple[str | None, ...]) -> None:
        if _tag(event) not in allowed:
            self._problems.append(
                error(
                    self._place(event),
                    "bad-value",
                    f"the tag {_tag(event)} is not supported",
                    "write the value without a tag",
                )
            )

    def _place(self, event: Event, text_at: int | None = None) -> Place:
        mark = event.start_mark
        return Place(self._file, mark.line + 1, mark.column + 1, text_at)


def too_deep(place: Place) -> DocumentError:
    """The one error for nesting past the limit, in the text or through aliases."""
    return DocumentError(
        error(
            place,
            "too-deep",
            f"nested more than {MOST_LEVELS} levels deep",
            "flatten the structure; no section of the config needs more than a few levels",
        )
    )


def _is_plain(event: Event) -> bool:
    return isinstance(event, ScalarEvent) and event.style is None


def _tag(event: Any) -> str | None:
    return None if event.ctag is None else str(event.ctag)


def _text_column(event: ScalarEvent) -> int | None:
    """Columns to the text's first character; None where columns and characters do not match."""
    around = event.end_mark.index - event.start_mark.index - len(event.value)
    if event.style is None and around == 0:
        return 0
    return 1 if event.style in ("'", '"') and around == 2 else None

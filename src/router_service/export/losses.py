"""What an export could not say: the reason, what it does instead, and the place in our config.

A treatment is a tree in the shape of the config, one entry for each key that may be written.
Whatever is written and marked as lost there is found by walking both at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from router_service.config.document import Document, Json
from router_service.config.places import child

EACH = "*"
"""Stands for every name of a mapping and every item of a list."""


@dataclass(frozen=True, slots=True)
class Lost:
    """Why something cannot be said, and what the export does instead."""

    reason: str
    instead: str


@dataclass(frozen=True, slots=True)
class Kept:
    """Something exported, or read by nothing, or judged by its meaning elsewhere."""


@dataclass(frozen=True, slots=True)
class Inside:
    """A container: what becomes of its members, and what is lost of the whole, if anything."""

    members: Mapping[str, Treatment]
    lost: Lost | None = None


Treatment = Kept | Lost | Inside


@dataclass(frozen=True, slots=True)
class Loss:
    """Something of our config that the export lacks. Line and column count from 1; pointer is a
    JSON Pointer into the config."""

    file: str
    line: int
    column: int
    pointer: str
    reason: str
    instead: str


def loss_at(document: Document, pointer: str, lost: Lost) -> Loss:
    """Placed at the key; at its nearest parent where a default is meant that nobody wrote."""
    place = document.places.locate(pointer, at_key=True)
    return Loss(place.file, place.line, place.column, pointer, lost.reason, lost.instead)


def written_losses(document: Document, treatment: Inside) -> Iterator[Loss]:
    """A loss for each thing that is written and marked as lost."""
    for pointer, lost in _lost(document.value, "", treatment):
        yield loss_at(document, pointer, lost)


def _lost(value: Json, pointer: str, treatment: Treatment) -> Iterator[tuple[str, Lost]]:
    if value is None or isinstance(treatment, Kept):
        return
    if isinstance(treatment, Lost):
        yield pointer, treatment
        return
    if treatment.lost is not None:
        yield pointer, treatment.lost
    for key, member in _members(value):
        inner = treatment.members.get(str(key)) or treatment.members.get(EACH)
        if inner is not None:
            yield from _lost(member, child(pointer, key), inner)


def _members(value: Json) -> Iterator[tuple[str | int, Json]]:
    if isinstance(value, dict):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)

"""What differs between two routing configs, in plain short lines for the log and for who reloads.
Looks at the documents themselves, so every section is told without a rule of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

MOST_LINES = 50
MOST_CHARACTERS = 200
MOST_SHOWN = 60
"""Characters of one value; longer ones are cut."""

_NOUNS = {
    "providers": "provider",
    "models": "model",
    "exact_matches": "exact match",
    "patterns": "pattern",
    "capabilities": "capability",
    "load_balancing": "pool",
    "redundant_models": "pool",
    "fallback_chains": "fallback chain",
    "fallbacks": "fallbacks of",
    "experiments": "experiment",
    "deployments": "deployment",
}
"""What one entry of a collection is called; a collection's own name where it has none here."""

_IDENTITIES = ("pattern", "provider", "model", "name")
"""Keys that say which item of a list it is, so that a changed weight is no removal."""

_REFERENCE = ("providers", "models")
"""Sections that are the reference fleet's where a file has none."""

_ABSENT = object()


def changes(before: bytes, after: bytes) -> tuple[str, ...]:
    """A line for each thing that was added, removed or changed; `MOST_LINES` and a last one that
    says how many more there are. Both are configs as JSON."""
    lines = [_printable(line) for line in _sections(json.loads(before), json.loads(after))]
    if len(lines) > MOST_LINES:
        lines[MOST_LINES:] = [f"and {len(lines) - MOST_LINES} more"]
    return tuple(lines)


def _sections(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    for name in _union(before, after):
        old, new = before.get(name, _ABSENT), after.get(name, _ABSENT)
        if name in _REFERENCE and (old is _ABSENT or new is _ABSENT):
            whose = "the file's own, before" if old is _ABSENT else "now"
            yield f"{name}: {whose} the reference fleet's"
        elif name in _NOUNS:
            yield from _entries(name, _entered(old), _entered(new))
        else:
            yield from _values(f"{name}:", old, new)


def _entries(collection: str, old: Any, new: Any) -> Iterator[str]:
    """Of a section of entries: each added or removed one, and what changed in the others."""
    mine, theirs = _by_identity(old), _by_identity(new)
    noun = _NOUNS[collection]
    if mine is None or theirs is None:
        yield from _values(f"{collection}:", old, new)
        return
    for name in _union(mine, theirs):
        yield from _values(f"{noun} {name}:", mine.get(name, _ABSENT), theirs.get(name, _ABSENT))
    yield from _reordered(f"{collection}:", old, mine, theirs)


def _values(at: str, old: Any, new: Any) -> Iterator[str]:
    """The differences below one place, which `at` names in words."""
    if old == new:
        return
    if old is _ABSENT:
        yield f"{at} added" if isinstance(new, dict | list) else f"{at} added: {_shown(new)}"
    elif new is _ABSENT:
        yield f"{at} removed"
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in _union(old, new):
            yield from _values(f"{at} {key}", old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif (mine := _by_identity(old)) and (theirs := _by_identity(new)):
        noun = _NOUNS.get(at.rsplit(" ", 1)[-1])
        place = f"{at.rsplit(' ', 1)[0]} {noun}" if noun else at
        for name in _union(mine, theirs):
            yield from _values(
                f"{place} {name}", mine.get(name, _ABSENT), theirs.get(name, _ABSENT)
            )
        yield from _reordered(at, old, mine, theirs)
    else:
        yield f"{at} {_shown(old)} → {_shown(new)}"


def _reordered(at: str, old: Any, mine: dict[str, Any], theirs: dict[str, Any]) -> Iterator[str]:
    """Lists are tried in their order, so that is a change too."""
    stayed = [name for name in mine if name in theirs]
    if isinstance(old, list) and stayed != [name for name in theirs if name in mine]:
        yield f"{at} order changed"


def _entered(section: Any) -> Any:
    return {} if section is _ABSENT or section is None else section


def _by_identity(items: Any) -> dict[str, Any] | None:
    """Entries by what they are called; None for what has no such thing, or has it twice."""
    if isinstance(items, dict):
        return items
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        return None
    named: dict[str, Any] = {}
    for item in items:
        key = next((key for key in _IDENTITIES if isinstance(item.get(key), str)), None)
        if key is None or item[key] in named:
            return None
        named[item[key]] = item
    return named


def _union(before: dict[str, Any], after: dict[str, Any]) -> list[str]:
    return list(dict.fromkeys((*before, *after)))


def _shown(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= MOST_SHOWN else f"{text[:MOST_SHOWN]}…"


def _printable(line: str) -> str:
    """One line, whatever stands in the file."""
    line = "".join(character if character.isprintable() else "\ufffd" for character in line)
    return line if len(line) <= MOST_CHARACTERS else f"{line[:MOST_CHARACTERS]}…"

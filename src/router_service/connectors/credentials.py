"""Looks up the key a provider wants; config only ever holds the name of the place it is kept in.
The key itself is left out of every repr, message and log line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Credential:
    """A key, or why there is none. Neither is set for a provider that wants no key."""

    key: str | None = field(default=None, repr=False)
    problem: str | None = None


def read_credential(source: str | None, environ: Mapping[str, str]) -> Credential:
    """The key kept in `source`: a file where the name holds a slash, else an environment variable.

    Never raises: a key that cannot be had becomes `problem`, which names the place and the fix.
    """
    if source is None:
        return Credential()
    if "/" in source:
        return _from_file(Path(source))
    if not (key := environ.get(source, "").strip()):
        return Credential(problem=f"environment variable {source} is not set; put the key there")
    return _checked(key, f"environment variable {source}")


def _from_file(path: Path) -> Credential:
    try:
        key = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not UTF-8 text"
        return Credential(problem=f"key file {path} cannot be read ({reason})")
    if not key:
        return Credential(problem=f"key file {path} is empty; put the key there")
    return _checked(key, f"key file {path}")


def _checked(key: str, place: str) -> Credential:
    if key.isascii() and key.isprintable():
        return Credential(key=key)
    return Credential(problem=f"{place} holds characters a key cannot have; check for line breaks")

"""Findings about a config with the place a person can open in an editor.

Both config loaders report through this one type, so every message looks the same.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class Place:
    """A spot in a file. Line and column count from 1.

    text_at is how many columns after the place the text of a one-line value begins (1 past an
    opening quote), or None where columns inside the text cannot be told.
    """

    file: str
    line: int = 1
    column: int = 1
    text_at: int | None = None

    def inside(self, offset: int | None) -> Place:
        """The place `offset` characters into the value's text, or this one where it is unknown."""
        if offset is None or self.text_at is None:
            return self
        return Place(self.file, self.line, self.column + self.text_at + offset)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class LocatedDiagnostic:
    """One finding; `str()` is the two lines shown to people."""

    file: str
    line: int
    column: int
    severity: Severity
    code: str
    message: str
    suggestion: str | None = None
    pointer: str = ""
    """JSON Pointer of the value at fault; empty where the file itself is."""
    accepted: str | None = None
    """Why the config accepts it; then it is neither an error nor a warning."""

    @property
    def place(self) -> Place:
        """Where it is."""
        return Place(self.file, self.line, self.column)

    def __str__(self) -> str:
        severity = self.severity if self.accepted is None else "accepted"
        text = f"{self.place}: {severity}: {self.message} [{self.code}]"
        if self.accepted is not None:
            return f"{text}\n  reason: {self.accepted}"
        return f"{text}\n  fix: {self.suggestion}" if self.suggestion else text


def error(place: Place, code: str, message: str, fix: str | None = None) -> LocatedDiagnostic:
    """An error at a place."""
    return LocatedDiagnostic(place.file, place.line, place.column, "error", code, message, fix)


def in_reading_order(found: Iterable[LocatedDiagnostic]) -> list[LocatedDiagnostic]:
    """By file and position; what stands at one spot keeps its order."""
    return sorted(found, key=lambda item: (item.file, item.line, item.column))


def listing(found: Iterable[LocatedDiagnostic]) -> str:
    """Every finding, each on its own lines."""
    return "\n".join(str(item) for item in found)


class DocumentError(Exception):
    """A file that cannot be read any further; carries the one finding that says why."""

    def __init__(self, diagnostic: LocatedDiagnostic) -> None:
        super().__init__(str(diagnostic))
        self.diagnostic = diagnostic

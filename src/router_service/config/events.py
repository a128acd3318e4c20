"""From YAML text to the parser's events, and the parser's complaints to placed errors.

The only room that knows the YAML library's error classes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import Event

from router_service.config.diagnostics import DocumentError, LocatedDiagnostic, Place, error

_LONG_ESCAPE = re.compile(r"\\U(?!000|0010)[0-9a-fA-F]{8}")


def events(text: str, file: str) -> Iterator[Event]:
    """The parser's events, lazily. Raises DocumentError at the place where the text is not YAML."""
    try:
        yield from YAML(typ="safe", pure=True).parse(text)
    except MarkedYAMLError as problem:
        raise DocumentError(_syntax_error(problem, file)) from None
    except YAMLError as problem:
        # The reader's own error: a character YAML does not allow, with its index in the text.
        index = getattr(problem, "position", 0)
        raise DocumentError(
            error(
                place_of(text, index, file),
                "yaml-syntax",
                f"the character U+{ord(text[index]):04X} is not allowed in YAML",
                "remove it, or write it as an escape inside double quotes",
            )
        ) from None
    except (ValueError, OverflowError):
        # chr() inside the scanner, which checks digits but not the range.
        escape = _LONG_ESCAPE.search(text)
        raise DocumentError(
            error(
                place_of(text, escape.start() if escape else 0, file),
                "yaml-syntax",
                "an escape names a character past U+10FFFF",
                "write an existing character",
            )
        ) from None


def place_of(text: str, index: int, file: str) -> Place:
    """The place of the character at `index`."""
    before = text[:index]
    return Place(file, before.count("\n") + 1, index - before.rfind("\n"))


def _syntax_error(problem: MarkedYAMLError, file: str) -> LocatedDiagnostic:
    mark = problem.problem_mark or problem.context_mark
    place = Place(file) if mark is None else Place(file, mark.line + 1, mark.column + 1)
    reason = " ".join(str(problem.problem or "this is not YAML").split())
    context = problem.context
    message = f"{context}: {reason}" if context else reason
    return error(place, "yaml-syntax", message, _syntax_fix(reason))


def _syntax_fix(reason: str) -> str:
    if "'\\t'" in reason:
        return "indent with spaces; YAML does not allow tabs there"
    if "mapping values are not allowed" in reason:
        return "put the value in quotes if it holds a colon, or correct the indentation"
    if "cannot start any token" in reason:
        return "put the value in quotes"
    return "correct the indentation, quotes or brackets here or on the lines just before"

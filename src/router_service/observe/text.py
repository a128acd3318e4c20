"""Makes foreign text safe to log: bounded, on one line, and without keys.

Whatever a client or a provider wrote passes through here before it reaches a log.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

REDACTED = "[redacted]"
_SHORTEST_SECRET = 6

_SECRETS = re.compile(
    r"""
    (?P<field>\b(?:authorization|x-api-key|api[-_]?key|access[-_]token|client[-_]secret|password)
        ["']?\s*[:=]\s*["']?)
        (?:(?:bearer|basic)\s+)?[^\s"',;&}]+
    | (?P<scheme>\b(?:bearer|basic)\s+)[A-Za-z0-9._~+/=-]{6,}
    | (?P<url>://)[^/\s:@]*:[^/\s@]+(?=@)
    | \b(?:sk|pk|gsk|hf|xai)[-_][A-Za-z0-9_-]{8,}
    """,
    re.IGNORECASE | re.VERBOSE,
)


def one_line(text: str) -> str:
    """The text with every character that does not print (controls, line ends, bidirectional
    marks, lone surrogates) written as an escape, so that it can neither end a line nor hide."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii")
        for char in text
    )


def clip(text: str, limit: int) -> str:
    """At most `limit` characters; a cut is marked with an ellipsis."""
    return text if len(text) <= limit else text[: limit - 1] + "…"


class Redactor:
    """Takes keys out of text: the given ones wherever they stand, others by their usual shapes.

    Given keys shorter than 6 characters are left to the shapes: replacing them everywhere would
    mangle ordinary words.
    """

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets: set[str] = set()
        self._known: re.Pattern[str] | None = None
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Take these out as well from now on."""
        self._secrets |= {s for s in secrets if len(s) >= _SHORTEST_SECRET}
        if self._secrets:
            known = sorted(self._secrets, key=len, reverse=True)
            self._known = re.compile("|".join(map(re.escape, known)))

    def __call__(self, text: str) -> str:
        if self._known is not None:
            text = self._known.sub(REDACTED, text)
        return _SECRETS.sub(_keep_name, text)


def _keep_name(match: re.Match[str]) -> str:
    name = match["field"] or match["scheme"] or match["url"] or ""
    return name + REDACTED

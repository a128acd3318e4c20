"""What a fake provider saw and how each request ended, for assertions.

Bounded: the oldest entries and the tails of long bodies are dropped.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self

_ENTRIES = 2000
_BODY_BYTES = 64 * 1024


@dataclass(slots=True)
class Entry:
    """One request as the provider saw it."""

    time: float
    """Wall clock, seconds."""
    method: str
    path: str
    headers: dict[str, str]
    """Names lower-cased."""
    body: str
    """The first 64 KiB, undecodable bytes replaced."""
    outcome: str = "running"
    """running; finished; client closed; stopped; fault: <kind>; or why it was refused."""
    status: int | None = None
    """None where no status line was sent."""
    tokens: int = 0
    """Sent when it ended."""
    seconds: float | None = field(default=None)
    """From arrival to end."""

    @property
    def json(self) -> Any:
        """The body, parsed. Raises ValueError where it is not JSON."""
        return json.loads(self.body)

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Self:
        return cls(**value)

    def end(self, outcome: str) -> None:
        """Note how it ended; the first word counts."""
        if self.outcome == "running":
            self.outcome = outcome
            self.seconds = time.time() - self.time


class Journal:
    """The newest requests of one provider, oldest first. Looks at its pages (models, metrics,
    health) are not kept: whoever watches a fleet takes them at times of his own."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=_ENTRIES)

    @property
    def entries(self) -> list[Entry]:
        return list(self._entries)

    def open(self, method: str, path: str, headers: Mapping[str, str]) -> Entry:
        lowered = {name.lower(): value for name, value in headers.items()}
        entry = Entry(time.time(), method, path, lowered, "")
        if method == "POST":
            self._entries.append(entry)
        return entry

    def clear(self) -> None:
        self._entries.clear()

    def to_json(self) -> list[dict[str, Any]]:
        return [asdict(entry) for entry in self._entries]


def kept(body: bytes) -> str:
    """The part of a body the journal keeps."""
    return body[:_BODY_BYTES].decode(errors="replace")

"""Reads an access log back: the JSON object of each request, whatever stands between. What cannot
be read is counted, so that a figure never rests on lines that were silently left out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from router_service.observe.fallbacks import is_move
from router_service.observe.text import one_line

Record = dict[str, Any]
"""One request, with the keys of docs/observability.md."""

_NEEDED = ("time", "requested_model", "status", "attempts", "total_s")


@dataclass
class Reading:
    """Iterate over `records` once; the counts are complete after that."""

    lines: Iterable[bytes]
    unreadable: int = 0
    """Lines that begin like a record and are none."""
    cut: bytes = b""
    """A last line without an end: the writer was stopped in the middle, or is still at it."""

    def records(self, since: datetime | None = None) -> Iterator[Record]:
        """Those that ended at `since` or later, in the order of the log."""
        for line in self.lines:
            if not line.endswith(b"\n"):
                self.cut = line
                return
            if not line.startswith(b"{"):
                continue
            record = _record(line)
            if record is None:
                self.unreadable += 1
            elif since is None or ended_at(record) >= since:
                yield record

    @property
    def remarks(self) -> list[str]:
        """What was left out, in plain words."""
        said = []
        if self.unreadable:
            said.append(f"{self.unreadable:,} lines could not be read and were left out")
        if self.cut:
            said.append("the last line is cut off and was left out")
        return said


def ended_at(record: Record) -> datetime:
    """When the request ended."""
    return datetime.fromisoformat(record["time"])


def asked_model(record: Record) -> str:
    """The name as asked for, which a client made up, fit for a terminal."""
    return one_line(record["requested_model"]) or "-"


def has_fallen_back(record: Record) -> bool:
    """Whether the request moved to another deployment after a failure."""
    return any(is_move(attempt["kind"]) for attempt in record["attempts"])


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
        if all(key in record for key in _NEEDED) and ended_at(record).tzinfo is not None:
            return dict(record)
    except (ValueError, TypeError, RecursionError):
        pass
    return None

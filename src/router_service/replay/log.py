"""Reads decision logs back, record by record, rotated files in order of time. What is not there is
counted, so that a figure never rests on records that were silently left out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Any, BinaryIO

Record = dict[str, Any]
"""One record, with the keys of docs/decision-log.md."""

VERSION = 1
"""Of the records that are understood here."""

LONGEST_LINE = 16 * 1024 * 1024
"""A longer one is no record; bytes."""

Fields = dict[str, type | UnionType]
_NUMBER = int | float
_FIELDS: dict[str, Fields] = {
    "decision": {"decision_id": str | None, "table_version": str, "facts": dict, "view": dict},
    "outcome": {
        "decision_id": str,
        "attempts": list,
        "prompt_tokens": int | None,
        "completion_tokens": int | None,
    },
    "gap": {"lost": int},
}
_DECISION: Fields = {
    "deployment": str,
    "provider": str,
    "rule": str,
    "plan": list,
    "propensity": _NUMBER,
    "prompt_tokens": int,
}
_HOP: Fields = {"deployment": str, "tier": str | None}
_ATTEMPT: Fields = {
    "deployment": str,
    "provider": str,
    "outcome": str,
    "ttft_s": _NUMBER | None,
}
_LINES_LOOKED_AT = 100
_ROTATED = re.compile(r"\.(\d+)$")


def in_order(files: Iterable[Path]) -> list[Path]:
    """By the time of the first record in each; where that is the same, .2 goes before .1 and that
    before the file without a number. Raises OSError."""

    def key(file: Path) -> tuple[float, int]:
        rotated = _ROTATED.search(file.name)
        return _begins(file), -int(rotated[1]) if rotated else 0

    return sorted(files, key=key)


def _begins(file: Path) -> float:
    """When its first record was written, Unix seconds; one without a record sorts before all."""
    with file.open("rb") as log:
        for _ in range(_LINES_LOOKED_AT):
            record = _record(log.readline(LONGEST_LINE))
            if record is not None:
                return datetime.fromisoformat(record["time"]).timestamp()
    return float("-inf")


@dataclass
class Reading:
    """Read files one after another; the counts are complete after that."""

    gaps: int = 0
    lost: int = 0
    """Records the router itself could not write, as its gap records say."""
    unreadable: int = 0
    """Lines that are no record."""
    newer: int = 0
    """Records of a version that is not understood here."""
    cut: list[str] = field(default_factory=list)
    """Where a last line has no end: the writer was stopped in the middle, or is still at it."""

    def records(self, name: str, log: BinaryIO) -> Iterator[tuple[Record, bytes]]:
        """The decisions and outcomes of one file, each with its line, in the order of the log."""
        number = 0
        while line := log.readline(LONGEST_LINE):
            number += 1
            if not line.endswith(b"\n"):
                if len(line) < LONGEST_LINE:
                    self.cut.append(f"{name}, line {number:,}")
                    return
                _skip_line(log)
            record = _record(line)
            if record is None:
                self.unreadable += bool(line.strip())
            elif record["v"] != VERSION:
                self.newer += 1
            elif record["kind"] == "gap":
                self.gaps += 1
                self.lost += record["lost"]
            elif record["kind"] in _FIELDS:
                yield record, line

    @property
    def remarks(self) -> list[str]:
        """What is missing, in plain words."""
        said = []
        if self.gaps:
            said.append(
                f"{self.lost:,} records were lost while the log was written, "
                f"at {self.gaps:,} places that say so"
            )
        if self.unreadable:
            said.append(f"{self.unreadable:,} lines could not be read and were left out")
        if self.newer:
            said.append(
                f"{self.newer:,} records are of another version than {VERSION} and were left out; "
                "replay them with the router-service that wrote them"
            )
        said += [
            f"{place}: the last line is cut off; the log was read up to there" for place in self.cut
        ]
        return said


def _skip_line(log: BinaryIO) -> None:
    while piece := log.readline(LONGEST_LINE):
        if piece.endswith(b"\n"):
            return


def _record(line: bytes) -> Record | None:
    """None for a line that is no record of a decision log."""
    try:
        record = json.loads(line)
        if not _holds(record, {"kind": str, "v": int, "time": str}):
            return None
        if datetime.fromisoformat(record["time"]).tzinfo is None:
            return None
    except (ValueError, RecursionError):
        return None
    return record if record["v"] != VERSION or _is_whole(record) else None


def _is_whole(record: Record) -> bool:
    """Whether it has what is read here; its facts and figures are the core's to judge."""
    kind = record["kind"]
    if not _holds(record, _FIELDS.get(kind, {})):
        return False
    if kind == "outcome":
        return all(_holds(attempt, _ATTEMPT) for attempt in record["attempts"])
    if kind != "decision" or "refused" in record:
        return True
    decision: Any = record.get("decision")
    return (
        isinstance(record["decision_id"], str)
        and _holds(decision, _DECISION)
        and all(_holds(hop, _HOP) for hop in decision["plan"])
        and bool(decision["plan"])
    )


def _holds(value: Any, fields: Fields) -> bool:
    return isinstance(value, dict) and all(
        name in value and isinstance(value[name], wanted) for name, wanted in fields.items()
    )

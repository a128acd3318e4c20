"""A recording of requests as CSV: when each came, how long its prompt was and its answer.

Every mistake is named by file, line and column.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator, Sequence
from pathlib import Path

from router_service.errors import InvalidRequest

Row = tuple[float, int, int]
"""Seconds from anywhere, prompt tokens, output tokens."""

COLUMNS = ("timestamp", "prompt_tokens", "output_tokens")
_MOST_TOKENS = 10_000_000


def read_recording(path: Path, most_rows: int) -> list[Row]:
    """The requests of a CSV file, as they stand in it.

    Needs the columns timestamp (seconds, whatever they count from), prompt_tokens and
    output_tokens, in any order; others are left alone. Raises InvalidRequest naming line and
    column, OSError where the file cannot be read.
    """
    rows: list[Row] = []
    with path.open(encoding="utf-8-sig", newline="") as file:
        try:
            for row in _rows(path, csv.reader(file, strict=True)):
                if len(rows) == most_rows:
                    raise InvalidRequest(f"{path}: more than {most_rows:,} requests; cut the file")
                rows.append(row)
        except UnicodeDecodeError as problem:
            raise InvalidRequest(f"{path}: byte {problem.start} is not UTF-8; save it so") from None
    if not rows:
        raise InvalidRequest(f"{path}: holds no request below its header")
    return rows


def _rows(path: Path, reader: Iterator[list[str]]) -> Iterator[Row]:
    line = 1
    try:
        header = next(reader, [])
        places = _places(path, header)
        for line, cells in enumerate(reader, start=2):
            if cells:
                yield _row(f"{path}, line {line}", cells, places)
    except csv.Error as problem:
        raise InvalidRequest(f"{path}, line {line}: not CSV: {problem}") from None


def _places(path: Path, header: Sequence[str]) -> list[int]:
    names = [name.strip().lower().replace(" ", "_") for name in header]
    missing = [name for name in COLUMNS if name not in names]
    if missing:
        raise InvalidRequest(
            f"{path}, line 1: no column {', '.join(missing)}; "
            f"the first line must name {', '.join(COLUMNS)}"
        )
    return [names.index(name) for name in COLUMNS]


def _row(place: str, cells: Sequence[str], places: Sequence[int]) -> Row:
    texts = []
    for column, at in zip(COLUMNS, places, strict=True):
        if at >= len(cells):
            raise InvalidRequest(f"{place}: column {column} is missing")
        texts.append(cells[at].strip())
    timestamp, prompt, output = texts
    return (
        _seconds(place, timestamp),
        _tokens(place, "prompt_tokens", prompt),
        _tokens(place, "output_tokens", output),
    )


def _seconds(place: str, text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not math.isfinite(seconds):
        raise InvalidRequest(
            f"{place}, column timestamp: {text!r} is no number; write seconds, such as 12.5"
        )
    return seconds


def _tokens(place: str, column: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text) <= _MOST_TOKENS):
        raise InvalidRequest(
            f"{place}, column {column}: {text!r} is no whole number from 0 to {_MOST_TOKENS:,}"
        )
    return int(text)

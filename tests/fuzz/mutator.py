"""Damages good input, byte by byte and value by value, the same way for the same seed."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

MOST_CHANGES = 5
MOST_BYTES = 200_000
"""Of one input, so that a case stays short."""

TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\n", b"\r\n", b"\n\n", b"\0", b" "),
    *(b"data: ", b"data:", b"event: x\n", b": keep-alive\n\n", b"error: ", b"data: [DONE]\n\n"),
    *(b"null", b"true", b"NaN", b"-Infinity", b"1e999", b"-0", b"18446744073709551616"),
    *(b"9" * 5_000, b'{"error":', b'"done":true', b'"choices":', b'"finish_reason":"stop"'),
    *(b"\xff", b"\xc3", b"\xef\xbb\xbf", b"\xed\xa0\x80", b"\\ud800", b"\\u0000"),
)
NESTED = (b"[", b'{"a":', b"((", b"!", b"-")
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**63, -(2**64), 10**400, 0.5, 1e308, float("nan")),
    *("", "x", "\ud800", "\0", "x" * 5_000, "high", "429", "Infinity"),
    *([], {}, [None], {"": None}, [[[[]]]], {"error": {}}, ["a", 1, {}]),
)


class Mutator:
    """Makes inputs out of `seeds`, which are good ones. The same number gives the same input."""

    def __init__(self, seeds: Sequence[bytes], salt: str) -> None:
        self._seeds = seeds
        self._salt = salt

    def case(self, number: int) -> tuple[bytes, random.Random]:
        """An input, and the draws for whatever else a case leaves to chance."""
        draws = random.Random(f"{self._salt}/{number}")
        data = draws.choice(self._seeds)
        changes = draws.randrange(MOST_CHANGES)
        if draws.random() < 0.5:
            data = _with_other_values(data, draws)
            changes = draws.choice((0, 0, changes))
        for _ in range(changes):
            data = self._changed(data, draws)
        return data[:MOST_BYTES], draws

    def _changed(self, data: bytes, draws: random.Random) -> bytes:
        start = draws.randrange(len(data) + 1)
        end = min(len(data), start + draws.choice((0, 1, 2, 8, 64, 1024)))
        piece = data[start:end]
        match draws.randrange(8):
            case 0:
                piece = bytes(draws.randrange(256) for _ in range(min(len(piece), 8)))
            case 1:
                piece = b""
            case 2:
                piece *= draws.choice((2, 3, 20))
            case 3:
                piece = draws.choice(TOKENS)
            case 4:
                piece += draws.choice(TOKENS)
            case 5:
                piece = draws.choice(NESTED) * draws.choice((2, 50, 500, 5_000))
            case 6:
                other = draws.choice(self._seeds)
                return data[:start] + other[draws.randrange(len(other) + 1) :]
            case _:
                return data[:start]
        return data[:start] + piece + data[end:]


def cut(data: bytes, draws: random.Random) -> list[bytes]:
    """The same bytes in packets."""
    if len(data) < 200 and draws.random() < 0.2:
        return [data[at : at + 1] for at in range(len(data))]
    edges = sorted(draws.randrange(len(data) + 1) for _ in range(draws.randrange(1, 6)))
    return [data[start:end] for start, end in zip([0, *edges], [*edges, len(data)], strict=True)]


def _with_other_values(data: bytes, draws: random.Random) -> bytes:
    """The first JSON object in some line of the data, with a value exchanged."""
    lines = data.split(b"\n")
    at = draws.randrange(len(lines))
    before, brace, rest = lines[at].partition(b"{")
    try:
        value = json.loads(brace + rest)
    except ValueError:
        return data
    lines[at] = before + json.dumps(_exchanged(value, draws)).encode()
    return b"\n".join(lines)


def _exchanged(value: Any, draws: random.Random) -> Any:
    """The value with one of its parts exchanged for another, added or taken away."""
    if isinstance(value, dict) and value and draws.random() < 0.85:
        name = draws.choice(list(value))
        if draws.random() < 0.1:
            return {key: item for key, item in value.items() if key != name}
        return value | {name: _exchanged(value[name], draws)}
    if isinstance(value, list) and value and draws.random() < 0.85:
        at = draws.randrange(len(value))
        if draws.random() < 0.2:
            return value + [value[at]] * draws.choice((1, 2, 100))
        return [*value[:at], _exchanged(value[at], draws), *value[at + 1 :]]
    return draws.choice(VALUES)

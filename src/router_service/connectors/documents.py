"""Reading and writing the JSON that providers exchange with us.
Nothing here trusts its input: what does not fit reads as None, as empty, or raises ValueError."""

from __future__ import annotations

import json
from typing import Any

from router_service.types import Usage

Document = dict[str, Any]

MOST_TOKENS = 1_000_000_000
"""Tokens of one answer, as far as a provider's count is believed; sums still fit in 32 bits."""

# What is no number, as some servers write it, reads as null, so that all we write is JSON.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False)


def parse(raw: bytes) -> Any:
    """The JSON value in `raw`. Raises ValueError for anything else, however deeply nested."""
    try:
        return _DECODER.decode(raw.decode(json.detect_encoding(raw), "surrogatepass"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def raw_value(text: str, at: int) -> tuple[Any, int]:
    """The JSON value that begins at this character, and where it ends. Raises ValueError."""
    try:
        return _DECODER.raw_decode(text, at)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def parse_object(raw: bytes) -> Document:
    """As parse, for an object. Raises ValueError."""
    value = parse(raw)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, found {type(value).__name__}")
    return value


def dump(value: Any) -> bytes:
    """Compact JSON; ASCII only, so that lone surrogates survive. Raises ValueError for a value
    nested too deeply or a number without end."""
    try:
        return _ENCODER.encode(value).encode("ascii")
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def as_object(value: object) -> Document:
    """`value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def as_list(value: object) -> list[Any]:
    """`value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def as_text(value: object) -> str:
    """`value` if it is a string, made encodable as UTF-8, else an empty one."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")


def as_name(value: object) -> str | None:
    """`value` if it is a string with something in it."""
    return as_text(value) or None


def as_count(value: object) -> int | None:
    """`value` if it is a whole number from zero up."""
    if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
        return value
    return None


def usage_of(prompt_tokens: object, completion_tokens: object) -> Usage | None:
    """Token counts, bounded, where the provider gave at least one of them."""
    prompt, completion = as_count(prompt_tokens), as_count(completion_tokens)
    if prompt is None and completion is None:
        return None
    return Usage(min(prompt or 0, MOST_TOKENS), min(completion or 0, MOST_TOKENS))

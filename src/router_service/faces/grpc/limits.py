"""Bounds of the fields of a request and the checks that hold them.
Every refusal is an InvalidRequest that names the field, the bound and what came."""

from __future__ import annotations

import json
import math
from typing import Any, NoReturn

from router_service.errors import InvalidRequest

MAX_NAME = 512
"""Characters of any name: model, capability, session, deployment, correlation id."""
MAX_PERMIT = 4096
MAX_BATCH = 1000
MAX_ALLOWED = 1000
MAX_MESSAGES = 10_000
MAX_STOPS = 64
MAX_LABELS = 16
MAX_COMMENT = 4096
MAX_BATCH_SIZE = 1_000_000
MAX_REQUEST_COUNT = 100_000_000
MAX_PROMPT_TOKENS = 100_000_000
MAX_TOKENS = 10_000_000
MAX_DURATION_US = 86_400_000_000
"""A day; no attempt and no Retry-After of ours lasts longer."""
MAX_HOLD_US = 366 * MAX_DURATION_US
"""A year; a provider that is gone for longer is gone from the config."""


def name(value: str, field: str, most: int = MAX_NAME) -> str:
    """A short text."""
    if len(value) > most:
        raise InvalidRequest(
            f"{field}: {len(value)} characters are too many; send at most {most}", field
        )
    return value


def number(value: int, low: int, high: int, field: str) -> int:
    """A whole number from low to high."""
    if not low <= value <= high:
        raise InvalidRequest(
            f"{field}: {value} is out of range; send a whole number from {low} to {high}", field
        )
    return value


def fraction(value: float, high: float, field: str) -> float:
    """A finite number from 0 to high."""
    if not (math.isfinite(value) and 0 <= value <= high):
        raise InvalidRequest(
            f"{field}: {value} is out of range; send a number from 0 to {high:g}", field
        )
    return value


def count(length: int, most: int, field: str) -> None:
    """At most so many items."""
    if length > most:
        raise InvalidRequest(f"{field}: {length} items are too many; send at most {most}", field)


def foreign_json(value: bytes, field: str, *kinds: type) -> bytes:
    """JSON of one of the kinds (dict, list, str), given back byte for byte."""
    try:
        parsed: Any = json.loads(value.decode("utf-8"), parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        place = f"line {error.lineno} column {error.colno}"
        raise InvalidRequest(f"{field}: malformed JSON at {place}: {error.msg}", field) from None
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise InvalidRequest(f"{field}: not JSON in UTF-8: {reason}", field) from None
    if not isinstance(parsed, kinds):
        wanted = " or ".join(_KIND_NAMES[kind] for kind in kinds)
        raise InvalidRequest(f"{field}: must be a JSON {wanted}", field)
    return value


_KIND_NAMES: dict[type, str] = {dict: "object", list: "array", str: "string"}


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON number")

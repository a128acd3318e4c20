"""When a provider says it may be asked again.
Reads Retry-After in all its forms, the x-ratelimit-reset headers of OpenAI-style servers, and what
an error document says itself, where there is no header to say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime

from router_service.connectors.documents import Document, as_list, as_object

LONGEST_S = 86_400.0
EPOCH_FLOOR_S = 1_000_000_000.0
"""A reset "in" thirty years is a point in time, not a duration."""

_NUMBER = re.compile(r"\d{1,15}(\.\d{1,9})?")
_DURATION_PART = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(ms|s|m|h|d)")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_RESET = "x-ratelimit-reset"
_REMAINING = "x-ratelimit-remaining"
_STATED = {
    "retry_after_ms": 0.001,
    "retry_after": 1.0,
    "retry_after_seconds": 1.0,
    "estimated_time": 1.0,  # Hugging Face, of a model that is still being loaded
}
"""Members of an error that hold a wait, and what one of each is in seconds."""


def retry_after_s(headers: Mapping[str, str], now_s: float) -> float | None:
    """Seconds until another try makes sense, from a refused request's headers; None if unsaid.

    `headers` must be case-insensitive or lower-cased; `now_s` is wall-clock time, Unix seconds.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _NUMBER.fullmatch(milliseconds):
        return _bounded(float(milliseconds) / 1000)
    if (wait := _delay(headers.get("retry-after", ""), now_s)) is not None:
        return wait
    return _longest_reset(headers, now_s)


def stated_wait_s(error: Document) -> float | None:
    """Seconds until another try makes sense, from an error document; None if unsaid."""
    for name, unit_s in _STATED.items():
        value = error.get(name)
        if isinstance(value, str) and _NUMBER.fullmatch(value):
            value = float(value)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return _bounded(min(value, LONGEST_S * 1000) * unit_s)
    # Google's RetryInfo: {"retryDelay": "34s"} among the details.
    delays = [as_object(detail).get("retryDelay") for detail in as_list(error.get("details"))]
    waits = [_reset(delay, 0.0) for delay in delays if isinstance(delay, str)]
    return max((wait for wait in waits if wait is not None), default=None)


def _delay(text: str, now_s: float) -> float | None:
    text = text.strip()
    if _NUMBER.fullmatch(text):
        return _bounded(float(text))
    try:
        return _bounded(parsedate_to_datetime(text).timestamp() - now_s)
    except (ValueError, OverflowError):
        return None


def _longest_reset(headers: Mapping[str, str], now_s: float) -> float | None:
    """The longest reset among the limits that are used up, or among all if none says it is."""
    waits: list[float] = []
    used_up: list[float] = []
    for name, value in headers.items():
        if not name.lower().startswith(_RESET):
            continue
        if (wait := _reset(value, now_s)) is None:
            continue
        waits.append(wait)
        remaining = headers.get(_REMAINING + name.lower().removeprefix(_RESET), "")
        if remaining.strip() == "0":
            used_up.append(wait)
    return max(used_up or waits, default=None)


def _reset(text: str, now_s: float) -> float | None:
    """Seconds, a duration such as 6m0s or 20ms, or Unix seconds or milliseconds."""
    text = text.strip()
    if _NUMBER.fullmatch(text):
        value = float(text)
        if value >= EPOCH_FLOOR_S * 1000:
            value /= 1000
        return _bounded(value - now_s if value >= EPOCH_FLOOR_S else value)
    parts = _DURATION_PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return _bounded(sum(float(number) * _UNIT_S[unit] for number, unit in parts))


def _bounded(seconds: float) -> float:
    return min(max(seconds, 0.0), LONGEST_S)

"""What the x-… headers of a request say about it, as Attributes. HTTP headers, gRPC metadata and
the command line's --header all pass through here, so they mean the same everywhere."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from router_service.errors import InvalidRequest
from router_service.types import Attributes

MAX_COUNT = 2**32 - 1
"""The largest number the core holds for a batch size or a request count."""

_SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
_NO_ATTRIBUTES = Attributes()


def attributes_from_headers(headers: Mapping[str, str]) -> Attributes:
    """Read the routing headers; names in any case, empty values as if absent.

    Raises InvalidRequest naming the header for a value that is not what the header means.
    """
    found: dict[str, Any] = {}
    for name, value in headers.items():
        reader = _READERS.get(name.lower())
        if reader is not None and (text := value.strip()):
            attribute, read = reader
            found[attribute] = read(name.lower(), text)
    return Attributes(**found) if found else _NO_ATTRIBUTES


def is_unicode(value: str) -> bool:
    """False for text with lone surrogates, which no encoding and so not the core can hold."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(name: str, value: str) -> str:
    if not is_unicode(value):
        raise InvalidRequest(f"header {name}: the value is not UTF-8 text", param=name)
    return value


def _count(minimum: int) -> Callable[[str, str], int]:
    def read(name: str, value: str) -> int:
        if value.isascii() and value.isdigit() and len(value) <= 10:
            number = int(value)
            if minimum <= number <= MAX_COUNT:
                return number
        raise InvalidRequest(
            f"header {name}: {_excerpt(value)} is not a whole number from {minimum} to {MAX_COUNT}",
            param=name,
        )

    return read


def _switch(name: str, value: str) -> bool:
    on = _SWITCH.get(value.lower())
    if on is None:
        raise InvalidRequest(
            f"header {name}: {_excerpt(value)} is neither true nor false", param=name
        )
    return on


def _excerpt(value: str) -> str:
    """The value as a quoted line short enough for a message."""
    return repr(value if len(value) <= 40 else value[:40] + "…")


_READERS: dict[str, tuple[str, Callable[[str, str], Any]]] = {
    "x-capability": ("capability", _text),
    "x-priority": ("priority", _text),
    "x-quality-tier": ("quality_tier", _text),
    "x-batch-size": ("batch_size", _count(1)),
    "x-batch-mode": ("batch_mode", _switch),
    "x-request-count": ("request_count", _count(0)),
    "x-session-id": ("session", _text),
    "x-routing-strategy": ("strategy", _text),
    "x-fallback-chain": ("chain", _text),
}

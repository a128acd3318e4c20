"""What really answered, as response headers (E6). Model names come from callers, so a value is made
safe for a header line first."""

from __future__ import annotations

from urllib.parse import quote

from router_service.types import Served


def served_headers(served: Served) -> dict[str, str]:
    """The x-router-… headers of an answer, and its request id."""
    headers = {
        "x-request-id": served.request_id,
        "x-router-decision-id": served.decision_id,
        "x-router-model": _header_value(served.model),
        "x-router-provider": _header_value(served.provider),
        "x-router-upstream-model": _header_value(served.upstream_model),
        "x-router-rule": served.rule,
        "x-router-strategy": served.strategy,
        "x-router-attempts": str(served.attempts),
        "x-router-table-version": served.table_version,
    }
    if served.deprecated is not None:
        headers["x-router-deprecated"] = f"use {_header_value(served.deprecated)}"
    return headers


def _header_value(text: str) -> str:
    """The text itself where a header can hold it, else percent-encoded."""
    if text.isascii() and text.isprintable():
        return text
    return quote(text, safe="/:@+ ")

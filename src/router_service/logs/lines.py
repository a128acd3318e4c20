"""One request, or one decision of a running router, in one line for a terminal. Names that callers,
servers and configs made up can neither end the line nor hide in it."""

from __future__ import annotations

from typing import Any

from router_service.logs.records import Record, asked_model
from router_service.observe.logs import timestamp
from router_service.observe.text import one_line


def line_of(record: Record) -> str:
    """A record of the access log."""
    way = " -> ".join(map(_stop, record["attempts"]))
    rule, took = record.get("rule") or "-", _ms(record["total_s"])
    line = f"{record['time']} {record['status']} {took} {asked_model(record)} [{rule}] {way}"
    return one_line(line)


def decision_line_of(decision: dict[str, Any]) -> str:
    """A decision with the keys of docs/cli.md, and what became of its request. One that was not
    carried out shows where it sends its caller."""
    rule = f"{decision['rule']}, {decision['strategy']}"
    tried = (f"{_stop(attempt)} {_ms(attempt['total_s'])}" for attempt in decision["attempts"])
    way = " -> ".join(tried) or decision["provider"]
    status = decision["status"] or "decided"
    return one_line(f"{decision['time']} {status} {asked_model(decision)} [{rule}] {way}")


def time_of(microseconds: int) -> str:
    """A time since the Unix epoch as the access log has it."""
    return timestamp(microseconds / 1e6)


def _stop(attempt: dict[str, Any]) -> str:
    outcome = attempt["outcome"]
    return f"{attempt['provider']}" + ("" if outcome == "success" else f" ({outcome})")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"

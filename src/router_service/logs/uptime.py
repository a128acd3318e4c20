"""How long each provider was up, as far as requests tell: the period is cut into minutes, and a
minute in which an attempt succeeded is up, one in which attempts only failed is down."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from router_service.logs.analysis import NOBODYS_FAULT
from router_service.logs.records import Record, ended_at

MINUTE = timedelta(minutes=1)


class Uptime:
    """Of every provider in the log, over the period from `since` to `until`."""

    def __init__(self, since: datetime, until: datetime) -> None:
        self._since = since
        self._until = until
        self._up: defaultdict[str, set[int]] = defaultdict(set)
        self._tried: defaultdict[str, set[int]] = defaultdict(set)

    def add_all(self, records: Iterable[Record]) -> None:
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        minute = (ended_at(record) - self._since) // MINUTE
        for attempt in record["attempts"]:
            provider, outcome = attempt["provider"], attempt["outcome"]
            if outcome in NOBODYS_FAULT:
                continue
            self._tried[provider].add(minute)
            if outcome == "success":
                self._up[provider].add(minute)

    def as_json(self) -> dict[str, Any]:
        """Minutes, and the share (0…1) of those with attempts in which it was up."""
        minutes = -((self._since - self._until) // MINUTE)
        return {
            "from": self._since.isoformat(timespec="seconds"),
            "to": self._until.isoformat(timespec="seconds"),
            "minutes": minutes,
            "providers": {name: self._provider(name, minutes) for name in sorted(self._tried)},
        }

    def _provider(self, name: str, minutes: int) -> dict[str, Any]:
        tried, up = self._tried[name], self._up[name]
        down = sorted(tried - up)
        last = self._since + down[-1] * MINUTE if down else None
        return {
            "uptime": len(up) / len(tried),
            "minutes_up": len(up),
            "minutes_down": len(down),
            "minutes_unknown": max(0, minutes - len(tried)),
            "last_down": last.isoformat(timespec="seconds") if last else None,
        }

"""What an access log says in sum: requests and how they ended, each provider's attempts and times,
and the ways requests moved after failures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from router_service.logs.records import Record, has_fallen_back
from router_service.logs.spread import Spread

NOBODYS_FAULT = frozenset(
    {"context_length", "content_policy", "invalid_request", "cancelled", "deadline", "diverged"}
)
"""Outcomes that say nothing of a provider (ARCHITECTURE.md, Failure)."""
_PERCENTS = (50, 95, 99)


class ProviderFigures:
    """One provider's attempts."""

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.ttft = Spread()
        self.total = Spread()

    def add(self, attempt: dict[str, Any]) -> None:
        self.outcomes[attempt["outcome"]] += 1
        if attempt["outcome"] == "success":
            self.total.add(attempt["total_s"])
            if attempt["ttft_s"] is not None:
                self.ttft.add(attempt["ttft_s"])

    def as_json(self, all_answers: int) -> dict[str, Any]:
        answered = self.outcomes["success"]
        failed = sum(self.outcomes.values()) - answered
        failed -= sum(self.outcomes[outcome] for outcome in NOBODYS_FAULT)
        judged = answered + failed
        return {
            "attempts": sum(self.outcomes.values()),
            "answered": answered,
            "share": answered / all_answers if all_answers else None,
            "success_rate": answered / judged if judged else None,
            "ttft_s": _times(self.ttft),
            "total_s": _times(self.total),
            "outcomes": dict(self.outcomes.most_common()),
        }


class Analysis:
    """Add records, then ask for the figures."""

    def __init__(self) -> None:
        self._requests = 0
        self._fallen_back = 0
        self._rescued = 0
        self._statuses: Counter[str] = Counter()
        self._rules: Counter[str] = Counter()
        self._total = Spread()
        self._providers: defaultdict[str, ProviderFigures] = defaultdict(ProviderFigures)
        self._ways: Counter[tuple[str, ...]] = Counter()
        self._from: str | None = None
        self._to: str | None = None

    def add_all(self, records: Iterable[Record]) -> None:
        for record in records:
            self.add(record)

    def add(self, record: Record) -> None:
        self._requests += 1
        self._from, self._to = self._from or record["time"], record["time"]
        self._statuses[record["status"]] += 1
        self._rules[record.get("rule") or "none"] += 1
        self._total.add(record["total_s"])
        for attempt in record["attempts"]:
            self._providers[attempt["provider"]].add(attempt)
        if has_fallen_back(record):
            self._fallen_back += 1
            self._rescued += record["status"] == "ok"
            self._ways[_way(record)] += 1

    def as_json(self) -> dict[str, Any]:
        """Counts, shares (0…1) and seconds; a share or time without anything to count is None."""
        answers = sum(each.outcomes["success"] for each in self._providers.values())
        ordered = sorted(self._providers.items(), key=lambda item: -sum(item[1].outcomes.values()))
        return {
            "from": self._from,
            "to": self._to,
            "requests": self._requests,
            "ok_rate": self._statuses["ok"] / self._requests if self._requests else None,
            "statuses": dict(self._statuses.most_common()),
            "rules": dict(self._rules.most_common()),
            "total_s": _times(self._total),
            "fallback": {"requests": self._fallen_back, "answered": self._rescued},
            "providers": {name: figures.as_json(answers) for name, figures in ordered},
            "fallback_chains": [
                {"way": list(way), "requests": count} for way, count in self._ways.most_common()
            ],
        }


def _way(record: Record) -> tuple[str, ...]:
    """Each attempt's provider with how it ended there, in order; repeats and races included."""
    return tuple(f"{attempt['provider']} ({_end(attempt)})" for attempt in record["attempts"])


def _end(attempt: dict[str, Any]) -> str:
    status = attempt.get("status")
    return str(status) if status is not None and status >= 400 else attempt["outcome"]


def _times(spread: Spread) -> dict[str, float | None]:
    return {"mean": spread.mean_s} | {f"p{each}": spread.percentile_s(each) for each in _PERCENTS}

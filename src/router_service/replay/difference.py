"""What another config would do with the requests of a log: which go elsewhere first, from where to
where, by rule and tier, and what that does to cost and to the time to the first token."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from router_service.replay.fleet import Fleet
from router_service.replay.log import Record

REFUSED = "refused"
"""Stands for a provider or rule where there is no decision."""


class First(NamedTuple):
    """The first choice of a decision."""

    deployment: str
    provider: str
    tier: str
    """Empty where the requested name is passed through."""
    rule: str


def first_of(verdict: Record) -> First | None:
    """Of a record, or of what a replayer made of it; None where it was refused."""
    decision = verdict.get("decision")
    if decision is None:
        return None
    return First(
        decision["deployment"],
        decision["provider"],
        decision["plan"][0].get("tier") or "",
        decision["rule"],
    )


@dataclass(slots=True)
class Tokens:
    """Of all requests that went from one provider to another."""

    requests: int = 0
    prompt: int = 0
    completion: int = 0
    uncounted: int = 0
    """Requests whose answer nobody counted; not in `completion`."""


class MeasuredTtft:
    """Mean time to the first token of first attempts, by deployment."""

    def __init__(self) -> None:
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: Counter[str] = Counter()

    def add(self, deployment: str, seconds: float) -> None:
        self._sums[deployment] += seconds
        self._counts[deployment] += 1

    def of(self, first: First, fleet: Fleet) -> dict[str, Any] | None:
        """Seconds, and whether they were measured (how often) or are the provider's prior; None
        where nothing is known."""
        count = self._counts[first.deployment]
        if count:
            mean = self._sums[first.deployment] / count
            return {"ttft_s": mean, "source": "measured", "samples": count}
        prior = fleet.ttft_prior_s(first.provider)
        return None if prior is None else {"ttft_s": prior, "source": "prior", "samples": 0}


class Difference:
    """Add each decision as it was logged and as it is made now; then what its answer took."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self._firsts: Counter[tuple[First | None, First | None]] = Counter()
        self._plans_changed = 0
        self._tokens: defaultdict[tuple[str, str], Tokens] = defaultdict(Tokens)

    def add(self, logged: Record, anew: Record) -> None:
        before, after = first_of(logged), first_of(anew)
        self._firsts[before, after] += 1
        if before is not None and after is not None and before.deployment == after.deployment:
            self._plans_changed += _plan(logged) != _plan(anew)

    def add_tokens(
        self, before: First, after: First, prompt_tokens: int, completion_tokens: int | None
    ) -> None:
        """Of a request that both serve. Completion tokens are None where no answer was counted."""
        tokens = self._tokens[before.provider, after.provider]
        tokens.requests += 1
        tokens.prompt += prompt_tokens
        tokens.completion += completion_tokens or 0
        tokens.uncounted += completion_tokens is None

    def as_json(self, measured: MeasuredTtft, answer_tokens: float) -> dict[str, Any]:
        """Counts, US dollars and seconds; what cannot be told is None. answer_tokens are taken for
        each answer that was not counted."""
        requests = sum(self._firsts.values())
        moved = sum(n for (before, after), n in self._firsts.items() if _is_moved(before, after))
        return {
            "requests": requests,
            "moved": moved,
            "moved_share": moved / requests if requests else None,
            "plan_changed": self._plans_changed,
            "refused_now": self._count(lambda before, after: after is None and before is not None),
            "served_now": self._count(lambda before, after: before is None and after is not None),
            "rules": self._by_rule(),
            "tiers": self._matrix(lambda first: first.tier or "none"),
            "providers": self._matrix(lambda first: first.provider),
            "cost": self._cost(answer_tokens),
            "ttft": self._ttft(measured),
        }

    def _count(self, wanted: Callable[[First | None, First | None], bool]) -> int:
        return sum(n for pair, n in self._firsts.items() if wanted(*pair))

    def _by_rule(self) -> dict[str, dict[str, int]]:
        """By the rule that was logged: requests, those that move, those another rule takes now."""
        rules: dict[str, dict[str, int]] = {}
        for (before, after), n in self._firsts.items():
            rule = before.rule if before else REFUSED
            told = rules.setdefault(rule, {"requests": 0, "moved": 0, "rule_changed": 0})
            told["requests"] += n
            told["moved"] += n * _is_moved(before, after)
            told["rule_changed"] += n * (rule != (after.rule if after else REFUSED))
        return dict(sorted(rules.items(), key=lambda rule: -rule[1]["requests"]))

    def _matrix(self, name: Callable[[First], str]) -> dict[str, Any]:
        """Requests before and after by name, and how many went from which to which, most first."""
        moves: Counter[tuple[str, str]] = Counter()
        for (before, after), n in self._firsts.items():
            moves[_named(before, name), _named(after, name)] += n
        return {
            "before": _totals((left, n) for (left, _), n in moves.items()),
            "after": _totals((right, n) for (_, right), n in moves.items()),
            "moves": [
                {"from": left, "to": right, "requests": n}
                for (left, right), n in moves.most_common()
                if left != right
            ],
        }

    def _cost(self, answer_tokens: float) -> dict[str, Any]:
        """Over requests that both serve, at providers that both have a price here."""
        told = {"requests": 0, "answers_uncounted": 0, "answer_tokens": answer_tokens}
        before_usd, after_usd = 0.0, 0.0
        for pair, tokens in self._tokens.items():
            completion = tokens.completion + tokens.uncounted * answer_tokens
            before, after = (
                self._fleet.cost_usd(provider, tokens.prompt, completion, tokens.requests)
                for provider in pair
            )
            if before is None or after is None:
                continue
            told["requests"] += tokens.requests
            told["answers_uncounted"] += tokens.uncounted
            before_usd += before
            after_usd += after
        return told | {"before_usd": before_usd, "after_usd": after_usd}

    def _ttft(self, measured: MeasuredTtft) -> dict[str, Any]:
        """The mean over requests that both serve and of whose deployments something is known."""
        count, before_s, after_s = 0, 0.0, 0.0
        deployments: dict[str, dict[str, Any]] = {}
        for (before, after), n in self._firsts.items():
            if before is None or after is None:
                continue
            of_before, of_after = (measured.of(each, self._fleet) for each in (before, after))
            if of_before is None or of_after is None:
                continue
            count += n
            before_s += n * of_before["ttft_s"]
            after_s += n * of_after["ttft_s"]
            deployments |= {before.deployment: of_before, after.deployment: of_after}
        return {
            "requests": count,
            "before_s": before_s / count if count else None,
            "after_s": after_s / count if count else None,
            "deployments": dict(sorted(deployments.items())),
        }


def _plan(verdict: Record) -> list[str]:
    return [hop["deployment"] for hop in verdict["decision"]["plan"]]


def _is_moved(before: First | None, after: First | None) -> bool:
    return _named(before, _deployment) != _named(after, _deployment)


def _deployment(first: First) -> str:
    return first.deployment


def _named(first: First | None, name: Callable[[First], str]) -> str:
    return REFUSED if first is None else name(first)


def _totals(counted: Iterable[tuple[str, int]]) -> dict[str, int]:
    totals: Counter[str] = Counter()
    for name, n in counted:
        totals[name] += n
    return dict(totals.most_common())

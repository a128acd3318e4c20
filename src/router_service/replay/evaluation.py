"""What the choices of another config would have been worth, by the chances that the log's own were
drawn with; or why this log cannot tell."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from operator import mul
from typing import Any

from router_service.replay.estimates import (
    Estimate,
    doubly_robust,
    effective_sample_size,
    ips,
    mean,
    ratio,
    snips,
)
from router_service.replay.reward_model import MeanByAction

_SURE = 4.0
"""So many standard errors are no chance."""

_ROUNDING = 1e-9

REWARDS = ("success", "ttft_s", "cost_usd")


@dataclass(frozen=True, slots=True)
class Sample:
    """One choice of the log, and what the other config makes of the same request and state."""

    action: str
    """The deployment that was chosen, with this propensity, above 0."""
    propensity: float
    anew: Mapping[str, float]
    """Share of draws by deployment; what is short of 1 was refused."""
    rewards: Mapping[str, float | None]
    """By name; None where it does not apply."""

    @property
    def weight(self) -> float:
        return self.anew.get(self.action, 0.0) / self.propensity

    @property
    def refused(self) -> float:
        """Share of draws that found no deployment."""
        short = 1.0 - math.fsum(self.anew.values())
        return short if short > _ROUNDING else 0.0


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a log is taken to tell enough."""

    least_ess: float = 100.0
    """Effective sample size, records."""
    most_uncovered: float = 0.01
    """Share of the new choices that the log's policy never makes. Rewards of those count as nothing
    in plain weighting, so that this is also how far it may fall short."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far the log reaches: which of the new choices it has made too."""

    uncovered: Estimate
    refused: float
    never_chosen: Mapping[str, float]
    certain: float
    """Share of records whose choice was no matter of chance."""

    @property
    def least_uncovered(self) -> float:
        """What is surely uncovered: the interval's lower end, or what was never chosen at all."""
        return max(self.uncovered.interval[0], math.fsum(self.never_chosen.values()), 0.0)

    def as_json(self) -> dict[str, Any]:
        return {
            "uncovered": min(1.0, max(0.0, self.uncovered.value)),
            "uncovered_at_least": self.least_uncovered,
            "never_chosen": dict(self.never_chosen),
            "refused": self.refused,
            "certain": self.certain,
        }


def evaluate(samples: Sequence[Sample], bounds: Bounds) -> dict[str, Any]:
    """Estimates of every reward under the new choices.

    `refused` says why there are none. Each estimate is value, low and high of its 95 % interval;
    `logged` is the mean of what was really chosen. Rewards that do not apply to a record (or to a
    request that the other config refuses) are left out of the mean: estimated are both the sum and
    the share to which it applies, and their quotient is told. Plain and self-normalised weighting
    are then the same.
    """
    weights = [sample.weight for sample in samples]
    size = effective_sample_size(weights)
    told: dict[str, Any] = {
        "records": len(samples),
        "effective_sample_size": size,
        "largest_weight": max(weights, default=0.0),
        "mean_weight": math.fsum(weights) / len(weights) if weights else None,
        "coverage": None,
        "refused": None,
        "rewards": {},
    }
    if not samples:
        told["refused"] = "the log has no choice of another config whose outcome is known"
        return told
    coverage = _coverage(samples, weights)
    told["coverage"] = coverage.as_json()
    told["refused"] = _too_little(coverage, size, bounds)
    if told["refused"] is None:
        told["rewards"] = {name: _reward(samples, weights, name, bounds) for name in REWARDS}
    return told


def _coverage(samples: Sequence[Sample], weights: Sequence[float]) -> Coverage:
    # Over the log's own draws a weight is on average the share of the new choices that the log's
    # policy can make, so what it falls short of 1 is the rest.
    short = [1.0 - sample.refused - weight for sample, weight in zip(samples, weights, strict=True)]
    chosen = {sample.action for sample in samples}
    never: defaultdict[str, float] = defaultdict(float)
    for sample in samples:
        for action in sample.anew.keys() - chosen:
            never[action] += sample.anew[action] / len(samples)
    return Coverage(
        uncovered=mean(short),
        refused=math.fsum(sample.refused for sample in samples) / len(samples),
        never_chosen=dict(sorted(never.items(), key=lambda each: -each[1])),
        certain=sum(sample.propensity == 1.0 for sample in samples) / len(samples),
    )


def _too_little(coverage: Coverage, size: float, bounds: Bounds) -> str | None:
    uncovered = coverage.uncovered
    if uncovered.value + _SURE * uncovered.standard_error < -bounds.most_uncovered:
        return (
            f"the propensities do not describe this log: weights are {1 - uncovered.value:.3f} on "
            "average, where they cannot be above 1; is there an experiment whose few units are "
            "most of the traffic?"
        )
    if coverage.least_uncovered > bounds.most_uncovered:
        said = (
            f"at least {coverage.least_uncovered:.1%} of the new choices are ones that were never "
            f"made in their situation, more than the {bounds.most_uncovered:.1%} allowed "
            "(--most-uncovered)"
        )
        if coverage.certain > 0.5:
            return (
                f"the log holds no chance picks to learn from: {coverage.certain:.1%} of its "
                f"choices were certain, and {said}; set exploration or a randomised strategy such "
                "as simple_shuffle, and log again"
            )
        return f"{said}; log a config that makes such choices now and then"
    if size < bounds.least_ess:
        return (
            f"the log tells as little as {size:.0f} records of equal weight, fewer than the "
            f"{bounds.least_ess:g} asked for (--least-ess); log for longer, or compare a config "
            "that is nearer to the one logged"
        )
    return None


def _reward(
    samples: Sequence[Sample], weights: Sequence[float], name: str, bounds: Bounds
) -> dict[str, Any]:
    rewards = [sample.rewards[name] for sample in samples]
    own = [reward for reward in rewards if reward is not None]
    size = effective_sample_size(
        [weight for weight, reward in zip(weights, rewards, strict=True) if reward is not None]
    )
    told: dict[str, Any] = {"records": len(own), "effective_sample_size": size, "refused": None}
    if size < max(bounds.least_ess, 1.0):
        told["refused"] = (
            f"known of too few: as much as {size:.0f} records of equal weight tell, "
            f"{bounds.least_ess:g} are asked for"
        )
        return told
    told["logged"] = _shown(mean(own))
    values = [reward or 0.0 for reward in rewards]
    applies = [float(reward is not None) for reward in rewards]
    actions = [sample.action for sample in samples]
    mixes = [sample.anew for sample in samples]

    def robust(terms: Sequence[float]) -> Estimate:
        model = MeanByAction(actions, terms)
        return doubly_robust(weights, terms, model.of_logged(), model.of_new(mixes))

    is_partial = len(own) < len(rewards) or any(sample.refused for sample in samples)

    def of_applied(estimator: Callable[[Sequence[float]], Estimate]) -> Estimate:
        return ratio(estimator(values), estimator(applies)) if is_partial else estimator(values)

    applied_weights = list(map(mul, weights, applies))
    told["ips"] = _shown(of_applied(partial(ips, weights)))
    told["snips"] = _shown(snips(applied_weights, values))
    told["doubly_robust"] = _shown(of_applied(robust))
    return told


def _shown(estimate: Estimate) -> dict[str, float]:
    low, high = estimate.interval
    return {"value": estimate.value, "low": low, "high": high}

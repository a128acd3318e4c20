"""What another policy would have earned, from rewards of choices that were drawn with known
probabilities: importance weighting, plain and self-normalised, and its doubly robust form.

Every function takes sequences with one entry for each record. The weight of a record is the
probability of its logged action under the new policy, over the one it was drawn with (propensity);
where the new policy's own probability is itself an unbiased estimate, made independently of the
draw, plain and doubly robust estimates stay unbiased, because they are linear in it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul, sub

NORMAL_95 = 1.959963984540054
"""97.5th percentile of the standard normal distribution."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean of rewards with what each record added to it."""

    value: float
    influence: Sequence[float]
    """How far the value would move if one more record were like this one, times their number; the
    mean is about 0. Its spread gives the standard error."""

    @property
    def standard_error(self) -> float:
        """By the central limit theorem for independent records; infinite for fewer than two."""
        count = len(self.influence)
        if count < 2:
            return math.inf
        return math.sqrt(math.fsum(each * each for each in self.influence) / (count * (count - 1)))

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, normal approximation."""
        reach = NORMAL_95 * self.standard_error
        return self.value - reach, self.value + reach


def mean(terms: Sequence[float]) -> Estimate:
    """The plain mean of at least one term."""
    value = math.fsum(terms) / len(terms)
    return Estimate(value, [term - value for term in terms])


def ips(weights: Sequence[float], rewards: Sequence[float]) -> Estimate:
    """Inverse propensity score: the mean of w r. Unbiased wherever the log's policy can choose all
    that the new one does (Horvitz and Thompson, "A Generalization of Sampling Without Replacement
    from a Finite Universe", Journal of the American Statistical Association 47, 1952)."""
    return mean(list(map(mul, weights, rewards)))


def ratio(numerator: Estimate, denominator: Estimate) -> Estimate:
    """The quotient of two estimates from the same records, by the delta method: to first order it
    moves by (dA - R dB) / B. The denominator is not 0."""
    value = numerator.value / denominator.value
    pairs = zip(numerator.influence, denominator.influence, strict=True)
    return Estimate(value, [(over - value * under) / denominator.value for over, under in pairs])


def snips(weights: Sequence[float], rewards: Sequence[float]) -> Estimate:
    """Self-normalised: the sum of w r over the sum of w, some of which is above 0. Slightly biased
    in small samples, of far smaller spread, and never outside the range of the rewards (Swaminathan
    and Joachims, "The Self-Normalized Estimator for Counterfactual Learning", NIPS 2015). The
    interval is the delta method's, with influence w (r - value) / mean w."""
    return ratio(ips(weights, rewards), mean(weights))


def doubly_robust(
    weights: Sequence[float],
    rewards: Sequence[float],
    of_logged: Sequence[float],
    of_new: Sequence[float],
) -> Estimate:
    """The mean of q(new) + w (r - q(logged)), q being a model's guess of the reward. Right where
    either the propensities or the model are, and of little spread where the model is good (Dudik,
    Langford and Li, "Doubly Robust Policy Evaluation and Learning", ICML 2011).

    of_logged is the guess for the action that was logged, of_new the mean guess over the actions of
    the new policy; neither may have seen the record's own reward.
    """
    errors = map(sub, rewards, of_logged)
    return mean(
        [
            guess + weight * error
            for guess, weight, error in zip(of_new, weights, errors, strict=True)
        ]
    )


def effective_sample_size(weights: Sequence[float]) -> float:
    """How many records of equal weight would tell as much: (sum w)² / sum w² (Kish, "Survey
    Sampling", 1965). 0 where every weight is."""
    squares = math.fsum(weight * weight for weight in weights)
    return math.fsum(weights) ** 2 / squares if squares else 0.0

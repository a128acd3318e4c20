"""The estimators on synthetic logs whose truth is known: three situations, three deployments, one
policy that logs and another that is asked about."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean, stdev

import pytest

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

Policy = tuple[dict[str, float], ...]
"""For each situation the probability of each deployment."""

SITUATIONS = 3
QUALITY: Policy = (
    {"a": 0.9, "b": 0.5, "c": 0.7},
    {"a": 0.85, "b": 0.55, "c": 0.65},
    {"a": 0.95, "b": 0.45, "c": 0.6},
)
"""The probability that a first attempt succeeds; mostly the deployment's, somewhat the
situation's."""
LOGGING: Policy = (
    {"a": 0.5, "b": 0.3, "c": 0.2},
    {"a": 0.2, "b": 0.2, "c": 0.6},
    {"a": 0.1, "b": 0.6, "c": 0.3},
)
NEW: Policy = (
    {"a": 0.2, "b": 0.1, "c": 0.7},
    {"a": 0.6, "b": 0.3, "c": 0.1},
    {"a": 0.3, "b": 0.3, "c": 0.4},
)


def worth(policy: Policy) -> float:
    """The share of first attempts that succeed under a policy, exactly."""
    return fmean(
        sum(policy[x][action] * QUALITY[x][action] for action in "abc") for x in range(SITUATIONS)
    )


@dataclass
class Log:
    actions: list[str] = field(default_factory=list)
    weights: list[float] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    mixes: list[Mapping[str, float]] = field(default_factory=list)


def drawn(chances: Mapping[str, float], draws: random.Random) -> str:
    return draws.choices(list(chances), list(chances.values()))[0]


def logged(seed: int, records: int, new: Policy = NEW, guesses: int | None = None) -> Log:
    """A log; with guesses, the new policy is only known by so many draws of each record."""
    draws, log = random.Random(seed), Log()
    for _ in range(records):
        x = draws.randrange(SITUATIONS)
        action = drawn(LOGGING[x], draws)
        mix: Mapping[str, float] = new[x]
        if guesses is not None:
            counted = Counter(drawn(new[x], draws) for _ in range(guesses))
            mix = {name: n / guesses for name, n in counted.items()}
        log.actions.append(action)
        log.mixes.append(mix)
        log.weights.append(mix.get(action, 0.0) / LOGGING[x][action])
        log.rewards.append(float(draws.random() < QUALITY[x][action]))
    return log


def of_ips(log: Log) -> Estimate:
    return ips(log.weights, log.rewards)


def of_snips(log: Log) -> Estimate:
    return snips(log.weights, log.rewards)


def of_robust(log: Log) -> Estimate:
    model = MeanByAction(log.actions, log.rewards)
    return doubly_robust(log.weights, log.rewards, model.of_logged(), model.of_new(log.mixes))


def of_robust_with_a_bad_model(log: Log) -> Estimate:
    wrong = {"a": 0.1, "b": 1.4, "c": 0.2}
    of_logged = [wrong[action] for action in log.actions]
    of_new = [sum(share * wrong[name] for name, share in mix.items()) for mix in log.mixes]
    return doubly_robust(log.weights, log.rewards, of_logged, of_new)


METHODS = [of_ips, of_snips, of_robust, of_robust_with_a_bad_model]
Method = Callable[[Log], Estimate]


@pytest.mark.parametrize("guesses", [None, 3], ids=["known", "drawn"])
def test_estimates_are_right_on_average(guesses: int | None) -> None:
    logs = [logged(seed, 300, guesses=guesses) for seed in range(300)]
    for method in METHODS:
        found = [method(log).value for log in logs]
        error = stdev(found) / math.sqrt(len(found))
        assert fmean(found) == pytest.approx(worth(NEW), abs=4 * error), method
        assert abs(worth(NEW) - worth(LOGGING)) > 10 * error, "else the logged mean would pass"


@pytest.mark.parametrize("guesses", [None, 3], ids=["known", "drawn"])
def test_intervals_cover_the_truth_as_often_as_they_say(guesses: int | None) -> None:
    """Of 500 intervals at 95 %, 475 with a standard deviation of 4.9."""
    covered: Counter[Method] = Counter()
    for seed in range(500):
        log = logged(1_000 + seed, 300, guesses=guesses)
        for method in METHODS:
            low, high = method(log).interval
            covered[method] += low <= worth(NEW) <= high
    assert all(458 <= covered[method] <= 490 for method in METHODS), covered


def test_a_good_model_makes_estimates_surer_and_a_bad_one_does_not_mislead() -> None:
    logs = [logged(seed, 300) for seed in range(200)]
    spread = {method: stdev(method(log).value for log in logs) for method in METHODS}
    assert spread[of_robust] < 0.7 * spread[of_ips]
    assert spread[of_robust_with_a_bad_model] > spread[of_robust]
    told = fmean(of_robust(log).standard_error for log in logs)
    assert told == pytest.approx(spread[of_robust], rel=0.15)


@pytest.mark.parametrize("method", [of_ips, of_snips])
def test_the_same_policy_gives_the_logged_mean(method: Method) -> None:
    log = logged(1, 200, new=LOGGING)
    assert log.weights == [1.0] * 200
    found, plain = method(log), mean(log.rewards)
    assert found.value == pytest.approx(plain.value, abs=1e-12)
    assert found.interval == pytest.approx(plain.interval, abs=1e-12)


def test_doubly_robust_under_the_same_policy_is_near_the_logged_mean() -> None:
    log = logged(1, 2_000, new=LOGGING)
    assert of_robust(log).value == pytest.approx(fmean(log.rewards), abs=0.01)
    assert of_robust(log).standard_error == pytest.approx(mean(log.rewards).standard_error, rel=0.2)


def test_self_normalised_weights_cannot_leave_the_range_of_rewards() -> None:
    weights, rewards = [0.0, 8.0, 4.0], [0.0, 1.0, 1.0]
    assert ips(weights, rewards).value == 4.0
    assert snips(weights, rewards).value == 1.0


def test_a_ratio_is_right_where_a_reward_does_not_always_apply() -> None:
    """The success of attempts on `a` alone, whose chance under the new policy is another one."""
    truth = sum(NEW[x]["a"] * QUALITY[x]["a"] for x in range(SITUATIONS)) / sum(
        NEW[x]["a"] for x in range(SITUATIONS)
    )
    covered = 0
    for seed in range(300):
        log = logged(seed, 400)
        applies = [float(action == "a") for action in log.actions]
        values = [reward * each for reward, each in zip(log.rewards, applies, strict=True)]
        low, high = ratio(ips(log.weights, values), ips(log.weights, applies)).interval
        covered += low <= truth <= high
    assert 273 <= covered <= 297


def test_effective_sample_size() -> None:
    assert effective_sample_size([2.0] * 50) == pytest.approx(50)
    assert effective_sample_size([1.0, 0.0, 0.0, 0.0]) == pytest.approx(1)
    assert effective_sample_size([3.0, 1.0]) == pytest.approx(1.6)
    assert effective_sample_size([0.0, 0.0]) == effective_sample_size([]) == 0


def test_one_record_tells_no_spread() -> None:
    assert mean([1.0]).interval == (-math.inf, math.inf)


def test_a_guess_leaves_its_own_record_out() -> None:
    model = MeanByAction(["a", "a", "b"], [1.0, 0.0, 0.5])
    overall = (0.0 + 0.5) / 2
    own, other = model.of_logged()[0], model.of_new([{"b": 1.0}, {}, {}])[0]
    assert own == pytest.approx((0.0 + 10 * overall) / (1 + 10))
    assert other == pytest.approx((0.5 + 10 * overall) / (1 + 10))
    changed = MeanByAction(["a", "a", "b"], [100.0, 0.0, 0.5])
    assert changed.of_logged()[0] == own


def test_what_is_refused_is_guessed_at_nothing() -> None:
    model = MeanByAction(["a", "b"], [1.0, 1.0])
    assert model.of_new([{"a": 0.25}, {}]) == [pytest.approx(0.25 * 10 / 10), 0.0]

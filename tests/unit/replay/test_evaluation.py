"""When a log tells enough, what it tells then, and what is said when it does not."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from router_service.replay.evaluation import Bounds, Sample, evaluate

QUALITY = {"a": 0.9, "b": 0.6}
TTFT_S = {"a": 0.2, "b": 0.5}
COST_USD = {"a": 0.01, "b": 0.0}


def samples(
    count: int, logging: float, anew: dict[str, float], seed: int = 1, judged: float = 1.0
) -> list[Sample]:
    """Choices of a with the probability `logging`, else of b; a TTFT only where they succeed, and
    of a share that is not judged no success."""
    draws, made = random.Random(seed), []
    for _ in range(count):
        action = "a" if draws.random() < logging else "b"
        propensity = logging if action == "a" else 1 - logging
        succeeded = draws.random() < QUALITY[action]
        rewards = {
            "success": float(succeeded) if draws.random() < judged else None,
            "ttft_s": TTFT_S[action] + draws.random() / 10 if succeeded else None,
            "cost_usd": COST_USD[action] if succeeded else 0.0,
        }
        made.append(Sample(action, propensity, anew, rewards))
    return made


def value(told: dict[str, Any], reward: str, method: str) -> float:
    found: float = told["rewards"][reward][method]["value"]
    return found


@pytest.mark.parametrize("method", ["ips", "snips", "doubly_robust"])
def test_all_rewards_of_a_policy_that_was_never_used(method: str) -> None:
    told = evaluate(samples(20_000, 0.3, {"a": 0.8, "b": 0.2}), Bounds())
    assert told["refused"] is None
    success = 0.8 * 0.9 + 0.2 * 0.6
    assert value(told, "success", method) == pytest.approx(success, abs=0.02)
    # Of the attempts that succeed.
    ttft = (0.8 * 0.9 * 0.25 + 0.2 * 0.6 * 0.55) / success
    assert value(told, "ttft_s", method) == pytest.approx(ttft, abs=0.01)
    assert value(told, "cost_usd", method) == pytest.approx(0.8 * 0.9 * 0.01, rel=0.05)


def test_the_logged_mean_stands_beside() -> None:
    told = evaluate(samples(20_000, 0.3, {"a": 0.3, "b": 0.7}), Bounds())
    assert value(told, "success", "logged") == pytest.approx(0.3 * 0.9 + 0.7 * 0.6, abs=0.02)
    for method in ("ips", "snips", "doubly_robust"):
        assert value(told, "success", method) == pytest.approx(
            value(told, "success", "logged"), abs=0.01
        )
    assert told["effective_sample_size"] == pytest.approx(20_000, rel=1e-9)
    assert (told["largest_weight"], told["mean_weight"]) == (1.0, 1.0)


@pytest.mark.parametrize("method", ["ips", "snips", "doubly_robust"])
def test_what_is_nobodys_fault_and_what_is_refused_is_out_of_the_mean(method: str) -> None:
    anew = {"a": 0.4, "b": 0.1}
    told = evaluate(samples(20_000, 0.5, anew, judged=0.5), Bounds())
    assert told["coverage"]["refused"] == pytest.approx(0.5)
    assert told["coverage"]["uncovered"] == pytest.approx(0, abs=0.02)
    assert value(told, "success", method) == pytest.approx(0.8 * 0.9 + 0.2 * 0.6, abs=0.02)


def test_a_log_of_certain_choices_says_plainly_that_it_holds_no_chance_picks() -> None:
    told = evaluate(samples(5_000, 1.0, {"a": 0.6, "b": 0.4}), Bounds())
    assert told["coverage"]["certain"] == 1.0
    assert told["coverage"]["uncovered"] == pytest.approx(0.4)
    assert told["coverage"]["never_chosen"] == {"b": pytest.approx(0.4)}
    assert "the log holds no chance picks to learn from" in told["refused"]
    assert "set exploration or a randomised strategy" in told["refused"]
    assert told["rewards"] == {}


def test_certain_choices_are_no_obstacle_where_the_other_config_makes_them_too() -> None:
    told = evaluate(samples(5_000, 1.0, {"a": 1.0}), Bounds())
    assert told["refused"] is None
    assert value(told, "success", "ips") == value(told, "success", "logged")


def test_a_deployment_that_was_never_chosen_is_named() -> None:
    told = evaluate(samples(5_000, 0.5, {"a": 0.5, "b": 0.4, "c": 0.1}), Bounds())
    assert told["coverage"]["never_chosen"] == {"c": pytest.approx(0.1)}
    assert "at least 10.0% of the new choices" in told["refused"]
    assert "no chance picks" not in told["refused"]
    allowed = evaluate(
        samples(5_000, 0.5, {"a": 0.5, "b": 0.4, "c": 0.1}), Bounds(most_uncovered=0.2)
    )
    assert allowed["refused"] is None


def test_noise_of_the_weights_alone_is_not_taken_for_uncovered() -> None:
    """One choice in ten is the new policy's only one: the mean weight is 1, give or take 0.06."""
    for seed in range(20):
        told = evaluate(samples(2_000, 0.1, {"a": 1.0}, seed=seed), Bounds())
        assert told["refused"] is None


def test_too_small_an_effective_sample_size_is_refused() -> None:
    told = evaluate(samples(500, 0.1, {"a": 1.0}), Bounds())
    assert told["effective_sample_size"] < 100
    assert "fewer than the 100 asked for (--least-ess)" in told["refused"]
    assert evaluate(samples(500, 0.1, {"a": 1.0}), Bounds(least_ess=10))["refused"] is None


def test_a_reward_known_of_too_few_is_refused_alone() -> None:
    made = samples(2_000, 0.5, {"a": 0.5, "b": 0.5})
    blind = [replace(each, rewards={**each.rewards, "ttft_s": None}) for each in made[50:]]
    told = evaluate(made[:50] + blind, Bounds())
    assert told["rewards"]["success"]["refused"] is None
    assert "known of too few" in told["rewards"]["ttft_s"]["refused"]


def test_without_outcomes_nothing_is_estimated() -> None:
    told = evaluate([], Bounds())
    assert told["records"] == 0
    assert "whose outcome is known" in told["refused"]

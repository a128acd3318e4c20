"""A whole replay with a replayer that follows a script: identity, difference, costs, samples."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from router_service.replay.evaluation import REWARDS
from router_service.replay.fleet import Fleet
from router_service.replay.identity import differences
from router_service.replay.run import Options, Replay
from router_service.replay.sampling import Ended, Sampling, seeds_of

from .records import attempt, decided, decision, outcome, refusal

FREE = {
    "usd_per_request": 0.0,
    "usd_per_1k_prompt_tokens": 0.0,
    "usd_per_1k_completion_tokens": 0.0,
}
FLEET = Fleet(
    {
        "one": {"price": FREE, "ttft_prior_us": 100_000},
        "two": {"price": FREE | {"usd_per_request": 0.02}, "ttft_prior_us": 300_000},
        "three": {
            "price": FREE | {"usd_per_1k_prompt_tokens": 1.0, "usd_per_1k_completion_tokens": 2.0},
            "ttft_prior_us": 200_000,
        },
    }
)
OTHER = "other"
"""A version that is not the config's."""

Verdict = dict[str, Any]


class Scripted:
    """Replays by what it is told of each request; draws the same choice for every seed."""

    def __init__(self, verdict: Callable[[dict[str, Any]], Verdict]) -> None:
        self.verdict = verdict
        self.seeds: list[list[int]] = []

    def replay(self, record: bytes) -> bytes:
        return json.dumps(self.verdict(json.loads(record))).encode()

    def draws(self, record: bytes, seeds: list[int]) -> list[str | None]:
        self.seeds.append(seeds)
        decided = self.verdict(json.loads(record)).get("decision")
        return [decided["deployment"] if decided else None for _ in seeds]


def same(record: dict[str, Any]) -> Verdict:
    return {key: record[key] for key in ("decision", "refused") if key in record}


def to(provider: str, **changes: Any) -> Callable[[dict[str, Any]], Verdict]:
    return lambda record: {"decision": decision(provider, **changes)}


def refusing(record: dict[str, Any]) -> Verdict:
    return {"refused": {"code": "no_room", "message": "none"}}


def replayed(
    records: list[dict[str, Any]],
    verdict: Callable[[dict[str, Any]], Verdict],
    options: Options = Options(draws=4),  # noqa: B008 # frozen
) -> dict[str, Any]:
    run = Replay(Scripted(verdict), "t", FLEET, options)
    run.add_all((record, json.dumps(record).encode()) for record in records)
    return run.as_json() | {"remarks": run.remarks}


# ── The same config ──────────────────────────────────────────────────────────────────────────────


def test_decisions_of_the_same_config_are_identical() -> None:
    told = replayed([decided(1), outcome(1), decided(2), refusal()], same)
    assert told["same_config"] == {
        "decisions": 3,
        "identical": 3,
        "differing": 0,
        "first_differences": [],
    }
    assert (told["difference"], told["estimates"]) == (None, None)


def test_a_difference_is_told_with_both_values() -> None:
    told = replayed([decided(1), decided(2)], to("two"))
    assert told["same_config"]["differing"] == 2
    assert {
        "decision_id": "d-1",
        "field": "decision.provider",
        "logged": "one",
        "replayed": "two",
    } in (told["same_config"]["first_differences"])


def test_the_last_bit_counts() -> None:
    third = 1 / 3
    near = third + 2**-54
    assert near != third
    assert list(differences({"p": third}, {"p": near})) == [
        {"field": "p", "logged": third, "replayed": near}
    ]
    assert list(differences({"p": 0.0}, {"p": -0.0}))
    assert list(differences({"p": 1}, {"p": 1.0}))
    assert list(differences({"p": True}, {"p": 1}))
    assert not list(differences({"a": [third, {"b": None}]}, {"a": [third, {"b": None}]}))


def test_what_one_side_lacks_is_a_difference() -> None:
    assert list(differences({"a": None, "l": [1]}, {"b": None, "l": [1, 2]})) == [
        {"field": "a", "logged": None},
        {"field": "l[1]", "replayed": 2},
        {"field": "b", "replayed": None},
    ]


def test_what_cannot_be_made_again_is_counted_and_told() -> None:
    def failing(record: dict[str, Any]) -> Verdict:
        raise ValueError("facts: missing field")

    told = replayed([decided(1), decided(2)], failing)
    assert (told["decisions"], told["unreplayable"]) == (0, 2)
    assert told["remarks"] == [
        "2 decisions could not be made again and were left out; the first: d-1: "
        "facts: missing field"
    ]


# ── Another config ───────────────────────────────────────────────────────────────────────────────


def test_what_moves_is_counted_by_rule_tier_and_provider() -> None:
    def verdict(record: dict[str, Any]) -> Verdict:
        moves = record["decision_id"] in ("d-1", "d-2")
        return to("two", tier="cloud_entry", rule="pool")(record) if moves else same(record)

    records = [decided(number, table_version=OTHER) for number in range(1, 5)]
    told = replayed(records, verdict)["difference"]
    assert (told["requests"], told["moved"], told["moved_share"]) == (4, 2, 0.5)
    assert told["rules"] == {"exact": {"requests": 4, "moved": 2, "rule_changed": 2}}
    assert told["tiers"]["moves"] == [{"from": "local", "to": "cloud_entry", "requests": 2}]
    assert told["providers"] == {
        "before": {"one": 4},
        "after": {"two": 2, "one": 2},
        "moves": [{"from": "one", "to": "two", "requests": 2}],
    }


def test_another_plan_behind_the_same_first_choice_is_no_move() -> None:
    def longer(record: dict[str, Any]) -> Verdict:
        hops = [*record["decision"]["plan"], {"deployment": "m@two", "tier": "local"}]
        return {"decision": record["decision"] | {"plan": hops}}

    told = replayed([decided(1, table_version=OTHER)], longer)["difference"]
    assert (told["moved"], told["plan_changed"]) == (0, 1)


def test_who_is_refused_now_and_who_is_served() -> None:
    told = replayed([decided(1, table_version=OTHER)], refusing)["difference"]
    assert (told["moved"], told["refused_now"], told["served_now"]) == (1, 1, 0)
    assert told["providers"]["after"] == {"refused": 1}
    told = replayed([refusal(table_version=OTHER)], to("two"))["difference"]
    assert (told["moved"], told["refused_now"], told["served_now"]) == (1, 0, 1)
    assert told["rules"] == {"refused": {"requests": 1, "moved": 1, "rule_changed": 1}}


def test_versions_are_told_apart() -> None:
    told = replayed([decided(1), decided(2, table_version=OTHER)], same)
    assert told["versions"] == {"t": 1, OTHER: 1}
    assert told["same_config"]["decisions"] == told["difference"]["requests"] == 1


def test_costs_go_by_the_tokens_of_the_outcome_else_by_their_mean() -> None:
    records = [
        decided(1, table_version=OTHER),
        outcome(1, prompt_tokens=10, completion_tokens=100),
        decided(2, table_version=OTHER),
        outcome(2, attempts=[attempt(outcome="unavailable", ttft_s=None)]),
        decided(3, table_version=OTHER),
    ]
    told = replayed(records, to("three"))["difference"]["cost"]
    assert told["before_usd"] == 0.0
    assert told["after_usd"] == pytest.approx((16 * 1.0 + 300 * 2.0) / 1_000)
    assert (told["requests"], told["answers_uncounted"], told["answer_tokens"]) == (3, 2, 100)


def test_a_log_that_counts_no_answer_goes_by_the_size_that_is_given() -> None:
    records = [decided(1, table_version=OTHER), outcome(1), decided(2, table_version=OTHER)]
    told = replayed(records, to("two"), Options(draws=4, answer_tokens=50))["difference"]["cost"]
    assert (told["after_usd"], told["answer_tokens"]) == (pytest.approx(0.04), 50)


def test_a_provider_this_config_does_not_know_has_no_cost() -> None:
    records = [decided(1, decision=decision("gone"), table_version=OTHER)]
    told = replayed(records, to("two"))["difference"]
    assert told["cost"]["requests"] == told["ttft"]["requests"] == 0


def test_expected_ttft_is_what_was_measured_else_the_prior() -> None:
    records = [
        decided(1, table_version=OTHER),
        outcome(1, attempts=[attempt(ttft_s=0.5)]),
        decided(2, table_version=OTHER),
        outcome(2, attempts=[attempt(ttft_s=0.7), attempt("two", ttft_s=9.0)]),
    ]
    told = replayed(records, to("two"))["difference"]["ttft"]
    assert told["before_s"] == pytest.approx(0.6)
    assert told["after_s"] == pytest.approx(0.3)
    assert told["deployments"] == {
        "m@one": {"ttft_s": pytest.approx(0.6), "source": "measured", "samples": 2},
        "m@two": {"ttft_s": 0.3, "source": "prior", "samples": 0},
    }


# ── Estimates ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("ended", "rewards"),
    [
        (Ended("success", "one", 0.5, 3, 9), (1.0, 0.5, 0.0)),
        (Ended("success", "three", 0.5, 3, 9), (1.0, 0.5, 0.021)),
        (Ended("success", "three", 0.5, 3, None), (1.0, 0.5, 0.203)),
        (Ended("success", "gone", 0.5, 3, 9), (1.0, 0.5, None)),
        (Ended("unavailable", "three", None, 3, 9), (0.0, None, 0.0)),
        (Ended("cancelled", "three", 0.2, 3, 9), (None, 0.2, None)),
        (Ended("invalid_request", "three", None, 3, None), (None, None, 0.0)),
    ],
)
def test_rewards_are_those_of_the_first_attempt(
    ended: Ended, rewards: tuple[float | None, ...]
) -> None:
    sampling = Sampling(Scripted(same), 1, 10)
    record = decided(1, table_version=OTHER)
    drawn = sampling.draw(record, json.dumps(record).encode())
    assert drawn is not None
    assert sampling.samples(FLEET, 100) == []
    drawn.ended = ended
    (sample,) = sampling.samples(FLEET, 100)
    assert tuple(sample.rewards[name] for name in REWARDS) == pytest.approx(rewards)


def test_the_report_of_a_route_caller_comes_after_an_end_without_attempts() -> None:
    records = [decided(1, table_version=OTHER), outcome(1, attempts=[]), outcome(1)]
    assert replayed(records, same)["estimates"]["records"] == 1


def test_a_decision_without_an_outcome_is_no_record_for_an_estimate() -> None:
    records = [decided(1, table_version=OTHER), decided(2, table_version=OTHER), outcome(2)]
    told = replayed(records, same)["estimates"]
    assert (told["records"], told["draws"]) == (1, 4)


def test_draws_do_not_use_the_logged_seed_and_are_the_same_every_time() -> None:
    first, again = Scripted(same), Scripted(same)
    logged_seed = 77
    for scripted in (first, again):
        run = Replay(scripted, "t", FLEET, Options(draws=64))
        record = decided(1, table_version=OTHER, seed=logged_seed)
        run.add(record, json.dumps(record).encode())
    assert first.seeds == again.seeds
    assert len(set(first.seeds[0])) == 64
    assert logged_seed not in first.seeds[0]
    assert seeds_of("d-1", 8) != seeds_of("d-2", 8)
    assert all(0 <= seed < 2**64 for seed in seeds_of("d-1", 8))


def test_memory_is_bounded() -> None:
    run = Replay(Scripted(same), "t", FLEET, Options(draws=1), most_samples=20, most_waiting=10)
    records = [decided(number, table_version=OTHER) for number in range(200)]
    run.add_all((record, json.dumps(record).encode()) for record in records)
    for number in (0, 150, 199):
        ended = outcome(number, completion_tokens=9)
        run.add(ended, json.dumps(ended).encode())
    told = run.as_json()
    assert told["estimates"]["is_partial"]
    assert told["estimates"]["records"] <= 1
    assert told["difference"]["cost"]["requests"] == 200
    assert told["difference"]["cost"]["answers_uncounted"] == 199

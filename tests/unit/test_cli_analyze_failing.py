"""`analyze` told what to assume: what failing costs, what is left, queues, the cross-check, rules
that nothing reaches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router_service.cli import router_service

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "config/model-mappings.yaml"
FLEET = """\
providers:
  one:
    {kind: openai, base_url: 'http://127.0.0.1:1/v1', availability: 0.9, ttft_prior_ms: 100,
     capacity: 4, failure_domain: rack}
  two:
    {kind: openai, base_url: 'http://127.0.0.1:2/v1', availability: 0.8, ttft_prior_ms: 50,
     capacity: 2, failure_domain: rack}
  far:
    {kind: openai, base_url: 'https://example.org/v1', location: cloud, availability: 0.99,
     ttft_prior_ms: 300, capacity: 8, price: {usd_per_request: 0.02}}
models:
  first: {provider: one}
  second: {provider: two}
  cloudy: {provider: far}
fallback_chains:
  first: {chain: [second, cloudy]}
unknown_model: reject
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


def run(*args: object) -> Result:
    return CliRunner().invoke(router_service, ["analyze", *map(str, args)], env={"COLUMNS": "200"})


def analysed(*args: object) -> dict[str, Any]:
    result = run(*args, "--json")
    assert result.exit_code == 0, result.output
    analysis: dict[str, Any] = json.loads(result.stdout)
    return analysis


def test_what_failing_costs_is_told_by_model(fleet: Path) -> None:
    first = analysed(fleet, "--failed-hop-ms", 1000)["models"][0]
    assert [hop["answers"] for hop in first["plan"]] == pytest.approx([0.9, 0, 0.099])
    assert first["expected"]["attempts"] == pytest.approx(1.2)
    assert first["worst"] == {
        "attempts": 3,
        "first_token_ms": 2300,
        "within_deadline": True,
        "usd": 0.02,
    }
    shown = run(fleet, "--failed-hop-ms", 20000).stdout
    assert "with 20000 ms for a hop that fails" in shown
    assert "40,300 ms (past the deadline)" in shown


def test_tokens_are_priced(fleet: Path) -> None:
    prices = "{usd_per_1k_prompt_tokens: 0.001, usd_per_1k_completion_tokens: 0.002}"
    fleet.write_text(FLEET.replace("{usd_per_request: 0.02}", prices))
    tokens = ("--prompt-tokens", 3000, "--answer-tokens", 500)
    assert analysed(fleet, *tokens)["models"][2]["worst"]["usd"] == pytest.approx(0.004)


def test_a_month_of_fallback_is_750_dollars(fleet: Path) -> None:
    assert analysed(fleet)["fallback_cost"]["usd_per_month"] == pytest.approx(750)
    shown = run(fleet).stdout
    assert "750.00 USD: 3 % of 1,000,000 requests at 0.025 USD" in shown
    asked = ("--requests-per-month", 2e6, "--fallback-rate", 0.1, "--price", 0.01)
    assert analysed(fleet, *asked)["fallback_cost"]["usd_per_month"] == pytest.approx(2000)


def test_traffic_is_that_of_a_file(fleet: Path, tmp_path: Path) -> None:
    shares = tmp_path / "traffic.yaml"
    shares.write_text("first: 3\ncloudy: 1\n")
    first = analysed(fleet, "--traffic", shares)["traffic"]["first"]
    assert first["shares"] == [
        {"provider": "one", "share": 0.75},
        {"provider": "far", "share": 0.25},
    ]
    assert first["entropy_bits"] == pytest.approx(0.811278, abs=1e-6)
    assert (
        "0.81 bits over first providers, 0.00 bits over last ones"
        in run(fleet, "--traffic", shares).stdout
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("frist: 1", "no public model is called `frist`; the closest are first"),
        ("first: much", "the weight of 'first' is no number: 'much'"),
        ("[first]", "write one line for each model"),
        ("first: 0", "give at least one model a weight above 0"),
        ("first: 1\nfirst: 2", "traffic.yaml:2:"),
    ],
)
def test_a_traffic_file_that_is_none_is_refused(
    fleet: Path, tmp_path: Path, text: str, said: str
) -> None:
    shares = tmp_path / "traffic.yaml"
    shares.write_text(text)
    result = run(fleet, "--traffic", shares)
    assert result.exit_code == 1
    assert said in result.output


def test_what_is_left_while_that_is_down(fleet: Path) -> None:
    down = analysed(fleet, "--down", "two,cloud")["down"]
    assert down["down"] == ["two", "cloud"]
    assert down["lost"] == ["second", "cloudy"]
    # one is up for half of the time in which two is down, for they fail together
    assert down["models"][0]["availability"] == pytest.approx(0.5)
    shown = run(fleet, "--down", "two,cloud").stdout
    assert "two and cloud" in shown
    assert "lost" in shown
    result = run(fleet, "--down", "tow")
    assert result.exit_code == 1
    assert "no provider, failure domain or location is called `tow`; the closest are two" in (
        result.output
    )


def test_scenarios_are_always_told(fleet: Path) -> None:
    told = [(item["down"], item["lost"]) for item in analysed(fleet)["scenarios"]]
    assert told == [
        (["cloud"], ["cloudy"]),
        (["local"], ["second"]),
        (["far", "rack"], ["first", "second", "cloudy"]),
    ]
    assert "far and rack" in run(fleet).stdout


def test_queues_tell_who_is_overloaded_by_which_loss(fleet: Path) -> None:
    asked = (fleet, "--rate", 3, "--service-s", 1.5, "--utilisation", 0.5)
    queueing = analysed(*asked)["queueing"]
    loads = {item["provider"]: item for item in queueing["providers"]}
    assert loads["two"]["utilisation"] == pytest.approx(0.75)
    # M/M/2 at 1.5 erlangs: 9/14 have to wait, three seconds each
    assert loads["two"]["wait_probability"] == pytest.approx(9 / 14)
    assert loads["two"]["mean_wait_ms"] == pytest.approx(1000 * 9 / 14 * 1.5 / 0.5)
    assert (loads["two"]["capacity_needed"], loads["two"]["worst_loss"]) == (3, "one")
    lost = {item["name"]: item for item in queueing["losses"]}
    assert [item["provider"] for item in lost["one"]["receivers"] if item["overloaded"]] == ["two"]
    assert lost["rack"]["unserved_per_s"] == pytest.approx(1)
    shown = run(*asked).stdout
    assert "Queues at 3 requests a second" in shown
    assert "two 150.0 %" in shown
    assert analysed(fleet)["queueing"] is None


def test_the_shipped_fleet_is_overloaded_from_the_documented_rates_on() -> None:
    def overloads(rate: float) -> list[tuple[str, str]]:
        losses = analysed(REFERENCE, "--rate", rate)["queueing"]["losses"]
        return [
            (loss["name"], item["provider"])
            for loss in losses
            for item in loss["receivers"]
            if item["overloaded"]
        ]

    def usual(rate: float) -> dict[str, dict[str, Any]]:
        providers = analysed(REFERENCE, "--rate", rate)["queueing"]["providers"]
        return {item["provider"]: item for item in providers}

    assert overloads(2.3) == []
    assert overloads(2.4) == [("ollama_cloud", "ollama")]
    assert usual(2.4)["ollama"]["capacity_needed_after_loss"] == 6
    assert not usual(6.7)["ollama"]["overloaded"]
    assert usual(6.8)["ollama"]["overloaded"]


def test_playing_agrees_with_the_exact_figures() -> None:
    check = analysed(REFERENCE, "--monte-carlo", 20000, "--seed", 5)["monte_carlo"]
    assert (check["samples"], check["seed"], check["outside"]) == (20000, 5, 0)
    assert len(check["models"]) == 14
    refused = run(REFERENCE, "--monte-carlo", 10**9)
    assert refused.exit_code == 1
    assert "`monte_carlo` must be between 1 and 10000000" in refused.output
    shown = run(REFERENCE, "--monte-carlo", 1000).stdout
    assert "Cross-check: 1,000 drawn states, seed 1" in shown
    assert "0 outside" in shown


def test_rules_that_nothing_reaches_are_listed(fleet: Path) -> None:
    fleet.write_text(
        FLEET
        + "patterns:\n- {pattern: ^m.*, provider: one}\n- {pattern: ^meta.*, provider: one}\n"
        + "model_size_routing:\n- {size: < 8B, provider: one}\n- {size: 7B, provider: one}\n"
        + "load_balancing:\n  mine: {providers: [{provider: one}]}\n"
    )
    codes = {item["code"]: item["line"] for item in analysed(fleet)["unreachable_rules"]}
    assert codes == {"unreachable-pattern": 20, "shadowed": 25, "unreachable-size": 23}
    shown = run(fleet).stdout
    assert "rules never reached" in shown
    assert "[unreachable-size]" in shown
    assert analysed(REFERENCE)["unreachable_rules"] == []


def test_two_files_are_compared_under_the_same_assumptions(fleet: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FLEET.replace("capacity: 2", "capacity: 20"))
    asked = ("--rate", 3, "--service-s", 1.5)
    row = next(
        line for line in run(fleet, other, *asked).stdout.splitlines() if "overloaded by" in line
    )
    assert row.split()[-2:] == ["two", "none"]


@pytest.mark.parametrize(
    "option",
    [
        ("--rate", "0"),
        ("--utilisation", "1.5"),
        ("--fallback-rate", "2"),
        ("--monte-carlo", "0"),
        ("--failed-hop-ms", "-1"),
    ],
)
def test_figures_out_of_range_are_refused(fleet: Path, option: tuple[str, str]) -> None:
    result = run(fleet, *option)
    assert result.exit_code == 2
    assert option[0] in result.output

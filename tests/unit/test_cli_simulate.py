"""`simulate`: flags over scenario over defaults, recordings read with places, the same seed the
same report."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner, Result

from router_service.cli import router_service

ROOT = Path(__file__).parents[2]
FLEET = (
    "providers:\n"
    "  one: {kind: openai, base_url: 'http://127.0.0.1:1/v1', capacity: 2, ttft_prior_ms: 100}\n"
    "  two: {kind: openai, base_url: 'http://127.0.0.1:2/v1', capacity: 2, ttft_prior_ms: 100}\n"
    "models:\n"
    "  small-7b: {deployments: [{provider: one}, {provider: two}]}\n"
    "  big-70b: {provider: one}\n"
    "unknown_model: reject\n"
)
SCENARIO = (
    "duration_s: 60\n"
    "strategies: [configured, least_loaded]\n"
    "arrivals: {rate_per_s: 1}\n"
    "workload:\n"
    "  - {model: small-7b, output_tokens: 20}\n"
    "providers:\n"
    "  one: {slots: 1}\n"
)


class Bench:
    """A folder with a fleet, a scenario, and whatever a test puts beside them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.fleet = self.write("fleet.yaml", FLEET)
        self.scenario = self.write("scenario.yaml", SCENARIO)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return str(self.folder / name)

    def run(self, *args: str) -> Result:
        command = ["simulate", "--config", self.fleet, *args]
        return CliRunner().invoke(router_service, command)

    def reports(self, *args: str) -> list[dict[str, Any]]:
        result = self.run(*args, "--json")
        assert result.exit_code == 0, result.output
        reports: list[dict[str, Any]] = json.loads(result.stdout)["reports"]
        return reports

    def refusal(self, *args: str) -> str:
        result = self.run(*args)
        assert result.exit_code == 1, result.output
        return result.stderr


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


# ── What is run ──────────────────────────────────────────────────────────────────────────────────


def test_without_a_scenario_the_strategies_stand_side_by_side(bench: Bench) -> None:
    reports = bench.reports("--duration", "30")
    names = [report["strategy"] for report in reports]
    assert names[0] == "configured"
    assert {"least_loaded", "fastest_response", "weighted"} <= set(names)
    assert len({report["offered"] for report in reports}) == 1
    assert reports[0]["models"][0]["model"] == "small-7b"


def test_the_reference_fleet_is_the_default() -> None:
    result = CliRunner().invoke(
        router_service, ["simulate", "--duration", "20", "--strategy", "configured", "--json"]
    )
    assert result.exit_code == 0, result.output
    (report,) = json.loads(result.stdout)["reports"]
    assert "ollama_cloud" in [provider["provider"] for provider in report["providers"]]
    assert report["offered"] > 0


def test_options_go_before_the_scenario(bench: Bench) -> None:
    (report,) = bench.reports(
        bench.scenario,
        *("--strategy", "weighted", "--rate", "2", "--duration", "30"),
        *("--model", "big-70b", "--seed", "9"),
    )
    assert report["strategy"] == "weighted"
    assert report["load"]["rate_per_s"] == 2
    assert report["load"]["duration_s"] == 30
    assert report["load"]["seed"] == 9
    assert [model["model"] for model in report["models"]] == ["big-70b"]


def test_the_scenario_is_what_is_run(bench: Bench) -> None:
    reports = bench.reports(bench.scenario)
    assert [report["strategy"] for report in reports] == ["configured", "least_loaded"]
    assert [provider["slots"] for provider in reports[0]["providers"]] == [1, 2]
    for report in reports:
        assert report["in_flight_at_end"] == 0
        assert report["answered"] + report["failed"] + report["refused"] == report["offered"]


def test_load_is_a_share_of_capacity(bench: Bench) -> None:
    (report,) = bench.reports(bench.scenario, "--strategy", "configured", "--load", "0.5")
    load = report["load"]
    assert load["rate_per_s"] == pytest.approx(load["capacity_per_s"] / 2)


def test_the_same_seed_prints_the_same_report(bench: Bench) -> None:
    arguments = (bench.scenario, "--arrivals", "burst", "--json")
    first, again = bench.run(*arguments), bench.run(*arguments)
    other = bench.run(*arguments, "--seed", "2")
    assert first.stdout == again.stdout
    assert first.stdout != other.stdout


def test_a_table_for_people_begins_with_goodput(bench: Bench) -> None:
    result = bench.run(bench.scenario)
    assert result.exit_code == 0, result.output
    header = next(line for line in result.stdout.splitlines() if "goodput" in line)
    assert header.split()[:2] == ["strategy", "goodput"]
    assert any(line.split()[:1] == ["least_loaded"] for line in result.stdout.splitlines())


# ── The chart ────────────────────────────────────────────────────────────────────────────────────


def texts(chart: Path) -> str:
    root = ElementTree.fromstring(chart.read_text())
    return "\n".join(text for text in root.itertext() if text.strip())


def test_a_chart_shows_goodput_times_and_shares_of_every_strategy(bench: Bench) -> None:
    chart = bench.folder / "chart.svg"
    reports = bench.reports(bench.scenario, "--chart", str(chart))
    shown = texts(chart)
    for words in ("goodput, % of requests", "TTFT, ms", "share of each provider, % of requests"):
        assert words in shown
    assert f"{reports[0]['offered']} requests in 60 s" in shown
    for report in reports:
        assert report["strategy"] in shown
        assert f"{100 * report['goodput']:.1f}" in shown
        for figure in ("mean", "p95", "p99"):
            assert f"{report['ttft_ms'][figure]:,.0f}" in shown
        for provider in report["providers"]:
            assert provider["provider"] in shown
            assert f"{100 * provider['share_got']:.0f}" in shown


def test_the_same_run_draws_the_same_file(bench: Bench) -> None:
    charts = [bench.folder / name for name in ("first.svg", "again.svg")]
    for chart in charts:
        bench.reports(bench.scenario, "--chart", str(chart))
    assert charts[0].read_bytes() == charts[1].read_bytes()


def test_without_streams_a_chart_shows_whole_answers(bench: Bench) -> None:
    scenario = bench.write("whole.yaml", SCENARIO.replace("tokens: 20", "tokens: 20, streamed: 0"))
    chart = bench.folder / "chart.svg"
    bench.reports(scenario, "--chart", str(chart))
    assert "time of an answer, ms" in texts(chart)
    assert "TTFT" not in texts(chart)


def test_a_chart_that_cannot_be_drawn_says_why(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert bench.run(bench.scenario, "--chart", "chart.png").exit_code == 2
    nowhere = str(bench.folder / "none" / "chart.svg")
    assert nowhere in bench.refusal(bench.scenario, "--chart", nowhere)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "router_service.cli.simulation_chart")
    shown = bench.refusal(bench.scenario, "--chart", str(bench.folder / "chart.svg"))
    assert shown.endswith("run: pip install matplotlib\n")


# ── Recordings ───────────────────────────────────────────────────────────────────────────────────


def test_a_recording_is_replayed(bench: Bench) -> None:
    recording = bench.write(
        "monday.csv",
        "output_tokens,timestamp,note,prompt_tokens\n20,105.5,x,30\n10,100,y,40\n\n5,103,z,50\n",
    )
    (report,) = bench.reports(bench.scenario, "--arrivals", recording, "--strategy", "weighted")
    assert (report["offered"], report["answered"]) == (3, 3)
    assert (report["offered_prompt_tokens"], report["offered_output_tokens"]) == (120, 35)


def test_a_scenario_names_its_recording_beside_itself(bench: Bench) -> None:
    bench.write("monday.csv", "timestamp,prompt_tokens,output_tokens\n0,1,1\n1,1,1\n")
    scenario = bench.write("recorded.yaml", "arrivals: {file: monday.csv}\nmodel: small-7b\n")
    reports = bench.reports(scenario)
    assert {report["offered"] for report in reports} == {2}
    assert reports[0]["load"]["rate_per_s"] is None


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        ("timestamp,prompt_tokens\n1,2\n", "line 1", "no column output_tokens"),
        ("timestamp,prompt_tokens,output_tokens\n", "", "holds no request"),
        ("timestamp,prompt_tokens,output_tokens\n1,2,3\nx,2,3\n", "line 3", "column timestamp"),
        ("timestamp,prompt_tokens,output_tokens\nnan,2,3\n", "line 2", "column timestamp"),
        ("timestamp,prompt_tokens,output_tokens\n1,2.5,3\n", "line 2", "column prompt_tokens"),
        ("timestamp,prompt_tokens,output_tokens\n1,2,-3\n", "line 2", "column output_tokens"),
        ("timestamp,prompt_tokens,output_tokens\n1,2\n", "line 2", "column output_tokens"),
        ('timestamp,prompt_tokens,output_tokens\n1,2,"3\n', "line 1", "not CSV"),
    ],
)
def test_mistakes_in_a_recording_are_placed(
    bench: Bench, text: str, place: str, reason: str
) -> None:
    recording = bench.write("bad.csv", text)
    shown = bench.refusal(bench.scenario, "--arrivals", recording)
    assert recording in shown
    assert place in shown
    assert reason in shown


# ── Mistakes ─────────────────────────────────────────────────────────────────────────────────────


def test_mistakes_in_a_scenario_are_placed(bench: Bench) -> None:
    scenario = bench.write("bad.yaml", SCENARIO.replace("slots", "slot").replace("duration_s", "d"))
    shown = bench.refusal(scenario)
    assert f"{scenario}:1:1: error: unknown key `d`" in shown
    assert f"{scenario}:7:9: error: unknown key `slot`" in shown
    assert "did you mean `slots`?" in shown


@pytest.mark.parametrize("workload", ["chat", "[chat]", "{model: chat}"])
def test_a_workload_that_is_none_is_placed(bench: Bench, workload: str) -> None:
    scenario = bench.write("bad.yaml", f"duration_s: 5\nworkload: {workload}\n")
    assert f"{scenario}:2:" in bench.refusal(scenario)
    assert f"{scenario}:2:" in bench.refusal(scenario, "--model", "small-7b", "--rate", "2")


def test_a_provider_the_config_lacks_is_placed(bench: Bench) -> None:
    scenario = bench.write("bad.yaml", SCENARIO.replace("  one:", "  onne:"))
    shown = bench.refusal(scenario)
    assert f"{scenario}:7:3: error: no provider `onne`" in shown
    assert "did you mean `one`?" in shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--strategy", "least_loded"), "--strategy: no strategy `least_loded`; did you mean"),
        (("--model", "smal-7b"), "--model: the model"),
        (("--rate", "100000", "--duration", "1000"), "--rate: about 100000000 requests"),
        (("--arrivals", "none.csv"), "none.csv"),
    ],
)
def test_mistakes_in_options_name_the_option(
    bench: Bench, arguments: tuple[str, ...], reason: str
) -> None:
    assert reason in bench.refusal(*arguments)


@pytest.mark.parametrize(
    "arguments",
    [
        ("--load", "0.5", "--rate", "1"),
        ("--arrivals", "uniform"),
        ("--arrivals", "x.csv", "--rate", "1"),
        ("--load", "0"),
    ],
)
def test_wrong_usage(bench: Bench, arguments: tuple[str, ...]) -> None:
    assert bench.run(*arguments).exit_code == 2


def test_a_failure_as_json(bench: Bench) -> None:
    result = bench.run("--strategy", "none", "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["error"]["code"] == "invalid_request"


# ── What ships ───────────────────────────────────────────────────────────────────────────────────


def test_the_shipped_scenario_runs(bench: Bench) -> None:
    folder = ROOT / "config/simulate"
    bench.fleet = str(folder / "six-providers-fleet.yaml")
    reports = bench.reports(str(folder / "six-providers.yaml"), "--strategy", "least_loaded")
    assert reports[0]["goodput"] > 0.8
    assert len(reports[0]["providers"]) == 6


@pytest.mark.parametrize(("ratio", "mean_ms"), [("0.3", 3400), ("0.5", 3200), ("0.8", 2900)])
def test_model_routing_takes_the_time_its_shares_add_up_to(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, ratio: str, mean_ms: float
) -> None:
    monkeypatch.setenv("ENABLE_MODEL_ROUTING", "true")
    monkeypatch.setenv("AB_TEST_RATIO", ratio)
    bench.fleet = str(ROOT / "config/model-routing-3b-8b.yaml")
    (report,) = bench.reports(str(ROOT / "config/simulate/model-routing.yaml"))
    assert report["answered"] == report["offered"]
    assert report["total_ms"]["mean"] == pytest.approx(mean_ms, rel=0.01)
    times = {model["model"]: model["total_ms_mean"] for model in report["models"]}
    assert times == {
        "meta-llama/Llama-3.2-3B-Instruct": 2500,
        "meta-llama/Llama-3.1-8B-Instruct": 4500,
    }

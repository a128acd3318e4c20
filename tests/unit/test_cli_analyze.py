"""`analyze`: its figures as JSON, tables and graph, and what it says of the documented chains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router_service.cli import router_service

ROOT = Path(__file__).parents[2]
REFERENCE = ROOT / "config/model-mappings.yaml"
DATA = ROOT / "tests/data"
CHAINS = (DATA / "chains-v1.7.yaml", DATA / "chains-v1.7.1.yaml", REFERENCE)
LEADS_NOWHERE = "models that lead to no other"
ENDS = "providers that plans end on"
FLEET = (
    "providers:\n"
    "  one: {kind: openai, base_url: 'http://127.0.0.1:1/v1', availability: 0.9}\n"
    "  two: {kind: openai, base_url: 'http://127.0.0.1:2/v1', availability: 0.99}\n"
    "models:\n"
    "  'big \"a\" #1-70b': {provider: one, capabilities: [code]}\n"
    "  small-7b: {provider: two}\n"
    "capabilities:\n"
    "  code: {preferred_models: ['big \"a\" #1-70b']}\n"
    "fallback_chains:\n"
    "  'big \"a\" #1-70b': {chain: [small-7b]}\n"
    "policies: {severity: {single-failure-domain: off, capability-lost: off}}\n"
    "unknown_model: reject\n"
)


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    path = tmp_path / "fleet.yaml"
    path.write_text(FLEET)
    return path


def run(*args: str) -> Result:
    return CliRunner().invoke(router_service, ["analyze", *args])


def analysed(path: Path) -> dict[str, Any]:
    result = run(str(path), "--json")
    assert result.exit_code == 0, result.output
    analysis: dict[str, Any] = json.loads(result.stdout)
    return analysis


def models(analysis: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["model"]: item for item in analysis["models"]}


def points(model: dict[str, Any]) -> set[str]:
    return {point["name"] for point in model["single_points_of_failure"]}


# ── one small file ───────────────────────────────────────────────────────────────────────────────


def test_json_has_every_promised_field(fleet: Path) -> None:
    analysis = analysed(fleet)
    assert {
        "models",
        "cycles",
        "terminal_providers",
        "longest_path",
        "policies",
        "system",
        "positions",
        "blast_radius",
    } <= analysis.keys()
    big, small = analysis["models"]
    assert big["availability"] == pytest.approx(0.999, abs=1e-12)
    assert big["downtime_s_per_month"] == pytest.approx(2592, abs=1e-6)
    assert [(hop["provider"], hop["capabilities_lost"]) for hop in big["plan"]] == [
        ("one", []),
        ("two", ["code"]),
    ]
    assert (points(big), points(small)) == (set(), {"two"})
    assert analysis["longest_path"]["edges"] == 1
    assert analysis["terminal_providers"] == [
        {"provider": "two", "models": ['big "a" #1-70b', "small-7b"]}
    ]
    assert analysis["cycles"] == analysis["policies"] == []


def test_tables_show_the_same(fleet: Path) -> None:
    result = run(str(fleet))
    assert result.exit_code == 0, result.output
    assert result.stdout.split()[:4] == ["models,", "edges", "2,", "1"]
    for shown in (
        "99.9 %",
        "43.2 min",
        "-90 %",
        "two (takes 1)",
        "code",
    ):
        assert shown in result.stdout


def test_findings_of_check_are_listed(fleet: Path) -> None:
    fleet.write_text(FLEET + "router_settings: {redis_host: localhost}\n")
    (finding,) = analysed(fleet)["policies"]
    assert (finding["severity"], finding["line"]) == ("warning", 13)
    assert "fleet.yaml:13:" in run(str(fleet)).stdout.replace("\n", "")


def test_a_broken_file_fails_with_its_places(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(FLEET.replace("chain: [small-7b]", "chain: [smal-7b]"))
    shown = run(str(path))
    assert shown.exit_code == 1
    assert f"{path}:10:" in shown.output
    as_json = run(str(path), "--json")
    assert as_json.exit_code == 1
    (found,) = json.loads(as_json.stdout)["error"]["diagnostics"]
    assert found["line"] == 10


def test_a_missing_file_and_two_forms_at_once_are_refused(fleet: Path) -> None:
    assert run("nowhere.yaml").exit_code == 1
    assert run(str(fleet), "--json", "--mermaid").exit_code == 2


# ── two files ────────────────────────────────────────────────────────────────────────────────────


def test_two_files_are_compared_by_model(fleet: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(FLEET.replace("availability: 0.9}", "availability: 0.5}"))
    result = run(str(fleet), str(other), "--json")
    assert result.exit_code == 0, result.output
    compared = json.loads(result.stdout)
    assert (compared["before"], compared["after"]) == (analysed(fleet), analysed(other))
    (change,) = compared["changes"]
    assert change["model"] == 'big "a" #1-70b'
    assert change["before"]["availability"] == pytest.approx(0.999, abs=1e-12)
    assert change["after"]["availability"] == pytest.approx(0.995, abs=1e-12)
    shown = run(str(fleet), str(other)).stdout
    assert "99.9 %" in shown
    assert "99.5 %" in shown


def test_a_model_of_one_file_alone_is_told() -> None:
    result = run(*map(str, CHAINS[:2]), "--json")
    changes = {change["model"]: change for change in json.loads(result.stdout)["changes"]}
    assert set(changes) == {"gpt-oss:20b", "llama3.1", "llama-cpp-default", "llama-cpp-native"}
    assert changes["llama-cpp-native"]["before"] is None
    assert "no such model" in run(*map(str, CHAINS[:2])).stdout


def test_a_file_does_not_differ_from_itself(fleet: Path) -> None:
    result = run(str(fleet), str(fleet))
    assert result.exit_code == 0, result.output
    assert "no model's plan or availability changes" in result.stdout


def test_a_broken_second_file_fails_and_two_are_not_drawn(fleet: Path, tmp_path: Path) -> None:
    assert run(str(fleet), str(tmp_path / "none.yaml")).exit_code == 1
    assert run(str(fleet), str(fleet), "--mermaid").exit_code == 2


# ── Mermaid ──────────────────────────────────────────────────────────────────────────────────────


def test_mermaid_draws_tiers_chains_providers_and_domains(fleet: Path) -> None:
    result = run(str(fleet), "--mermaid")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines() == [
        "flowchart LR",
        '  subgraph t0["tier local"]',
        '    m0["big #quot;a#quot; #35;1-70b"]',
        '    m1["small-7b"]',
        "  end",
        '  subgraph d0["failure domain one"]',
        '    p0(["one, 90 %"])',
        "  end",
        '  subgraph d1["failure domain two"]',
        '    p1(["two, 99 %"])',
        "  end",
        "  m0 -->|1| m1",
        "  m0 -.-> p0",
        "  m1 -.-> p1",
    ]


def test_mermaid_of_the_shipped_config_has_every_model_and_edge() -> None:
    graph = analysed(REFERENCE)["graph"]
    text = run(str(REFERENCE), "--mermaid").stdout
    edges = sum(len(model["chain"]) for model in graph["models"])
    assert text.count("-->|") == edges
    assert all(f'["{model["model"]}"]' in text for model in graph["models"])
    assert text.count("subgraph t") == 4
    assert "vllm-dolphin, not active" in text


# ── the documented chains (B2, B3) and those we ship (B4) ────────────────────────────────────────


def documented(page: str) -> dict[str, list[str]]:
    """The rows of a page's tables, by their first cell."""
    lines = (ROOT / "docs" / page).read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]
    return {row[0]: row[1:] for row in rows}


def test_the_documented_figures_are_those_found() -> None:
    rows = documented("analyze.md")
    for column, path in enumerate(CHAINS, start=1):
        analysis = analysed(path)
        public = [item for item in analysis["models"] if item["public"]]
        many = sum(item["availability"] > 0.999999 for item in public)
        ends = {item["provider"]: len(item["models"]) for item in analysis["terminal_providers"]}
        assert rows["models"][column].startswith(str(analysis["nodes"]))
        assert rows["edges"][column] == str(analysis["edges"])
        assert rows["cycles listed"][column] == str(len(analysis["cycles"]))
        assert rows["longest path, edges"][column] == str(analysis["longest_path"]["edges"])
        assert all(name in rows[LEADS_NOWHERE][column] for name in analysis["terminal_models"])
        assert all(f"{name} {count}" in rows[ENDS][column] for name, count in ends.items())
        assert share(rows["lowest availability"][column]) == pytest.approx(
            analysis["system"]["lowest_availability"], abs=1e-12
        )
        assert rows["models above 99.9999 %"][column] == f"{many} of {len(public)}"
        scenarios = {" ".join(item["down"]): item for item in analysis["scenarios"]}
        lost = scenarios.pop("local")["lost"]
        del scenarios["cloud"]
        spread = analysis["traffic"]
        assert rows["pairs of domains that take models out"][column] == str(len(scenarios))
        assert rows["models lost while all that is local is down"][column] == str(len(lost))
        for end in ("first", "last"):
            told = rows[f"entropy of {end} hops, bits"][column]
            assert told == f"{spread[end]['entropy_bits']:.2f}"
        most = max(item["expected"]["attempts"] for item in public)
        assert rows["most attempts expected"][column] == f"{most:.2f}"


@pytest.mark.parametrize("version", [1, 2])
def test_the_documented_availabilities_are_those_found(version: int) -> None:
    found = models(analysed(CHAINS[version - 1]))
    rows = documented("analyze.md")
    for model, item in found.items():
        (cells,) = (cells for names, cells in rows.items() if model_is_in(names, model))
        assert share(cells[version - 1]) == pytest.approx(item["availability"], abs=1e-12), model


def model_is_in(names: str, model: str) -> bool:
    return any(model.split(":")[0] == name or model == name for name in names.split(", "))


def share(text: str) -> float:
    return float(text.removesuffix(" %")) / 100


def test_the_chains_of_v1_7() -> None:
    analysis = analysed(DATA / "chains-v1.7.yaml")
    assert (analysis["nodes"], analysis["edges"]) == (10, 22)
    assert len(analysis["cycles"]) > 0
    named = models(analysis)
    assert named["llama3.1"]["availability"] == pytest.approx(1 - 1e-5, abs=1e-12)
    assert named["qwen2.5-coder:7b"]["availability"] == pytest.approx(1 - 5e-4, abs=1e-12)
    assert points(named["qwen-coder-vllm"]) == {"vllm-qwen", "gpu0"}


def test_the_repair_of_v1_7_1() -> None:
    analysis = analysed(DATA / "chains-v1.7.1.yaml")
    assert (analysis["nodes"], analysis["edges"]) == (12, 24)
    assert len(analysis["cycles"]) > 0
    named = models(analysis)
    assert named["llama3.1"]["availability"] == pytest.approx(1 - 5e-7, abs=1e-12)
    assert named["gpt-oss:20b"]["availability"] == pytest.approx(1 - 5e-5, abs=1e-12)
    assert points(named["llama-cpp-native"]) == {"llama_cpp_native", "llama_cpp"}


def test_every_public_model_we_ship_is_better_than_six_nines() -> None:
    analysis = analysed(REFERENCE)
    public = [item for item in analysis["models"] if item["public"]]
    assert len(public) == 14
    assert min(item["availability"] for item in public) > 0.999999
    assert analysis["system"]["single_points_of_failure"] == []
    assert not models(analysis)["dolphin-vllm"]["public"]

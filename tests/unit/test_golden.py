"""The golden cases through the Python core: the same files that `cargo test` reads
(tests/golden/README.md), the reference fleet from its YAML."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from router_service.cli import router_service
from router_service.config.routing import load_table
from router_service.core import Facts, Router, Table
from router_service.errors import DecisionError

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "config" / "model-mappings.yaml"
FILES = sorted((ROOT / "tests" / "golden").glob("*.json"))
FACTS = {
    "max_tokens",
    "stream",
    "capability",
    "priority",
    "quality_tier",
    "batch_size",
    "batch_mode",
    "request_count",
    "strategy",
    "chain",
    "allowed",
}


@cache
def golden(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@cache
def table(path: Path) -> Table:
    config = golden(path)["config"]
    if config == "reference":
        return load_table(REFERENCE)
    return Table.compile(json.dumps(config).encode())


def facts(table: Table, request: dict[str, Any]) -> Facts:
    unknown = request.keys() - FACTS - {"model", "prompt", "headers"}
    assert not unknown, f"tests/golden/README.md knows no {sorted(unknown)}"
    return Facts(
        request["model"],
        inspection=table.inspect_text(request["prompt"]),
        headers=list(request.get("headers", {}).items()),
        **{name: value for name, value in request.items() if name in FACTS},
    )


def explain(path: Path, request: dict[str, Any]) -> dict[str, Any]:
    document = golden(path)
    router = Router(table(path), "golden")
    if "state" in document:
        assert router.restore(json.dumps(document["state"]).encode()) == []
    explained = router.explain(
        facts(table(path), request), document.get("now_us", 0), document.get("seed", 0)
    )
    decision: dict[str, Any] = json.loads(explained)
    return decision


def differences(expect: dict[str, Any], decision: dict[str, Any]) -> Iterator[str]:
    """What differs between a decision and what is expected of it."""
    for key, wanted in expect.items():
        match key:
            case "plan":
                got: Any = [hop["deployment"] for hop in decision["plan"]]
                fits = got == wanted
            case "skipped":
                candidates = decision["candidates"]
                got = {
                    row["deployment"]: row["reason"] for row in candidates if not row["eligible"]
                }
                fits = all(words in got.get(deployment, "") for deployment, words in wanted.items())
            case "notes":
                got = " ".join(decision["notes"])
                fits = all(words in got for words in wanted)
            case _:
                got = decision.get(key)
                fits = got == wanted
        if not fits:
            yield f"{key}: wanted {wanted!r}, got {got!r}"


def cases() -> Iterator[Any]:
    for path in FILES:
        for case in golden(path)["cases"]:
            yield pytest.param(path, case, id=f"{path.stem}: {case['name']}")


@pytest.mark.parametrize(("path", "case"), list(cases()))
def test_golden_case(path: Path, case: dict[str, Any]) -> None:
    try:
        decision = explain(path, case["request"])
    except DecisionError as refused:
        decision = {"error": refused.code}
    assert list(differences(case["expect"], decision)) == []


def test_a_wrong_expectation_is_noticed() -> None:
    decision = explain(FILES[0], golden(FILES[0])["cases"][0]["request"])
    wrong = {"plan": [], "skipped": {"*@nowhere": "words"}, "notes": ["words"], "error": "no_room"}
    assert len(list(differences(wrong, decision))) == len(wrong)


# ── The same through the command line ────────────────────────────────────────────────────────────


def routed(*args: str) -> dict[str, Any]:
    done = CliRunner().invoke(router_service, ["route", *args, "--json"])
    assert done.exit_code == 0, done.output
    decision: dict[str, Any] = json.loads(done.stdout)
    return decision


def options(request: dict[str, Any]) -> list[str]:
    args = ["--model", request["model"], "--prompt", request["prompt"]]
    if "max_tokens" in request:
        args += ["--max-tokens", str(request["max_tokens"])]
    if "capability" in request:
        args += ["--header", f"x-capability={request['capability']}"]
    return [*args, *(["--stream"] if request.get("stream") else [])]


def reference_cases() -> Iterator[Any]:
    """One row of each rule."""
    wanted = {
        "R2 alias",
        "R3 gguf",
        "R4 deprecated analysis",
        "R4 exact model with X-Capability: the capability limits the fallbacks",
        "R5 creative-tasks, long",
        "R6 above 13 B",
        "R7 stream prefers ollama among a model's deployments",
        "R8 default",
        "R10 a REST API is hard",
        "R10 a large max_tokens does not make print hello hard",
    }
    path = ROOT / "tests" / "golden" / "reference.json"
    found = [case for case in golden(path)["cases"] if case["name"] in wanted]
    assert len(found) == len(wanted)
    for case in found:
        yield pytest.param(case, id=case["name"])


@pytest.mark.parametrize("case", list(reference_cases()))
def test_route_prints_the_golden_decision(case: dict[str, Any]) -> None:
    decision = routed("--config", str(REFERENCE), *options(case["request"]))
    assert list(differences(case["expect"], decision)) == []


def test_route_decides_on_the_state_it_is_given(tmp_path: Path) -> None:
    # In-flight counts do not age, so this row holds at any time.
    saturation = golden(ROOT / "tests" / "golden" / "saturation.json")
    row = next(case for case in saturation["cases"] if case["name"].startswith("R12 every local"))
    config, state = tmp_path / "fleet.json", tmp_path / "state.json"
    config.write_text(json.dumps(saturation["config"]))
    state.write_text(json.dumps(saturation["state"]))
    args = ["--config", str(config), *options(row["request"])]
    assert list(differences(row["expect"], routed(*args, "--state", str(state)))) == []
    assert routed(*args)["provider"] in {"one", "two"}

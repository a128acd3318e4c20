"""The shipped 3B/8B experiment: it is clean and off, its vocabularies classify the specification's
questions, and the environment sets it up or is refused by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from router_service.config.routing import check, load_table
from router_service.core import Facts, Router, Table
from router_service.errors import ConfigRejected

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "config" / "model-routing-3b-8b.yaml"
PACKAGED = ROOT / "src" / "router_service" / "config" / SHIPPED.name
SMALL = "meta-llama/Llama-3.2-3B-Instruct"
LARGE = "meta-llama/Llama-3.1-8B-Instruct"
ROSS: dict[str, list[str]] = {"breed": ["Ross 308"], "age_days": ["21"]}
NOW_US = 1_700_000_000_000_000


def routing(environ: Mapping[str, str]) -> dict[str, Any]:
    """The experiment as the core has it."""
    router = Router(load_table(SHIPPED, environ), "test")
    figures: dict[str, Any] = json.loads(router.experiments(NOW_US))["experiments"][0]
    return figures


def arms(environ: Mapping[str, str]) -> dict[str, tuple[str, float]]:
    return {arm["name"]: (arm["model"], arm["wanted_share"]) for arm in routing(environ)["arms"]}


def test_it_ships_with_the_package_adds_no_finding_and_is_off() -> None:
    assert PACKAGED.read_bytes() == SHIPPED.read_bytes()
    assert [item for item in check(SHIPPED, {}) if item.file.endswith(SHIPPED.name)] == []
    assert routing({})["enabled"] is False
    assert arms({}) == {"3b": (SMALL, 0.5), "8b": (LARGE, 0.5)}
    assert load_table(SHIPPED, {}).query_model == LARGE


@pytest.fixture(scope="module")
def table() -> Table:
    return load_table(SHIPPED, {})


@pytest.mark.parametrize(
    ("text", "query_type", "entities", "expected"),
    [
        (
            "What is the weight of Ross 308 at 21 days?",
            "genetics_performance",
            ROSS,
            "simple",
        ),
        ("Weight of Ross 308 at 21 days?", "genetics_performance", ROSS, "simple"),
        ("What is the weight of Ross 308 at 21 days?", None, {}, "simple"),
        ("Weight of Ross 308 at 21 days?", None, {}, "simple"),
        ("FCR OF ROSS 308 AT 35 DAYS", None, {}, "simple"),
        ("How many birds per square metre?", None, {}, "simple"),
        ("How to improve FCR for Ross 308?", None, {}, "medium"),
        ("How to improve FCR for Ross 308?", "genetics_performance", ROSS, "medium"),
        ("Why is the weight low?", "metric_query", ROSS, "medium"),
        ("Vaccination protocol for broilers", None, {}, "medium"),
        ("Feed for layers in summer", "nutrition_query", {}, "medium"),
        ("Litter in winter", "farm_management", {}, "medium"),
        ("Compare Ross 308 vs Cobb 500 at 21 and 28 days", "comparative", {}, "complex"),
        ("Ross 308 vs. Cobb 500?", None, {}, "complex"),
        ("What is the difference between Ross and Cobb?", None, {}, "complex"),
        ("What is the weight?", "metric_query", {"age_days": ["21, 28"]}, "complex"),
        ("Coughing birds", "diagnostic_synthesis", {}, "complex"),
        ("Explain step by step what is eaten", None, {}, "complex"),
    ],
)
def test_questions_are_classified_as_specified(
    table: Table,
    text: str,
    query_type: str | None,
    entities: dict[str, list[str]],
    expected: str,
) -> None:
    found = table.classify(text, query_type=query_type, entities=list(entities.items()))
    assert found is not None
    assert found[0] == expected, found


def test_a_config_without_query_classes_classifies_nothing() -> None:
    reference = load_table(environ={})
    assert reference.classify("What is it?") is None
    assert reference.query_model is None


def test_facts_carry_a_class_without_any_text(table: Table) -> None:
    enabled = load_table(SHIPPED, {"ENABLE_MODEL_ROUTING": "true"})
    for query_class, arm in (("simple", "3b"), ("complex", "8b"), ("unknown", "8b")):
        facts = Facts(LARGE, query_class=query_class)
        decision = Router(enabled, "test").decide(facts, NOW_US, 1)
        assert (decision.experiment, decision.arm) == ("model-routing-3b-8b", arm)
        off = Router(table, "test").decide(facts, NOW_US, 1)
        assert (off.experiment, off.arm, off.model) == (None, None, LARGE)


# ── The environment ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("value", "enabled"),
    [("true", True), ("1", True), ("TRUE", True), ("false", False), ("0", False), ("", False)],
)
def test_the_switch(value: str, enabled: bool) -> None:
    assert routing({"ENABLE_MODEL_ROUTING": value})["enabled"] is enabled


@pytest.mark.parametrize("ratio", ["0", "0.3", "1"])
def test_the_ratio_is_the_share_of_the_small_model(ratio: str) -> None:
    found = arms({"AB_TEST_RATIO": ratio})
    assert found["3b"][1] == pytest.approx(float(ratio))
    assert found["8b"][1] == pytest.approx(1 - float(ratio))


def test_models_of_the_arms() -> None:
    environ = {"MODEL_3B_NAME": "llama3.1:latest", "MODEL_8B_NAME": "gpt-oss:20b-cloud"}
    found = arms(environ)
    assert (found["3b"][0], found["8b"][0]) == ("llama3.1:latest", "gpt-oss:20b-cloud")
    assert load_table(SHIPPED, environ).query_model == "gpt-oss:20b-cloud"


def test_the_table_version_tells_what_the_environment_set() -> None:
    versions = {
        load_table(SHIPPED, environ).version
        for environ in ({}, {"ENABLE_MODEL_ROUTING": "true"}, {"AB_TEST_RATIO": "0.3"})
    }
    assert len(versions) == 3
    assert load_table(SHIPPED, {"ENABLE_MODEL_ROUTING": " "}).version in versions


@pytest.mark.parametrize(
    ("variable", "value", "message"),
    [
        ("ENABLE_MODEL_ROUTING", "yes", "'yes' is neither true nor false"),
        ("AB_TEST_RATIO", "1.5", "'1.5' is no number from 0 to 1"),
        ("AB_TEST_RATIO", "-0.1", "'-0.1' is no number from 0 to 1"),
        ("AB_TEST_RATIO", "half", "'half' is no number from 0 to 1"),
        ("AB_TEST_RATIO", "nan", "'nan' is no number from 0 to 1"),
        ("MODEL_3B_NAME", "lama3.1:latest", "no model `lama3.1:latest`"),
    ],
)
def test_a_wrong_value_is_refused_at_its_variable(variable: str, value: str, message: str) -> None:
    with pytest.raises(ConfigRejected) as refused:
        load_table(SHIPPED, {variable: value})
    (found,) = [item for item in refused.value.diagnostics if item.severity == "error"]
    assert found.file == f"environment variable {variable}"
    assert message in found.message


def test_turning_it_on_needs_query_classes() -> None:
    with pytest.raises(ConfigRejected, match="has no query_classes"):
        load_table(environ={"ENABLE_MODEL_ROUTING": "true"})
    for environ in ({"ENABLE_MODEL_ROUTING": "false"}, {"AB_TEST_RATIO": "0.3"}):
        assert load_table(environ=environ).version == load_table(environ={}).version


def test_a_schedule_gives_way_to_the_ratio_and_other_arms_keep_their_proportions(
    tmp_path: Path,
) -> None:
    document = {
        "providers": {"one": {"kind": "openai", "base_url": "http://127.0.0.1:1/v1"}},
        "models": {"m": {"provider": "one"}},
        "experiments": {
            "sizes": {
                "arms": {
                    "small": {"model": "m", "share": 0.2},
                    "large": {"model": "m", "share": 0.6},
                    "huge": {"model": "m", "share": 0.2},
                },
                "control": "large",
                "schedule": [{"from": "2000-01-01T00:00:00Z", "share": 0.9}],
            }
        },
        "query_classes": {
            "experiment": "sizes",
            "simple": "small",
            "complex": "large",
            "baseline_latency_ms": 1,
            "vocabulary": {},
        },
    }
    path = tmp_path / "routing.yaml"
    path.write_text(json.dumps(document))

    def shares(environ: Mapping[str, str]) -> list[float]:
        router = Router(load_table(path, environ), "test")
        (experiment,) = json.loads(router.experiments(NOW_US))["experiments"]
        return [round(arm["wanted_share"], 6) for arm in experiment["arms"]]

    assert shares({}) == [0.9, 0.075, 0.025]
    assert shares({"AB_TEST_RATIO": "0.6"}) == [0.6, 0.3, 0.1]

"""The config files that ship and those of older versions: they load unchanged.

What nothing uses in them is a warning at its place.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest
from ruamel.yaml import YAML

from router_service.config.routing import check, load_routing, load_table
from router_service.core import Table

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "tests" / "data"
REFERENCE = ROOT / "config" / "model-mappings.yaml"


def embedder() -> ModuleType:
    path = ROOT / "config" / "embed_reference.py"
    spec = importlib.util.spec_from_file_location("embed_reference", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_embedded_reference_fleet_is_the_shipped_one() -> None:
    module = embedder()
    embedded = module.TARGET.read_text(encoding="utf-8")
    assert embedded == module.rendered(), "run: python config/embed_reference.py"
    assert next(iter(json.loads(embedded)["providers"])) == "ollama"


def test_the_reference_fleet_has_no_finding_but_what_it_accepts() -> None:
    loaded = load_routing(REFERENCE)
    assert loaded.findings == []
    assert {each.code for each in loaded.accepted} == {"pattern-overlap", "capability-lost"}
    overlaps = [each.message for each in loaded.accepted if each.code == "pattern-overlap"]
    assert len(overlaps) == 4
    assert "`^meta-llama/.*` and `.*:\\d+[bB]$` both match `meta-llama/:0b`" in overlaps[0]


@pytest.mark.parametrize(("name", "models"), [("chains-v1.7", 10), ("chains-v1.7.1", 12)])
def test_documented_chains_load_unchanged(name: str, models: int) -> None:
    path = DATA / f"{name}.yaml"
    assert {found.severity for found in check(path)} == {"warning"}
    table = load_table(path)
    assert len(table.models) == models
    llama = next(model for model in table.models if model.name == "llama3.1")
    assert llama.providers == ["ollama"]


def test_a_legacy_file_loads_with_its_unused_keys_named() -> None:
    path = DATA / "legacy.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    unused = [found for found in check(path) if found.code == "unused-key"]
    named = sorted(lines[found.line - 1].split(":")[0].strip() for found in unused)
    assert named == sorted(
        [
            "applicable_to",
            "debug",
            "debug_router",
            "load_balance",
            "measure",
            "redis_host",
            "redis_port",
            "routing_metrics",
            "set_verbose",
            "weight_factors",
        ]
    )


def test_a_legacy_file_stands_on_the_reference_fleet() -> None:
    path = DATA / "legacy.yaml"
    assert {found.severity for found in check(path)} == {"warning"}
    table = load_table(path)
    models = {model.name: model for model in table.models}
    assert len(table.providers) == len(load_table(REFERENCE).providers)
    assert models["phi3-mini-4b"].parameters == 4_000_000_000
    assert models["starcoder:15b"].providers == ["vllm-qwen"]
    assert "gpt-4" in models["deepseek-v3.1:671b-cloud"].aliases


@pytest.mark.parametrize(
    "path", [REFERENCE, *sorted(DATA.glob("*.yaml"))], ids=lambda path: path.stem
)
def test_the_schema_for_editors_accepts_what_the_core_accepts(path: Path) -> None:
    schema = json.loads(Table.schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    with path.open(encoding="utf-8") as source:
        config = json.loads(json.dumps(YAML(typ="safe", pure=True).load(source), default=str))
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(config)) == []
    config["colour"] = "blue"
    errors = jsonschema.Draft202012Validator(schema).iter_errors(config)
    assert [error.validator for error in errors] == ["additionalProperties"]

"""What an export holds: groups, weights, order, keys, fallbacks, settings. No LiteLLM is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from router_service.config.reference import REFERENCE_CONFIG
from router_service.export.exported import Export, export_litellm

FLEET = Path(__file__).parent / "weighted-fleet.yaml"


@pytest.fixture(scope="module")
def export() -> Export:
    return export_litellm(FLEET, {})


def members(export: Export, group: str) -> list[dict[str, Any]]:
    return [entry for entry in export.config["model_list"] if entry["model_name"] == group]


def params(export: Export, group: str) -> list[dict[str, Any]]:
    return [entry["litellm_params"] for entry in members(export, group)]


def fallbacks(export: Export, kind: str = "fallbacks") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for item in export.config["router_settings"].get(kind, []):
        assert len(item) == 1
        found |= item
    return found


def written(text: str, folder: Path) -> Export:
    path = folder / "routing.yaml"
    path.write_text(text)
    return export_litellm(path, {})


# ── Deployments ──────────────────────────────────────────────────────────────────────────────────


def test_each_kind_of_provider_has_its_prefix_and_address(export: Export) -> None:
    here, gpu, cloud = params(export, "shared-7b")
    assert (here["model"], here["api_base"]) == ("ollama_chat/shared:7b", "http://127.0.0.1:11434")
    assert (gpu["model"], gpu["api_base"]) == (
        "hosted_vllm/org/shared-7b",
        "http://127.0.0.1:8001/v1",
    )
    assert (cloud["model"], cloud["api_base"]) == (
        "openai/shared-7b",
        "https://api.example.com/v1",
    )


def test_keys_are_named_and_never_written(monkeypatch: pytest.MonkeyPatch) -> None:
    secret = "sk-this-is-a-secret"
    monkeypatch.setenv("EXAMPLE_KEY", secret)
    export = export_litellm(FLEET)
    keys = [entry["api_key"] for entry in params(export, "shared-7b")]
    assert keys == ["none", "none", "os.environ/EXAMPLE_KEY"]
    assert params(export, "vaulted-70b")[0]["api_key"] == "os.environ/VAULT_API_KEY"
    assert secret not in export.text


def test_weights_are_on_every_member(export: Export) -> None:
    assert [entry["weight"] for entry in params(export, "shared-7b")] == [6, 3, 1]
    assert all("weight" in entry["litellm_params"] for entry in export.config["model_list"])


def test_a_pool_of_the_models_name_sets_the_weights_in_force(tmp_path: Path) -> None:
    pool = "  shared-7b:\n    providers:\n      - {provider: here, weight: 9}\n"
    text = FLEET.read_text().replace("load_balancing:\n", f"load_balancing:\n{pool}")
    assert params(written(text, tmp_path), "shared-7b")[0]["weight"] == 9


def test_priorities_become_order_on_every_member_or_on_none(export: Export) -> None:
    assert [entry["order"] for entry in params(export, "ranked-13b")] == [1, 2]
    assert all("order" not in entry for entry in params(export, "shared-7b"))


def test_ids_are_unique(export: Export) -> None:
    ids = [entry["model_info"]["id"] for entry in export.config["model_list"]]
    assert len(ids) == len(set(ids))
    assert "shared-7b@here" in ids
    assert "busy/shared-7b@here" in ids


def test_windows_times_capacity_and_prices_go_along(export: Export) -> None:
    assert [entry["model_info"]["max_input_tokens"] for entry in members(export, "shared-7b")] == [
        4096,
        4096,
        4096,
    ]
    cloud = params(export, "long-70b")[0]
    assert cloud["timeout"] == 45
    assert cloud["input_cost_per_token"] == 0.0005
    assert cloud["output_cost_per_token"] == 0.0015
    gpu = params(export, "shared-7b")[1]
    assert (gpu["max_parallel_requests"], gpu["stream_timeout"]) == (16, 15)
    assert "timeout" not in gpu


def test_what_is_not_in_use_is_left_out(export: Export) -> None:
    assert not members(export, "idle-3b")
    origins = [entry["model_info"]["router_service"] for entry in export.config["model_list"]]
    assert "spare" not in {origin["provider"] for origin in origins}
    assert "idle-3b" not in export.text


# ── Groups ───────────────────────────────────────────────────────────────────────────────────────


def test_a_capability_without_a_strategy_is_taken_in_turn(export: Export) -> None:
    models = [(e["model"], e["order"]) for e in params(export, "chat")]
    assert models == [
        ("ollama_chat/shared:7b", 1),
        ("hosted_vllm/org/shared-7b", 1),
        ("openai/shared-7b", 1),
        ("hosted_vllm/ranked-13b", 2),
        ("openai/ranked-13b", 2),
    ]


def test_a_member_with_a_condition_comes_after_those_without(export: Export) -> None:
    found = [(e["model"], e["weight"], e["order"]) for e in params(export, "careful")]
    assert found == [
        ("ollama_chat/shared:7b", 1, 1),
        ("hosted_vllm/org/shared-7b", 2, 1),
        ("openai/long-70b", 3, 2),
    ]


def test_nothing_goes_to_the_cloud_unasked_where_all_have_conditions(export: Export) -> None:
    found = [(e["model"], e["order"]) for e in params(export, "guarded")]
    assert found == [("hosted_vllm/org/shared-7b", 1), ("openai/long-70b", 2)]


def test_another_strategy_is_a_routing_group(export: Export) -> None:
    settings = export.config["router_settings"]
    assert settings["routing_strategy"] == "simple-shuffle"
    assert settings["routing_groups"] == [
        {"group_name": "by least-busy", "models": ["busy"], "routing_strategy": "least-busy"}
    ]


def test_aliases_lead_to_their_groups(export: Export) -> None:
    aliases = export.config["router_settings"]["model_group_alias"]
    assert aliases["shared"] == "shared-7b"
    assert aliases["shared-latest"] == "shared-7b"
    assert aliases["general_chat"] == "chat"


# ── Fallbacks ────────────────────────────────────────────────────────────────────────────────────


def test_chains_become_fallbacks_without_what_is_not_in_use(export: Export) -> None:
    assert fallbacks(export)["shared-7b"] == ["ranked-13b", "long-70b"]


def test_a_step_onto_one_of_several_deployments_has_a_group_of_its_own(export: Export) -> None:
    assert fallbacks(export)["ranked-13b"] == ["shared-7b@gpu", "long-70b"]
    assert [entry["model"] for entry in params(export, "shared-7b@gpu")] == [
        "hosted_vllm/org/shared-7b"
    ]


def test_the_default_chain_serves_what_has_none(export: Export) -> None:
    assert fallbacks(export)["long-70b"] == ["vaulted-70b"]


def test_a_group_falls_back_as_its_first_model_does_and_then_by_its_own(export: Export) -> None:
    # ranked-13b is a member already.
    assert fallbacks(export)["chat"] == ["long-70b"]


def test_past_the_context_window_only_larger_ones_are_tried(export: Export) -> None:
    # ranked-13b has no window of its own on one of its providers: nothing says that it is larger.
    assert fallbacks(export, "context_window_fallbacks")["shared-7b"] == ["long-70b"]
    assert "long-70b" not in fallbacks(export, "context_window_fallbacks")


@pytest.mark.parametrize("config", [FLEET, REFERENCE_CONFIG])
def test_every_name_leads_to_a_group_and_none_to_itself(config: Path) -> None:
    export = export_litellm(config, {})
    groups = {entry["model_name"] for entry in export.config["model_list"]}
    assert set(export.config["router_settings"]["model_group_alias"].values()) <= groups
    for kind in ("fallbacks", "context_window_fallbacks"):
        for name, targets in fallbacks(export, kind).items():
            assert {name, *targets} <= groups
            assert name not in targets


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────


def test_settings_are_those_in_force(export: Export) -> None:
    settings = export.config["router_settings"]
    expected = {
        "num_retries": 1,
        "max_fallbacks": 3,
        "timeout": 12.5,
        "cooldown_time": 20,
        "allowed_fails": 2,
        "enable_pre_call_checks": True,
        "enable_weighted_failover": True,
    }
    assert {key: settings[key] for key in expected} == expected


def test_breakers_that_are_off_are_cooldowns_that_are_off(tmp_path: Path) -> None:
    off = FLEET.read_text().replace("  allowed_fails: 2\n", "")
    export = written(off + "error_based_routing: {enabled: false}\n", tmp_path)
    settings = export.config["router_settings"]
    assert settings["disable_cooldowns"] is True
    assert "allowed_fails" not in settings


def test_redis_only_where_it_is_configured(export: Export, tmp_path: Path) -> None:
    assert "redis" not in export.text
    settings = "router_settings:\n  redis_host: cache\n  redis_port: 6380\n"
    changed = written(FLEET.read_text().replace("router_settings:\n", settings), tmp_path)
    router = changed.config["router_settings"]
    assert (router["redis_host"], router["redis_port"]) == ("cache", 6380)


def test_unknown_names_go_to_the_default_provider_unless_refused(
    export: Export, tmp_path: Path
) -> None:
    assert not members(export, "*")
    changed = FLEET.read_text().replace("unknown_model: reject", "default_provider: here")
    assert params(written(changed, tmp_path), "*")[0]["model"] == "ollama_chat/*"


# ── The file ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("config", [FLEET, REFERENCE_CONFIG])
def test_two_runs_write_the_same_file(config: Path) -> None:
    assert export_litellm(config, {}).text == export_litellm(config, {}).text


def test_names_that_older_yaml_reads_as_something_else_are_quoted(tmp_path: Path) -> None:
    text = FLEET.read_text().replace("  idle-3b:", '  "on": {provider: here}\n  idle-3b:')
    export = written(text, tmp_path)
    assert members(export, "on")
    assert "model_name: 'on'" in export.text


def test_the_file_says_where_it_comes_from_and_reads_back(export: Export) -> None:
    first = export.text.splitlines()[0]
    assert "weighted-fleet.yaml" in first
    assert export.table_version in first
    assert YAML(typ="safe").load(export.text) == export.config
    assert "&" not in export.text

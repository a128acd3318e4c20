//! What a sound config means: the reference fleet, every accepted shape, and the warnings that go with
//! what is read but not used.

use std::collections::BTreeSet;

use serde_json::{json, Value};

use super::{compile, schema};
use crate::config::diagnostics::Diagnostic;
use crate::facts::Features;
use crate::strategy::Strategy;
use crate::table::{ChainStep, Model, Table, Target};

const REFERENCE: &str = include_str!("reference.json");

fn table(config: &Value) -> Table {
    compile(config.to_string().as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn reference() -> Table {
    compile(REFERENCE.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"))
}

fn fleet(extra: &Value) -> Value {
    let mut config = json!({
        "providers": {
            "ollama": { "kind": "ollama", "base_url": "http://127.0.0.1:11434/", "capacity": 4 },
            "gpu-a": { "kind": "vllm", "base_url": "http://127.0.0.1:8001/v1", "exclusive_group": "gpu0" },
            "gpu-b": {
                "kind": "vllm", "base_url": "http://127.0.0.1:8002/v1",
                "exclusive_group": "gpu0", "active": false
            }
        },
        "models": {
            "one:7b": {
                "capabilities": ["chat"],
                "deployments": [{ "provider": "ollama" }, { "provider": "gpu-a", "weight": 3 }]
            },
            "two:13b": { "provider": "ollama", "aliases": ["two"] },
            "asleep": { "provider": "gpu-b" }
        }
    });
    let sections = config.as_object_mut().unwrap();
    sections.extend(extra.as_object().unwrap().clone());
    config
}

fn model<'t>(table: &'t Table, name: &str) -> &'t Model {
    table.models.get(table.names[name].model)
}

fn target(table: &Table, target: Target) -> String {
    match target {
        Target::Model(id) => table.models.get(id).name.clone(),
        Target::Deployment(id) => table.deployments.get(id).id.clone(),
    }
}

fn steps(table: &Table, steps: &[ChainStep]) -> Vec<String> {
    steps
        .iter()
        .map(|step| target(table, step.target))
        .collect()
}

fn members(table: &Table, capability: &str) -> Vec<String> {
    let id = table.capability_names[capability].capability;
    let members = &table.capabilities.get(id).members;
    members
        .iter()
        .map(|member| target(table, member.target))
        .collect()
}

fn codes(found: &[Diagnostic]) -> BTreeSet<(&str, &str)> {
    found
        .iter()
        .map(|found| (found.code, found.pointer.as_str()))
        .collect()
}

#[test]
fn the_reference_fleet_compiles() {
    let table = reference();
    assert_eq!((table.providers.len(), table.models.len()), (7, 15));
    assert_eq!(
        table.deployments.len(),
        7 + 16,
        "passthroughs and the models' own"
    );
    assert_eq!(table.patterns.rules.len(), 4);
    assert_eq!(table.size_rules.len(), 3);
    assert_eq!(table.condition_headers, ["x-priority"]);
    let not_built: BTreeSet<_> = table.warnings.iter().map(|found| found.code).collect();
    assert_eq!(
        not_built,
        BTreeSet::from(["not-built"]),
        "{:#?}",
        table.warnings
    );
}

#[test]
fn the_reference_fleet_resolves_its_names() {
    let table = reference();
    let patterns: Vec<String> = table
        .patterns
        .rules
        .iter()
        .map(|rule| target(&table, rule.target))
        .collect();
    assert_eq!(
        patterns,
        [
            "*@vllm-qwen",
            "*@vllm-qwen",
            "*@ollama",
            "*@llama_cpp_python"
        ]
    );
    assert_eq!(
        members(&table, "high_throughput"),
        ["qwen-coder-vllm@vllm-qwen"]
    );
    assert_eq!(
        members(&table, "general_chat"),
        [
            "llama3.1:latest",
            "gpt-oss:120b-cloud",
            "gpt-oss:20b-cloud",
            "glm-4.6:cloud"
        ]
    );
    assert!(table.capability_names["conversational"].deprecated);
    assert_eq!(model(&table, "llama3.1:8b").name, "llama3.1:latest");
    assert_eq!(
        steps(&table, &table.default_chain),
        ["*@vllm-qwen", "*@ollama", "*@llama_cpp_python"]
    );
    let code = table.capability_names["code"].capability;
    assert_eq!(
        steps(&table, &table.capabilities.get(code).fallback),
        [
            "qwen2.5-coder:7b@ollama",
            "llama3.1:latest@llama_cpp_python"
        ]
    );
}

#[test]
fn a_model_with_its_own_pool_is_no_pool() {
    let table = reference();
    let llama = model(&table, "llama3.1:latest");
    assert!(llama.pool.is_some());
    assert_eq!(llama.strategy, Strategy::Weighted);
    assert!(!table.pool_names.contains_key("llama3.1:latest"));
    let weights: Vec<f64> = llama
        .deployments
        .iter()
        .map(|id| table.deployments.get(*id).weight)
        .collect();
    assert_eq!(weights, [0.7, 0.3]);
}

#[test]
fn deployments_take_the_smaller_context_and_the_common_features() {
    let table = reference();
    let find = |id: &str| {
        table
            .deployments
            .iter()
            .find(|(_, d)| d.id == id)
            .unwrap()
            .1
    };
    assert_eq!(find("llama3.1:latest@ollama").context_window, Some(131_072));
    assert_eq!(
        find("llama3.1:latest@llama_cpp_python").context_window,
        Some(8_192)
    );
    assert_eq!(
        find("qwen-coder-vllm@vllm-qwen").context_window,
        Some(4_096)
    );
    assert!(!find("llama3.1:latest@ollama")
        .features
        .contains(Features::LOGPROBS));
    assert!(find("qwen-coder-vllm@vllm-qwen")
        .features
        .contains(Features::LOGPROBS));
    assert!(!find("dolphin-vllm@vllm-dolphin").enabled);
    assert!(!find("*@vllm-dolphin").enabled);
}

#[test]
fn the_version_depends_on_the_text_alone() {
    let first = table(&fleet(&json!({}))).version;
    assert_eq!(first, table(&fleet(&json!({}))).version);
    assert_eq!(first.len(), 16);
    assert_ne!(
        first,
        table(&fleet(&json!({ "unknown_model": "reject" }))).version
    );
}

#[test]
fn a_file_without_fleet_gets_the_reference_fleet() {
    let table = table(&json!({
        "exact_matches": { "phi3:mini": { "provider": "ollama", "fallback": "llama3.1:latest" } },
        "unknown_model": "reject"
    }));
    assert_eq!((table.providers.len(), table.models.len()), (7, 16));
    assert_eq!(
        table
            .warnings
            .iter()
            .filter(|found| found.code == "default-used")
            .count(),
        2
    );
    assert_eq!(
        steps(&table, &model(&table, "phi3:mini").chain),
        ["llama3.1:latest"]
    );
    assert_eq!(table.default_provider, None);
}

#[test]
fn own_providers_keep_the_reference_models_they_can_serve() {
    let table = table(&json!({
        "providers": { "ollama": { "kind": "ollama", "base_url": "http://127.0.0.1:11434" } }
    }));
    let names: Vec<&str> = table
        .models
        .iter()
        .map(|(_, model)| model.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "qwen2.5-coder:7b",
            "llama3.1:latest",
            "mythomax-l2-13b-q5_k_m"
        ]
    );
    assert_eq!(model(&table, "llama3.1:latest").deployments.len(), 1);
}

#[test]
fn exact_names_imply_models_and_deployments() {
    let table = table(&fleet(&json!({ "exact_matches": {
        "new-34b": { "provider": "vllm", "priority": "primary" },
        "two": { "provider": "gpu0", "priority": "secondary", "fallback": null },
        "one:7b": { "provider": "ollama", "priority": "secondary", "fallback": "gpu-a" }
    } })));
    let new = model(&table, "new-34b");
    assert_eq!(new.parameters, Some(34_000_000_000));
    let held = |name: &str| -> Vec<(String, u8)> {
        let deployments = model(&table, name).deployments.iter();
        deployments
            .map(|id| table.deployments.get(*id))
            .map(|deployment| (deployment.id.clone(), deployment.priority))
            .collect()
    };
    assert_eq!(held("new-34b"), [("new-34b@gpu-a".to_owned(), 0)]);
    assert_eq!(
        held("two"),
        [
            ("two:13b@ollama".to_owned(), 0),
            ("two:13b@gpu-a".to_owned(), 1)
        ]
    );
    assert_eq!(
        held("one:7b"),
        [
            ("one:7b@ollama".to_owned(), 1),
            ("one:7b@gpu-a".to_owned(), 0)
        ]
    );
    assert_eq!(
        steps(&table, &model(&table, "one:7b").chain),
        ["one:7b@gpu-a"]
    );
}

#[test]
fn chains_come_in_every_shape() {
    let table = table(&fleet(&json!({
        "exact_matches": { "one:7b": { "provider": "ollama", "fallback": "asleep" } },
        "fallback_chains": {
            "one:7b": { "chain": ["two", "ollama"], "tier": "local" },
            "two:13b": [{ "primary": "vllm", "preferred_model": "one:7b", "condition": "stream" }],
            "spare": {
                "primary": { "provider": "ollama", "preferred_model": "two" },
                "secondary": "gpu-a",
                "retry_attempts": 3,
                "retry_delay_ms": 500
            }
        },
        "fallbacks": [{ "model": "asleep", "fallback_models": ["one:7b"] }],
        "router_settings": { "fallbacks": [{ "new": ["two"] }], "model_group_alias": { "new": "asleep" } }
    })));
    assert_eq!(
        steps(&table, &model(&table, "one:7b").chain),
        ["asleep", "two:13b", "one:7b@ollama"]
    );
    let two = &model(&table, "two").chain;
    assert_eq!(steps(&table, two), ["one:7b@gpu-a"]);
    assert!(two[0].condition.is_some());
    let spare = &table.named_chains["spare"];
    assert_eq!(steps(&table, &spare.steps), ["two:13b@ollama", "*@gpu-a"]);
    assert_eq!(
        (spare.retry_attempts, spare.retry_delay_us),
        (Some(3), Some(500_000))
    );
    assert_eq!(steps(&table, &model(&table, "asleep").chain), ["one:7b"]);
    assert!(
        codes(&table.warnings).contains(&("duplicate-chain", "/router_settings/fallbacks/0/new"))
    );
}

#[test]
fn capabilities_without_models_take_the_providers() {
    let table = table(&fleet(&json!({
        "capabilities": {
            "chat": { "providers": ["ollama", "vllm"] },
            "fast": { "provider": "ollama" }
        }
    })));
    assert_eq!(members(&table, "chat"), ["one:7b@ollama", "one:7b@gpu-a"]);
    assert_eq!(members(&table, "fast"), ["one:7b@ollama"]);
    assert_eq!(
        codes(&table.warnings),
        BTreeSet::from([("implied-model", "/capabilities/fast/provider")])
    );
}

#[test]
fn labels_alone_make_a_capability() {
    let table = table(&fleet(&json!({})));
    assert_eq!(members(&table, "chat"), ["one:7b"]);
    assert_eq!(members(&table, "general_chat"), ["one:7b"]);
}

#[test]
fn a_pool_member_without_a_model_takes_the_first() {
    let table = table(&fleet(&json!({ "load_balancing": {
        "group": { "providers": [{ "provider": "ollama" }, { "provider": "gpu-b", "preferred_model": "asleep" }] },
        "two": { "strategy": "least-busy", "providers": [{ "provider": "ollama" }, { "provider": "gpu-a", "weight": 0 }] }
    } })));
    let pool = table.pools.get(table.pool_names["group"]);
    let held: Vec<String> = pool
        .members
        .iter()
        .map(|member| target(&table, member.target))
        .collect();
    assert_eq!(held, ["one:7b@ollama", "asleep@gpu-b"]);
    assert!(!table.pool_names.contains_key("two"));
    let two = model(&table, "two");
    assert_eq!(
        (two.strategy, two.deployments.len()),
        (Strategy::LeastLoaded, 2)
    );
    let weight = table.deployments.get(two.deployments[1]).weight;
    assert!(
        weight > 0.0 && weight < 1e-6,
        "no share, yet a positive weight"
    );
}

#[test]
fn a_kind_means_its_active_member() {
    let config = fleet(&json!({
        "patterns": [
            { "pattern": "a", "provider": "vllm" },
            { "pattern": "b", "provider": "gpu0" },
            { "pattern": "c", "provider": "gpu-b" }
        ]
    }));
    let held = table(&config);
    let targets: Vec<String> = held
        .patterns
        .rules
        .iter()
        .map(|rule| target(&held, rule.target))
        .collect();
    assert_eq!(targets, ["*@gpu-a", "*@gpu-a", "*@gpu-b"]);
    let mut second = config;
    second["providers"]["third"] = json!({ "kind": "vllm", "base_url": "http://127.0.0.1:8003" });
    let held = table(&second);
    assert_eq!(
        codes(&held.warnings),
        BTreeSet::from([("ambiguous-provider", "/patterns/0/provider")])
    );
}

#[test]
fn a_key_file_is_told_by_its_slash() {
    let mut config = fleet(&json!({}));
    config["providers"]["ollama"]["credential_file"] = json!("key.txt");
    config["providers"]["gpu-a"]["credential_env"] = json!("GPU_KEY");
    let table = table(&config);
    let credentials: Vec<Option<&str>> = table
        .providers
        .iter()
        .map(|(_, provider)| provider.credential.as_deref())
        .collect();
    assert_eq!(credentials, [Some("./key.txt"), Some("GPU_KEY"), None]);
}

#[test]
fn patterns_match_whole_names() {
    let table = table(&fleet(&json!({
        "patterns": [{ "pattern": "a|b", "provider": "ollama" }, { "pattern": ".*b", "provider": "ollama" }]
    })));
    let first = |name: &str| table.patterns.set.matches(name).iter().next();
    assert_eq!(
        (first("a"), first("ab"), first("ba")),
        (Some(0), Some(1), None)
    );
}

#[test]
fn settings_settle_contradicting_times() {
    let settings = table(&fleet(&json!({
        "router_settings": { "cooldown_time": 20, "timeout": 2.5, "routing_strategy": "simple-shuffle" },
        "rate_limited_fallback": { "fallback_duration_seconds": 7 },
        "error_based_routing": { "error_threshold": 5, "cooldown_seconds": 90 }
    })))
    .settings;
    assert_eq!(
        (settings.cooldown_us, settings.max_cooldown_us),
        (20_000_000, 90_000_000)
    );
    assert_eq!(
        (settings.rate_limited_us, settings.timeout_us),
        (7_000_000, 2_500_000)
    );
    assert_eq!(
        (settings.allowed_fails, settings.strategy),
        (5, Strategy::SimpleShuffle)
    );
}

#[test]
fn what_nothing_uses_is_a_warning() {
    let table = table(&fleet(&json!({
        "debug": true,
        "usage_based": { "weight_factors": ["latency", { "cost": 0.2 }], "measure": "tokens" },
        "experiments": { "sizes": {
            "match": { "capability": "chat" }, "unit": "user",
            "arms": { "3b": { "model": "one:7b", "share": 0.5 }, "8b": { "model": "two" } }
        } },
        "metadata": { "version": 1.7, "owner": "someone" },
        "router_settings": { "redis_host": "localhost", "redis_prot": 1, "routing_strategy": "usage-based-routing" },
        "request_metadata_routing": { "s": {
            "provider": "ollama", "condition": "stream", "description": "notes are welcome"
        } }
    })));
    assert_eq!(
        codes(&table.warnings),
        BTreeSet::from([
            ("unused-key", "/debug"),
            ("unused-key", "/usage_based"),
            ("unused-key", "/usage_based/measure"),
            ("unused-key", "/experiments"),
            ("unused-key", "/metadata/owner"),
            ("unused-key", "/router_settings/redis_host"),
            ("unused-key", "/router_settings/redis_prot"),
            ("not-built", "/router_settings/routing_strategy"),
        ])
    );
}

#[test]
fn empty_sections_and_values_are_as_if_absent() {
    let table = table(&fleet(&json!({
        "patterns": null,
        "router_settings": { "timeout": null, "fallbacks": null },
        "exact_matches": { "two": { "provider": "ollama", "fallback": null, "description": null } },
        "capabilities": { "chat": { "preferred_models": ["two"], "parameters": null } }
    })));
    assert_eq!(table.settings.timeout_us, 30_000_000);
    assert_eq!(table.warnings, []);
}

#[test]
fn more_capabilities_than_a_set_holds_are_refused() {
    let mut config = fleet(&json!({ "capabilities": {} }));
    for number in 0..70 {
        config["capabilities"][format!("c{number}")] = json!({ "preferred_models": ["two"] });
    }
    let found = compile(config.to_string().as_bytes()).unwrap_err();
    assert_eq!(
        codes(&found),
        BTreeSet::from([("too-many", "/capabilities/c64")])
    );
}

#[test]
fn the_schema_describes_every_section() {
    let schema = schema();
    assert_eq!(
        schema["$schema"],
        "https://json-schema.org/draft/2020-12/schema"
    );
    let sections: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    for section in [
        "providers",
        "models",
        "exact_matches",
        "load_balancing",
        "router_settings",
    ] {
        assert!(sections.iter().any(|known| *known == section), "{section}");
    }
}

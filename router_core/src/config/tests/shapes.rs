//! Every accepted shape and what it means, and the warnings for what is read but not used.

use std::collections::BTreeSet;

use serde_json::json;

use super::tables::{codes, fleet, members, model, steps, table, target};
use crate::config::compile;
use crate::strategy::Strategy;

#[test]
fn the_version_depends_on_the_text_alone() {
    let first = table(&fleet(&json!({}))).version;
    assert_eq!(first, table(&fleet(&json!({}))).version);
    assert_eq!(first.len(), 16);
    assert_ne!(first, table(&fleet(&json!({ "unknown_model": "reject" }))).version);
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
    assert_eq!(held("two"), [("two:13b@ollama".to_owned(), 0), ("two:13b@gpu-a".to_owned(), 1)]);
    assert_eq!(held("one:7b"), [("one:7b@ollama".to_owned(), 1), ("one:7b@gpu-a".to_owned(), 0)]);
    assert_eq!(steps(&table, &model(&table, "one:7b").chain), ["one:7b@gpu-a"]);
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
    assert_eq!((spare.retry_attempts, spare.retry_delay_us), (Some(3), Some(500_000)));
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
fn a_declared_old_name_is_carried_with_the_current_one() {
    let table = table(&fleet(&json!({
        "capabilities": { "general_chat": { "provider": "ollama" } }
    })));
    assert_eq!(members(&table, "general_chat"), ["one:7b@ollama"]);
    assert!(!table.capability_names["general_chat"].deprecated);
    assert!(table.capability_names["conversational"].deprecated);
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
    let held: Vec<String> =
        pool.members.iter().map(|member| target(&table, member.target)).collect();
    assert_eq!(held, ["one:7b@ollama", "asleep@gpu-b"]);
    assert!(!table.pool_names.contains_key("two"));
    let two = model(&table, "two");
    assert_eq!((two.strategy, two.deployments.len()), (Strategy::LeastLoaded, 2));
    let weight = table.deployments.get(two.deployments[1]).weight;
    assert!(weight > 0.0 && weight < 1e-6, "no share, yet a positive weight");
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
    let targets: Vec<String> =
        held.patterns.rules.iter().map(|rule| target(&held, rule.target)).collect();
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
    let credentials: Vec<Option<&str>> =
        table.providers.iter().map(|(_, provider)| provider.credential.as_deref()).collect();
    assert_eq!(credentials, [Some("./key.txt"), Some("GPU_KEY"), None]);
}

#[test]
fn patterns_match_whole_names() {
    let table = table(&fleet(&json!({
        "patterns": [{ "pattern": "a|b", "provider": "ollama" }, { "pattern": ".*b", "provider": "ollama" }]
    })));
    let first = |name: &str| table.patterns.set.matches(name).iter().next();
    assert_eq!((first("a"), first("ab"), first("ba")), (Some(0), Some(1), None));
}

#[test]
fn settings_settle_contradicting_times() {
    let settings = table(&fleet(&json!({
        "router_settings": { "cooldown_time": 20, "timeout": 2.5, "routing_strategy": "simple-shuffle" },
        "rate_limited_fallback": { "fallback_duration_seconds": 7 },
        "error_based_routing": { "error_threshold": 5, "cooldown_seconds": 90 }
    })))
    .settings;
    assert_eq!((settings.cooldown_us, settings.max_cooldown_us), (20_000_000, 90_000_000));
    assert_eq!((settings.rate_limited_us, settings.timeout_us), (Some(7_000_000), 2_500_000));
    assert_eq!((settings.allowed_fails, settings.strategy), (Some(5), Strategy::SimpleShuffle));
}

#[test]
fn what_nothing_uses_is_a_warning() {
    let table = table(&fleet(&json!({
        "debug": true,
        "usage_based": { "weight_factors": ["latency", { "cost": 0.2 }], "measure": "tokens" },
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
            ("unused-key", "/usage_based/weight_factors"),
            ("unused-key", "/usage_based/measure"),
            ("unused-key", "/metadata/owner"),
            ("unused-key", "/router_settings/redis_host"),
            ("unused-key", "/router_settings/redis_prot"),
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
    assert_eq!(codes(&found), BTreeSet::from([("too-many", "/capabilities/c64")]));
}

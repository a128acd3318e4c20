//! The reference fleet: as the shipped config, and as the default of files without one.

use std::collections::BTreeSet;

use serde_json::json;

use super::tables::{members, model, steps, table, target};
use crate::config::{compile, schema};
use crate::facts::Features;
use crate::strategy::Strategy;
use crate::table::Table;

const REFERENCE: &str = include_str!("../reference.json");

fn reference() -> Table {
    compile(REFERENCE.as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"))
}

#[test]
fn the_reference_fleet_compiles() {
    let table = reference();
    assert_eq!((table.providers.len(), table.models.len()), (7, 15));
    assert_eq!(table.deployments.len(), 7 + 16, "passthroughs and the models' own");
    assert_eq!(table.patterns.rules.len(), 4);
    assert_eq!(table.size_rules.len(), 3);
    assert_eq!(table.condition_headers, ["x-priority"]);
    assert_eq!(table.warnings, []);
    let accepted: BTreeSet<_> = table.accepted.iter().map(|found| found.code).collect();
    assert_eq!(accepted, BTreeSet::from(["pattern-overlap", "capability-lost"]));
}

#[test]
fn the_reference_fleet_resolves_its_names() {
    let table = reference();
    let patterns: Vec<String> =
        table.patterns.rules.iter().map(|rule| target(&table, rule.target)).collect();
    assert_eq!(patterns, ["*@vllm-qwen", "*@vllm-qwen", "*@ollama", "*@llama_cpp_python"]);
    assert_eq!(members(&table, "high_throughput"), ["qwen-coder-vllm@vllm-qwen"]);
    assert_eq!(
        members(&table, "general_chat"),
        ["llama3.1:latest", "gpt-oss:120b-cloud", "gpt-oss:20b-cloud", "glm-4.6:cloud"]
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
        ["qwen2.5-coder:7b@ollama", "llama3.1:latest@llama_cpp_python"]
    );
}

#[test]
fn a_model_with_its_own_pool_is_no_pool() {
    let table = reference();
    let llama = model(&table, "llama3.1:latest");
    assert!(llama.pool.is_some());
    assert_eq!(llama.strategy, Strategy::Weighted);
    assert!(!table.pool_names.contains_key("llama3.1:latest"));
    let weights: Vec<f64> =
        llama.deployments.iter().map(|id| table.deployments.get(*id).weight).collect();
    assert_eq!(weights, [0.7, 0.3]);
}

#[test]
fn deployments_take_the_smaller_context_and_the_common_features() {
    let table = reference();
    let find = |id: &str| table.deployments.iter().find(|(_, d)| d.id == id).unwrap().1;
    assert_eq!(find("llama3.1:latest@ollama").context_window, Some(131_072));
    assert_eq!(find("llama3.1:latest@llama_cpp_python").context_window, Some(8_192));
    assert_eq!(find("qwen-coder-vllm@vllm-qwen").context_window, Some(4_096));
    assert!(!find("llama3.1:latest@ollama").features.contains(Features::LOGPROBS));
    assert!(find("qwen-coder-vllm@vllm-qwen").features.contains(Features::LOGPROBS));
    assert!(!find("dolphin-vllm@vllm-dolphin").enabled);
    assert!(!find("*@vllm-dolphin").enabled);
}

#[test]
fn a_file_without_fleet_gets_the_reference_fleet() {
    let table = table(&json!({
        "exact_matches": { "phi3:mini": { "provider": "ollama", "fallback": "llama3.1:latest" } },
        "unknown_model": "reject"
    }));
    assert_eq!((table.providers.len(), table.models.len()), (7, 16));
    assert_eq!(table.warnings.iter().filter(|found| found.code == "default-used").count(), 2);
    assert_eq!(steps(&table, &model(&table, "phi3:mini").chain), ["llama3.1:latest"]);
    assert_eq!(table.default_provider, None);
}

#[test]
fn own_providers_keep_the_reference_models_they_can_serve() {
    let table = table(&json!({
        "providers": { "ollama": { "kind": "ollama", "base_url": "http://127.0.0.1:11434" } }
    }));
    let names: Vec<&str> = table.models.iter().map(|(_, model)| model.name.as_str()).collect();
    assert_eq!(names, ["qwen2.5-coder:7b", "llama3.1:latest", "mythomax-l2-13b-q5_k_m"]);
    assert_eq!(model(&table, "llama3.1:latest").deployments.len(), 1);
}

#[test]
fn the_schema_describes_every_section() {
    let schema = schema();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let sections: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    for section in ["providers", "models", "exact_matches", "load_balancing", "router_settings"] {
        assert!(sections.iter().any(|known| *known == section), "{section}");
    }
}

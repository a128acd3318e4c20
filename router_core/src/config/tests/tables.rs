//! Small fleets compiled, and tables read back by name.

use std::collections::BTreeSet;

use serde_json::{json, Value};

use crate::config::compile;
use crate::config::diagnostics::Diagnostic;
use crate::table::{ChainStep, Model, Table, Target};

pub fn table(config: &Value) -> Table {
    compile(config.to_string().as_bytes()).unwrap_or_else(|found| panic!("{found:#?}"))
}

pub fn fleet(extra: &Value) -> Value {
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
        },
        "policies": { "severity": { "single-failure-domain": "off" } }
    });
    let sections = config.as_object_mut().unwrap();
    sections.extend(extra.as_object().unwrap().clone());
    config
}

pub fn model<'t>(table: &'t Table, name: &str) -> &'t Model {
    table.models.get(table.names[name].model)
}

pub fn target(table: &Table, target: Target) -> String {
    match target {
        Target::Model(id) => table.models.get(id).name.clone(),
        Target::Deployment(id) => table.deployments.get(id).id.clone(),
    }
}

pub fn steps(table: &Table, steps: &[ChainStep]) -> Vec<String> {
    steps.iter().map(|step| target(table, step.target)).collect()
}

pub fn members(table: &Table, capability: &str) -> Vec<String> {
    let id = table.capability_names[capability].capability;
    let members = &table.capabilities.get(id).members;
    members.iter().map(|member| target(table, member.target)).collect()
}

pub fn codes(found: &[Diagnostic]) -> BTreeSet<(&str, &str)> {
    found.iter().map(|found| (found.code, found.pointer.as_str())).collect()
}

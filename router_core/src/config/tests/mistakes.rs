//! A sound config to add one mistake to, and what comes back.

use serde_json::{json, Value};

use crate::config::compile;
use crate::config::diagnostics::{Diagnostic, Severity};

/// Two providers and two models; each test adds one mistake.
pub fn base() -> Value {
    json!({
        "providers": {
            "ollama": { "kind": "ollama", "base_url": "http://127.0.0.1:11434" },
            "remote": { "kind": "vllm", "base_url": "https://example.org/v1", "location": "cloud" }
        },
        "models": {
            "small:7b": { "provider": "ollama", "capabilities": ["chat"] },
            "large:70b": { "provider": "remote", "aliases": ["large"] }
        },
        "policies": { "severity": { "single-failure-domain": "off" } }
    })
}

pub fn set(config: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    if config.pointer(parent).is_none() {
        set(config, parent, json!({}));
    }
    config.pointer_mut(parent).unwrap().as_object_mut().unwrap().insert(key, value);
}

pub fn diagnostics(config: &Value) -> Vec<Diagnostic> {
    match compile(config.to_string().as_bytes()) {
        Ok(table) => table.warnings,
        Err(found) => found,
    }
}

pub fn errors(config: &Value) -> Vec<Diagnostic> {
    let mut found = diagnostics(config);
    found.retain(|found| found.severity == Severity::Error);
    found
}

/// The one error of the base config with `value` set at `place`.
pub fn one_error(place: &str, value: Value) -> Diagnostic {
    let mut config = base();
    set(&mut config, place, value);
    let mut found = errors(&config);
    assert_eq!(found.len(), 1, "{place}: {found:#?}");
    found.remove(0)
}

#[track_caller]
pub fn expect(place: &str, value: Value, code: &str, pointer: &str) -> Diagnostic {
    let found = one_error(place, value);
    assert_eq!((found.code, found.pointer.as_str()), (code, pointer), "{found:#?}");
    found
}

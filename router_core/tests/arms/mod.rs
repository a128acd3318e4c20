//! Two arms, a small model and a large one, with a router before them.

use router_core::decision::Decision;
use router_core::facts::Facts;
use router_core::query_class::QueryClass;
use router_core::router::Router;
use serde_json::{json, Value};

use crate::support::{asking, table};

pub const NOW_US: u64 = 1_772_323_200_000_000;
pub const UNITS: u32 = 10_000;

pub fn config(share: f64) -> Value {
    let provider = |price: f64| {
        json!({ "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": 100_000,
                "location": "cloud", "price": { "usd_per_request": price } })
    };
    json!({
        "providers": { "fast": provider(0.5), "slow": provider(0.0) },
        "models": { "m3": { "provider": "fast" }, "m8": { "provider": "slow" } },
        "fallback_chains": { "m3": { "chain": ["m8"] } },
        "experiments": { "sizes": {
            "enabled": true, "unit": "session", "control": "8b",
            "arms": { "3b": { "model": "m3", "share": share }, "8b": { "model": "m8" } },
        } },
    })
}

pub fn set(config: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    config.pointer_mut(parent).unwrap()[key] = value;
}

/// As `config`, for classified queries alone.
pub fn by_class(share: f64) -> Value {
    let mut config = config(share);
    config["query_classes"] = json!({
        "experiment": "sizes", "simple": "3b", "complex": "8b", "baseline_latency_ms": 4500,
        "vocabulary": {}
    });
    config
}

pub fn router(config: &Value) -> Router {
    Router::new(table(config), "test".to_owned())
}

pub fn session(number: u32) -> Facts {
    Facts { session: Some(format!("s-{number}")), ..asking("m8") }
}

pub fn classified(class: QueryClass) -> Facts {
    Facts { query_class: Some(class), prompt_hash: Some(7), ..asking("m8") }
}

pub fn explained(router: &mut Router, facts: &Facts, seed: u64) -> Decision {
    router.explain(facts, NOW_US, seed).unwrap()
}

pub fn in_arm(router: &mut Router, arm: &str) -> Facts {
    let mut sessions = (0..UNITS).map(session);
    sessions.find(|facts| explained(router, facts, 1).assigned().unwrap().1 == arm).unwrap()
}

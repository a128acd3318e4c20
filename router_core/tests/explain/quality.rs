//! What each hop of a plan costs in quality, against the first.

use router_core::facts::Facts;
use router_core::router::Router;
use serde_json::{json, Value};

use crate::support::{asking, table};
use crate::world::NOW_US;

/// A premium model that falls back to a smaller one in the cloud and then to a local one.
fn config() -> Value {
    let provider =
        |port: u16| json!({ "kind": "openai", "base_url": format!("http://127.0.0.1:{port}/v1") });
    json!({
        "providers": { "cloud": provider(1), "here": provider(2) },
        "models": {
            "big": { "provider": "cloud", "parameters": "100B", "tier": "cloud_premium",
                "capabilities": ["code", "chat"], "context_window": 100_000 },
            "middle": { "provider": "cloud", "parameters": "20B", "tier": "cloud_standard",
                "capabilities": ["code", "chat"], "context_window": 100_000 },
            "small": { "provider": "here", "parameters": "7B", "tier": "local",
                "capabilities": ["chat"], "context_window": 25_000 },
        },
        "capabilities": {
            "code": { "preferred_models": ["big"] }, "chat": { "preferred_models": ["big"] },
        },
        "fallback_chains": { "big": { "chain": ["middle", "small"] } },
    })
}

fn plan(facts: &Facts) -> Vec<Value> {
    let mut router = Router::new(table(&config()), "test".to_owned());
    let explained = router.explained(facts, NOW_US, 1).unwrap().json();
    explained["plan"].as_array().unwrap().clone()
}

#[test]
fn each_hop_says_what_is_lost_against_the_first() {
    let plan = plan(&asking("big"));
    assert_eq!(plan[0]["quality"], "as good as the first");
    assert_eq!(plan[1]["quality"], "1 tier down, 80 % fewer parameters");
    assert_eq!(
        plan[2]["quality"],
        "3 tiers down, 93 % fewer parameters, without code, 75 % fewer tokens of context"
    );
    assert_eq!(plan[2]["tier_step"], 3);
    assert_eq!(plan[2]["capabilities_kept"], json!(["chat"]));
    assert_eq!(plan[2]["capabilities_lost"], json!(["code"]));
    assert_eq!(
        (&plan[2]["context_window"], &plan[2]["context_change_pct"]),
        (&json!(25_000), &json!(-75.0))
    );
}

#[test]
fn a_request_for_a_capability_keeps_or_loses_that_one() {
    let facts = Facts { capability: Some("chat".to_owned()), ..asking("big") };
    let plan = plan(&facts);
    assert_eq!(plan[2]["capabilities_kept"], json!(["chat"]));
    assert_eq!(plan[2]["capabilities_lost"], json!([]));
}

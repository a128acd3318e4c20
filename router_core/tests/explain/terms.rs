//! What candidates are scored by: the figures that each strategy goes by, as it leaves them.

use router_core::state::Snapshot;
use serde_json::{json, Value};

use crate::support::{asking, table};
use crate::world::{router, NOW_US};

fn pool(strategy: &str) -> Value {
    let provider = |port: u16, capacity: u32| {
        json!({ "kind": "openai", "base_url": format!("http://127.0.0.1:{port}/v1"),
            "capacity": capacity, "ttft_prior_ms": 100 })
    };
    let member = |provider: &str, model: &str, weight: f64| json!({ "provider": provider, "preferred_model": model, "weight": weight });
    json!({
        "providers": { "a": provider(1, 4), "b": provider(2, 4) },
        "models": { "x": { "provider": "a" }, "y": { "provider": "b" } },
        "load_balancing": { "p": {
            "strategy": strategy, "providers": [member("a", "x", 3.0), member("b", "y", 1.0)],
            "parameters": { "exploration": 0 },
        } },
    })
}

/// The terms of `x@a` and of `y@b`.
fn terms(strategy: &str, state: Value) -> [Value; 2] {
    let mut state = state;
    state["version"] = json!(3);
    let snapshot: Snapshot = serde_json::from_value(state).unwrap();
    let mut router = router(&table(&pool(strategy)), &snapshot);
    let explained = router.explained(&asking("p"), NOW_US, 1).unwrap().json();
    let candidates = explained["candidates"].as_array().unwrap();
    ["x@a", "y@b"].map(|id| {
        candidates.iter().find(|entry| entry["deployment"] == id).unwrap()["terms"].clone()
    })
}

#[test]
fn weights_are_told_as_wanted_and_as_errors_leave_them() {
    let halved = json!({ "halved_until_us": NOW_US + 1_000_000 });
    let [a, b] = terms(
        "weighted",
        json!({
            "deployments": { "x@a": { "standing": halved } },
            "shares": { "pool p": { "y@b": 0.25 } },
        }),
    );
    assert_eq!(a["weight"], json!({ "wanted": 3.0, "left": 1.5, "used": 1.5 }));
    assert_eq!(b["weight"], json!({ "wanted": 1.0, "left": 1.0, "used": 1.0 }));
    assert_eq!((&a["credit"], &b["credit"]), (&json!(0.0), &json!(0.25)));
    assert!(a.get("latency").is_none() && a.get("cost_usd").is_none(), "{a}");
}

#[test]
fn loads_are_told_with_slots_and_a_full_one_says_so() {
    let [a, b] = terms(
        "least_loaded",
        json!({
            "providers": { "a": { "in_flight": 4 }, "b": { "in_flight": 1 } },
        }),
    );
    assert_eq!((&a["load"], &a["in_flight"], &a["capacity"]), (&json!(1.0), &json!(4), &json!(4)));
    assert_eq!((&b["load"], &b["reliability"]), (&json!(0.25), &json!(1.0)));
    assert_eq!(a["set_back"], json!(["full"]));
    assert_eq!(a["behind"], "behind y@b: it has no free slot now");
    assert_eq!(b["behind"], Value::Null);
}

#[test]
fn times_are_told_with_where_they_come_from() {
    let measured = json!({ "whole": { "p50_us": 900_000, "p95_us": 900_000, "samples": 7 },
        "outcomes": 7, "successes": 7 });
    let [a, b] =
        terms("fastest_response", json!({ "deployments": { "x@a": { "measured": measured } } }));
    assert_eq!(
        a["latency"],
        json!({ "us": 900_000.0, "of": "whole_answer", "source": "measured", "samples": 7 })
    );
    // Thirty times the prior for a first token, which is longer than the slowest that was measured.
    assert_eq!(
        b["latency"],
        json!({ "us": 3_000_000.0, "of": "whole_answer", "source": "prior", "samples": 0 })
    );
    assert_eq!(b["behind"], "behind x@a: a score of 0.3000 against 1.0000");
}

//! Queues at a given rate, and where a herd goes that has lost its provider.

use router_core::analyze::{analyze, Assumptions, QueueingReport};
use serde_json::{json, Value};

use crate::support::table;

fn provider(port: u16, domain: &str, capacity: u32) -> Value {
    json!({
        "kind": "openai", "base_url": format!("http://127.0.0.1:{port}/v1"),
        "failure_domain": domain, "capacity": capacity, "ttft_prior_ms": 500,
    })
}

/// Two models; the first falls back to the second's provider, the second to none.
fn queues(assumptions: &Value) -> QueueingReport {
    let table = table(&json!({
        "providers": {
            "large": provider(1, "one", 8), "small": provider(2, "two", 4),
            "spare": provider(3, "two", 4),
        },
        "models": { "m": { "provider": "large" }, "n": { "provider": "small" } },
        "fallback_chains": { "m": { "chain": ["n"] } },
        "unknown_model": "reject",
    }));
    let assumptions = Assumptions::read(assumptions.to_string().as_bytes(), &table).unwrap();
    analyze(&table, &assumptions).queueing.unwrap()
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-9, "{found} and {expected}");
}

#[test]
fn each_provider_is_a_queue_of_its_own() {
    let report = queues(&json!({ "rate_per_s": 4, "service_s": 1 }));
    let [large, small, spare] = report.providers.as_slice() else { panic!("three providers") };
    close(large.load.utilisation, 0.25);
    close(small.load.utilisation, 0.5);
    close(spare.load.utilisation, 0.0);
    // M/M/4 at 2 erlangs: 4/23 have to wait, half a second each.
    close(small.load.wait_probability.unwrap(), 4.0 / 23.0);
    close(small.load.mean_wait_ms.unwrap(), 1_000.0 * 4.0 / 23.0 / 2.0);
    assert_eq!(spare.load.wait_probability, Some(0.0));
}

#[test]
fn a_herd_tramples_whom_it_flees_to() {
    let report = queues(&json!({ "rate_per_s": 4, "service_s": 1, "utilisation": 0.5 }));
    let told: Vec<(&str, f64, f64)> = report
        .losses
        .iter()
        .map(|loss| (loss.name.as_str(), loss.moved_per_s, loss.unserved_per_s))
        .collect();
    assert_eq!(told, [("large", 2.0, 0.0), ("small", 2.0, 2.0), ("two", 2.0, 2.0)]);
    let [small] = report.losses[0].receivers.as_slice() else { panic!("one receiver") };
    assert_eq!((small.provider.as_str(), small.overloaded), ("small", true));
    assert_eq!((small.wait_probability, small.mean_wait_ms), (None, None));
    close(small.utilisation, 1.0);
    assert!(report.losses[1].receivers.is_empty());
    let small = &report.providers[1];
    assert_eq!(small.worst_loss.as_deref(), Some("large"));
    assert_eq!((small.capacity_needed, small.capacity_needed_after_loss), (4, 8));
    assert_eq!(report.providers[0].worst_loss, None);
}

#[test]
fn a_request_holds_a_slot_for_as_long_as_it_takes_to_answer() {
    let report = queues(&json!({ "rate_per_s": 1, "answer_tokens": 101 }));
    close(report.providers[0].service_s, 0.5 + 100.0 * 0.02);
}

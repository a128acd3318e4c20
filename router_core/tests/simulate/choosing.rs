//! Strategies that read how providers do, against providers that do badly: traffic goes elsewhere.

use router_core::simulate::Report;
use serde_json::{json, Value};

use crate::simulation;

/// Those that choose by load or by what they have seen.
const LOOKING: [&str; 3] = ["least_loaded", "usage_based", "fastest_response"];

/// `one` on three providers alike, each with room for sixteen.
fn three() -> Value {
    let provider = |port: u16| {
        let base_url = format!("http://127.0.0.1:{port}/v1");
        json!({ "kind": "openai", "base_url": base_url, "capacity": 16, "ttft_prior_ms": 100 })
    };
    let deployments = ["bad", "good", "other"].map(|id| json!({ "provider": id }));
    json!({
        "providers": { "bad": provider(1), "good": provider(2), "other": provider(3) },
        "models": { "one": { "deployments": deployments } },
        "unknown_model": "reject",
    })
}

fn run(seed: u64, strategy: &str, duration_s: u32, faults: &Value) -> Report {
    let scenario = json!({
        "seed": seed,
        "duration_s": duration_s,
        "arrivals": { "rate_per_s": 10 },
        "workload": [{ "model": "one", "output_tokens": 20 }],
        "providers": { "bad": { "faults": faults } },
    });
    simulation(&three(), &scenario, None).run(strategy)
}

/// Once its first failures are seen, a cooldown leaves one probe at a time to it.
#[test]
fn a_provider_that_answers_503_at_once_gets_its_exploratory_share_at_most() {
    for seed in 1..=3 {
        for strategy in LOOKING {
            let report = run(seed, strategy, 300, &json!({ "unavailable": 1 }));
            let share = report.providers[0].attempts as f64 / report.offered as f64;
            assert!(share < 0.05, "seed {seed}, {strategy}: {share}");
            assert_eq!(report.answered, report.offered, "seed {seed}, {strategy}");
        }
    }
}

/// Its first timeout comes after 10 seconds; a third of the 90 requests until then would be its share.
#[test]
fn a_hung_provider_stops_attracting_traffic_before_its_first_timeout() {
    for seed in 1..=3 {
        for strategy in ["least_loaded", "fastest_response"] {
            let report = run(seed, strategy, 9, &json!({ "hang": 1 }));
            let attempts = report.providers[0].attempts;
            assert!(attempts <= 8, "seed {seed}, {strategy}: {attempts} of {}", report.offered);
        }
    }
}

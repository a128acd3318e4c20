//! Budgets in a simulation: a local fleet offered twice what it can serve costs no more in the cloud
//! than was allowed.

use router_core::simulate::Report;
use serde_json::{json, Value};

use crate::simulation;

/// Four local slots that fall back to a cloud where a request costs about a cent.
fn report(budgets: &Value, load: f64) -> Report {
    let config = json!({
        "providers": {
            "here": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": 4 },
            "far": { "kind": "openai", "base_url": "http://127.0.0.1:2/v1", "capacity": 100,
                     "location": "cloud", "price": { "usd_per_1k_completion_tokens": 0.1 } },
        },
        "models": { "small": { "provider": "here" }, "large": { "provider": "far" } },
        "fallback_chains": { "small": { "chain": ["large"] } },
        "unknown_model": "reject",
        "budgets": budgets,
    });
    // 200 ms and 99 tokens of 20 ms: 4 slots serve 1.83 a second.
    let scenario = json!({
        "seed": 3,
        "duration_s": 300,
        "deadline_s": 20,
        "arrivals": { "rate_per_s": load * 4.0 / 2.18 },
        "workload": [{ "model": "small", "output_tokens": 100, "max_tokens": 100 }],
    });
    simulation(&config, &scenario, None).run("configured")
}

#[test]
fn twice_the_load_costs_no_more_than_the_days_budget() {
    let free = report(&json!({}), 2.0);
    assert!(free.cost_usd > 4.0, "without a budget: {}", free.cost_usd);
    for limit in [0.0, 0.5, 2.0] {
        let kept = report(&json!({ "cloud_usd_per_day": limit }), 2.0);
        assert!(kept.cost_usd <= limit, "{} of {limit}", kept.cost_usd);
        assert!(kept.cost_usd >= limit - 0.011, "{} of {limit}", kept.cost_usd);
        let ended = kept.answered + kept.failed + kept.refused;
        assert_eq!((ended, kept.in_flight_at_end), (kept.offered, 0));
    }
}

#[test]
fn fallback_takes_no_more_than_its_share_to_the_cloud() {
    for share in [0.05, 0.2] {
        let kept = report(&json!({ "cloud_fallback_share": share }), 2.0);
        let far = kept.providers.iter().find(|provider| provider.provider == "far").unwrap();
        let got = far.attempts as f64 / kept.offered as f64;
        assert!(got <= share + 1e-9 && got > 0.9 * share, "{got} of {share}");
    }
}

#[test]
fn what_fits_the_local_fleet_notices_nothing() {
    let told = |budgets: &Value| {
        let report = report(budgets, 0.3);
        (report.answered, report.attempts, report.cost_usd.to_bits())
    };
    let budgets = json!({ "cloud_usd_per_day": 100, "cloud_fallback_share": 0.9 });
    assert_eq!(told(&json!({})), told(&budgets));
}

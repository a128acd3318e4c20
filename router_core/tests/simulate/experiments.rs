//! Classified questions in a simulation: each class gets its arm, and medium ones are shared out as
//! different prompts.

use router_core::simulate::{Report, Simulation};
use serde_json::{json, Value};

use crate::support::table;
use crate::{pair, simulation};

const FAST_MS: f64 = 2_500.0;
const SLOW_MS: f64 = 4_500.0;

/// Two models on one provider of 1,000 slots, and an experiment that shares them out.
fn routing(ratio: f64) -> Value {
    json!({
        "providers": { "hub": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1",
                                "capacity": 1000 } },
        "models": { "llama-3b": { "provider": "hub" }, "llama-8b": { "provider": "hub" } },
        "experiments": { "sizes": {
            "enabled": true, "control": "8b",
            "arms": { "3b": { "model": "llama-3b", "share": ratio },
                      "8b": { "model": "llama-8b" } },
        } },
        "query_classes": { "experiment": "sizes", "simple": "3b", "complex": "8b",
                           "baseline_latency_ms": 4500, "vocabulary": {} },
        "unknown_model": "reject",
    })
}

/// Whole answers in fixed times.
fn scenario(kinds: &[(&str, u32)]) -> Value {
    let kind = |(class, share): &(&str, u32)| json!({ "query_class": class, "share": share, "streamed": 0 });
    let fixed = |ms: f64| json!({ "ttft_ms": ms, "ms_per_output_token": 0 });
    json!({
        "duration_s": 1000,
        "arrivals": { "rate_per_s": 20 },
        "model": "llama-8b",
        "workload": kinds.iter().map(kind).collect::<Vec<_>>(),
        "providers": { "hub": {
            "models": { "llama-3b": fixed(FAST_MS), "llama-8b": fixed(SLOW_MS) },
        } },
    })
}

fn run(ratio: f64, kinds: &[(&str, u32)]) -> Report {
    simulation(&routing(ratio), &scenario(kinds), None).run("configured")
}

fn served(report: &Report) -> Vec<&str> {
    report.models.iter().map(|model| model.model.as_str()).collect()
}

#[test]
fn a_class_with_an_arm_of_its_own_gets_that_arm() {
    assert_eq!(served(&run(0.5, &[("simple", 1)])), ["llama-3b"]);
    assert_eq!(served(&run(0.5, &[("complex", 1)])), ["llama-8b"]);
    assert_eq!(served(&run(0.5, &[("unknown", 1)])), ["llama-8b"]);
}

#[test]
fn medium_questions_are_shared_out_as_different_prompts() {
    for ratio in [0.3, 0.8] {
        let report = run(ratio, &[("medium", 1)]);
        let small = report.models[0].answered as f64 / report.answered as f64;
        assert!((small - ratio).abs() < 0.01, "{ratio}: {small}");
        // Slots over the mean time of both arms, as the ratio mixes them.
        let mean_s = (ratio * FAST_MS + (1.0 - ratio) * SLOW_MS) / 1_000.0;
        let capacity = report.load.capacity_per_s * mean_s / 1_000.0;
        assert!((capacity - 1.0).abs() < 0.01, "{ratio}: {}", report.load.capacity_per_s);
    }
}

#[test]
fn a_class_that_would_change_nothing_and_one_that_is_none_are_mistakes() {
    let refused = |scenario: &Value| {
        Simulation::new(&table(&pair()), scenario.to_string().as_bytes(), None)
            .expect_err("a scenario with a mistake")
    };
    let found = refused(&json!({ "workload": [{ "model": "one", "query_class": "simple" }] }));
    assert_eq!(
        (found[0].pointer.as_str(), found[0].code),
        ("/workload/0/query_class", "no-query-classes")
    );
    let found = refused(&json!({ "workload": [{ "model": "one", "query_class": "simpel" }] }));
    assert_eq!(found[0].suggestion.as_deref(), Some("did you mean `simple`?"));
}

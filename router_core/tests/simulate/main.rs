//! The simulator against what must hold, in virtual time.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod budgets;
mod choosing;
mod experiments;
mod laws;

use router_core::simulate::{Recorded, Report, Simulation};
use serde_json::{json, Value};
use support::table;

/// `one` on two providers, each with room for four.
fn pair() -> Value {
    let provider = |port: u16| {
        let base_url = format!("http://127.0.0.1:{port}/v1");
        json!({ "kind": "openai", "base_url": base_url, "capacity": 4, "ttft_prior_ms": 100 })
    };
    json!({
        "providers": { "a": provider(1), "b": provider(2) },
        "models": { "one": { "deployments": [{ "provider": "a" }, { "provider": "b" }] } },
        "unknown_model": "reject",
    })
}

fn simulation(config: &Value, scenario: &Value, recorded: Option<Vec<Recorded>>) -> Simulation {
    Simulation::new(&table(config), scenario.to_string().as_bytes(), recorded)
        .unwrap_or_else(|found| panic!("the scenario of the test has errors: {found:?}"))
}

fn run(scenario: &Value, strategy: &str) -> Report {
    simulation(&pair(), scenario, None).run(strategy)
}

fn at_once(count: usize) -> Vec<Recorded> {
    vec![Recorded { at_s: 0.0, prompt_tokens: 10, output_tokens: 10 }; count]
}

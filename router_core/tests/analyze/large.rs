//! A thousand models and five thousand chain entries, and a graph whose longest path nobody finds.

use std::time::Instant;

use router_core::analyze::{analyze, Assumptions};
use router_core::rng::Rng;
use serde_json::{json, Map, Value};

use crate::support::table;

const MODELS: usize = 1_000;
const PROVIDERS: usize = 50;
const DOMAINS: usize = 20;
const CHAIN: usize = 5;

fn large() -> Value {
    let mut rng = Rng::new(5);
    let (mut providers, mut models, mut chains) = (Map::new(), Map::new(), Map::new());
    for index in 0..PROVIDERS {
        let own = json!({
            "kind": "openai", "base_url": format!("http://127.0.0.1:{}/v1", 1 + index),
            "failure_domain": format!("d{}", index % DOMAINS), "availability": 0.95,
        });
        providers.insert(format!("p{index}"), own);
    }
    for index in 0..MODELS {
        let on = |index: usize| json!({ "provider": format!("p{}", index % PROVIDERS) });
        let own = json!({ "deployments": [on(index), on(index + 1 + rng.below(PROVIDERS - 1))] });
        models.insert(format!("m{index}"), own);
        let mut members: Vec<usize> = Vec::new();
        while members.len() < CHAIN {
            let member = rng.below(MODELS);
            if member != index && !members.contains(&member) {
                members.push(member);
            }
        }
        let chain: Vec<String> = members.iter().map(|member| format!("m{member}")).collect();
        chains.insert(format!("m{index}"), json!({ "chain": chain }));
    }
    json!({ "providers": providers, "models": models, "fallback_chains": chains })
}

#[test]
#[allow(clippy::disallowed_methods)] // the time is told, not asserted
fn a_thousand_models_are_compiled_and_analysed() {
    let config = large();
    let begun = Instant::now();
    let table = table(&config);
    let compiled = begun.elapsed();
    let begun = Instant::now();
    let assumptions = Assumptions { rate_per_s: Some(100.0), ..Assumptions::default() };
    let report = analyze(&table, &assumptions);
    println!("compiled in {compiled:?}, analysed in {:?}", begun.elapsed());
    assert_eq!((report.nodes, report.edges), (MODELS, MODELS * CHAIN));
    assert_eq!(report.system.public_models, MODELS);
    assert!(report.models.iter().all(|model| model.plan.len() == 5));
    assert!(!report.cycles.is_empty());
    let longest = &report.longest_path;
    assert!(longest.edges <= longest.edges_at_most && longest.edges_at_most < MODELS);
}

/// Ten models that lead to thirty and back: no path visits more than eleven of the thirty, which the bound
/// does not see and a search does not end on.
#[test]
fn a_longest_path_that_is_not_proven_says_so() {
    let (mut models, mut chains) = (Map::new(), Map::new());
    let name = |index: usize| format!("m{index}");
    for index in 0..40 {
        models.insert(name(index), json!({ "provider": "p" }));
        let members = if index < 10 { 10..40 } else { 0..10 };
        let chain: Vec<String> = members.map(name).collect();
        chains.insert(name(index), json!({ "chain": chain }));
    }
    let table = table(&json!({
        "providers": { "p": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1" } },
        "models": models, "fallback_chains": chains,
    }));
    let report = analyze(&table, &Assumptions::default());
    assert_eq!(report.longest_path.edges, 20);
    assert_eq!(report.longest_path.edges_at_most, 39);
    assert!(!report.longest_path.exact);
}

//! Figures anyone can work out by hand.

use router_core::analyze::{analyze, Assumptions, Report};
use router_core::router::Router;
use serde_json::{json, Value};

use crate::support::{asking, table};

fn of(extra: &[(&str, Value)]) -> Report {
    let provider = |port: u16, domain: &str, availability: f64| {
        json!({
            "kind": "openai", "base_url": format!("http://127.0.0.1:{port}/v1"),
            "failure_domain": domain, "availability": availability,
        })
    };
    let mut config = json!({
        "providers": {
            "a": provider(1, "rack", 0.9), "b": provider(2, "rack", 0.8),
            "c": provider(3, "cloud", 0.99),
        },
        "models": {
            "large-100b": {
                "capabilities": ["chat", "code"],
                "deployments": [{ "provider": "a" }, { "provider": "b" }]
            },
            "small-10b": { "provider": "c", "capabilities": ["chat"] },
            "middle-50b": { "provider": "b" },
        },
        "capabilities": {
            "chat": { "preferred_models": ["large-100b", "small-10b"] },
            "code": { "preferred_models": ["large-100b"] },
        },
        "fallback_chains": {
            "large-100b": { "chain": ["middle-50b", "small-10b"] },
        },
    });
    for (key, value) in extra {
        config[key] = value.clone();
    }
    analyze(&table(&config), &Assumptions::default())
}

#[test]
fn providers_of_one_domain_fail_together() {
    let report = of(&[("fallback_chains", json!({ "large-100b": { "chain": ["middle-50b"] } }))]);
    let large = &report.models[0];
    assert!((large.availability - 0.9).abs() < 1e-15, "{}", large.availability);
    assert!((large.downtime_s_per_month - 259_200.0).abs() < 1e-6);
    let points = json!([{ "kind": "failure_domain", "name": "rack" }]);
    assert_eq!(serde_json::to_value(&large.single_points_of_failure).unwrap(), points);
}

#[test]
fn domains_are_independent() {
    let report = of(&[]);
    let large = &report.models[0];
    assert!((large.availability - 0.999).abs() < 1e-15);
    assert!(large.single_points_of_failure.is_empty());
    assert_eq!(report.system.lowest_availability, Some(report.models[2].availability));
    let lost: Vec<(&str, &[String], bool)> = report
        .system
        .single_points_of_failure
        .iter()
        .map(|point| (point.name.as_str(), point.models.as_slice(), point.all))
        .collect();
    let (small, middle) = (["small-10b".to_owned()], ["middle-50b".to_owned()]);
    let expected: [(&str, &[String], bool); 4] = [
        ("b", &middle, false),
        ("c", &small, false),
        ("rack", &middle, false),
        ("cloud", &small, false),
    ];
    assert_eq!(lost, expected);
}

#[test]
fn hops_tell_what_they_change() {
    let report = of(&[]);
    let hops = &report.models[0].plan;
    let told: Vec<(&str, Option<f64>, Option<f64>, usize)> = hops
        .iter()
        .map(|hop| {
            let lost = hop.capabilities_lost.len();
            (hop.model.as_str(), hop.param_change_pct, hop.param_step_pct, lost)
        })
        .collect();
    let expected = [
        ("large-100b", Some(0.0), None, 0),
        ("large-100b", Some(0.0), Some(0.0), 0),
        ("middle-50b", Some(-50.0), Some(-50.0), 2),
        ("small-10b", Some(-90.0), Some(-80.0), 1),
    ];
    assert_eq!(told, expected);
    assert_eq!(hops[3].capabilities_kept, ["chat"]);
    assert_eq!(hops[3].capabilities_lost, ["code"]);
}

#[test]
fn what_is_past_the_attempt_limit_does_not_count() {
    let report = of(&[("router_settings", json!({ "max_attempts": 2 }))]);
    let large = &report.models[0];
    assert_eq!((large.plan.len(), large.beyond_attempt_limit), (2, 2));
    assert!((large.availability - 0.9).abs() < 1e-15);
}

#[test]
fn an_experiment_does_not_change_whose_plan_it_is() {
    let report = of(&[(
        "experiments",
        json!({ "trial": {
            "enabled": true, "match": { "rule": "exact" },
            "arms": { "one": { "model": "small-10b" }, "two": { "model": "middle-50b" } },
        } }),
    )]);
    assert_eq!(report.models[0].plan[0].model, "large-100b");
}

#[test]
fn a_step_onto_the_same_model_is_no_edge() {
    let chain = json!([{ "provider": "b" }, "small-10b"]);
    let report = of(&[("fallback_chains", json!({ "middle-50b": { "chain": chain } }))]);
    assert_eq!(report.edges, 1);
    assert_eq!(report.longest_path.models, ["middle-50b", "small-10b"]);
    assert_eq!(report.terminal_models, ["large-100b", "small-10b"]);
    assert!(report.cycles.is_empty() && report.longest_path.exact);
}

#[test]
fn plans_are_those_the_router_makes() {
    let reference = include_str!("../../src/config/reference.json");
    let table = table(&serde_json::from_str(reference).unwrap());
    let mut router = Router::new(table.clone(), "test".to_owned());
    for model in analyze(&table, &Assumptions::default()).models {
        let decision = router.explain(&asking(&model.model), 0, 0).unwrap();
        let hops = decision.choice.plan.iter().map(|hop| decision.provider_id(hop.deployment));
        let planned: Vec<&str> = hops.take(5).collect();
        let told: Vec<&str> = model.plan.iter().map(|hop| hop.provider.as_str()).collect();
        assert_eq!(told, planned, "{}", model.model);
    }
}

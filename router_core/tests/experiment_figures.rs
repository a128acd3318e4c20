//! Laws of an experiment's figures: what counts as served and as failed; feedback, rollback, reset and
//! reload.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arms;
mod support;

use arms::{by_class, classified, config, explained, in_arm, router, session, set, NOW_US};
use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::query_class::QueryClass;
use router_core::router::{Journey, NextStep, Router};
use router_core::state::Snapshot;
use serde_json::{json, Value};
use support::table;

const LATER_US: u64 = NOW_US + 60_000_000;

fn begun(router: &mut Router, facts: &Facts) -> Journey {
    router.begin(facts, NOW_US, 1, LATER_US).unwrap()
}

/// Ends every attempt of a request with the outcome its model is given.
fn driven(router: &mut Router, facts: &Facts, of: impl Fn(&str) -> OutcomeClass) -> String {
    let mut journey = begun(router, facts);
    loop {
        match &journey.step {
            NextStep::Try { number, deployment, .. } => {
                let number = *number;
                let model = journey.decision.model_name(*deployment).to_owned();
                let outcome = Outcome { total_us: 2_000_000, ..Outcome::of(of(&model)) };
                router.finish(&mut journey, number, &outcome, NOW_US);
            }
            NextStep::Wait { us } => {
                let then = NOW_US + us;
                router.resume(&mut journey, then);
            }
            NextStep::Await | NextStep::Done | NextStep::Fail { .. } => {
                return journey.decision.id.clone()
            }
        }
    }
}

fn figures(router: &Router, arm: usize, name: &str) -> Value {
    router.experiments(NOW_US)["experiments"][0]["arms"][arm][name].clone()
}

fn counts(router: &Router, arm: usize) -> [u64; 3] {
    ["requests", "served", "errors"].map(|name| figures(router, arm, name).as_u64().unwrap())
}

fn success(_: &str) -> OutcomeClass {
    OutcomeClass::Success
}

// ── What counts ─────────────────────────────────────────────────────────────────────────────────

#[test]
fn forced_requests_count_in_the_figures_and_not_for_the_guardrail() {
    let mut router = router(&by_class(0.5));
    for _ in 0..300 {
        driven(&mut router, &classified(QueryClass::Simple), |model| match model {
            "m3" => OutcomeClass::Unavailable,
            _ => OutcomeClass::Success,
        });
    }
    assert_eq!(counts(&router, 0), [300, 0, 300]);
    let report = router.experiments(NOW_US);
    assert_eq!(report["experiments"][0]["verdict"], "too_few");
    assert_eq!(report["query_classes"]["simple"], "3b");
}

#[test]
fn an_answer_counts_with_its_time_and_its_cost() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    driven(&mut router, &facts, success);
    assert_eq!(counts(&router, 0), [1, 1, 0]);
    assert_eq!(figures(&router, 0, "mean_latency_us"), 2_000_000);
    assert_eq!(figures(&router, 0, "cost_usd"), 0.5);
    let p95 = figures(&router, 0, "p95_latency_us").as_f64().unwrap();
    assert!((p95 / 2_000_000.0 - 1.0).abs() < 0.04);
    assert_eq!(counts(&router, 1), [0, 0, 0]);
}

#[test]
fn a_rescued_request_is_an_error_of_the_arm_that_failed() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    let failing = |model: &str| match model {
        "m3" => OutcomeClass::ServerError,
        _ => OutcomeClass::Success,
    };
    driven(&mut router, &facts, failing);
    assert_eq!(counts(&router, 0), [1, 0, 1]);
    assert_eq!(counts(&router, 1), [0, 0, 0]);
}

#[test]
fn a_repeat_that_serves_is_no_error() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    let mut journey = begun(&mut router, &facts);
    router.finish(&mut journey, 1, &Outcome::of(OutcomeClass::ServerError), NOW_US);
    assert!(matches!(journey.step, NextStep::Wait { .. }));
    router.resume(&mut journey, NOW_US + 1_000_000);
    router.finish(&mut journey, 2, &Outcome::of(OutcomeClass::Success), NOW_US);
    assert_eq!(counts(&router, 0), [1, 1, 0]);
}

#[test]
fn what_is_not_the_arms_fault_counts_neither_way() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    for class in
        [OutcomeClass::Cancelled, OutcomeClass::InvalidRequest, OutcomeClass::ContentPolicy]
    {
        driven(&mut router, &facts, |_| class);
    }
    let mut left = begun(&mut router, &facts);
    router.abandon(&mut left, NOW_US);
    assert_eq!(counts(&router, 0), [4, 0, 0]);
}

#[test]
fn a_request_whose_arm_is_out_is_an_error_of_the_arm() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    let limited = |model: &str| match model {
        "m3" => OutcomeClass::RateLimited,
        _ => OutcomeClass::Success,
    };
    driven(&mut router, &facts, limited);
    driven(&mut router, &facts, success);
    assert_eq!(counts(&router, 0), [2, 0, 2]);
    let decision = router.decide(&facts, NOW_US, 1).unwrap();
    router.report(&decision.permit, &Outcome::of(OutcomeClass::Success), NOW_US);
    assert_eq!(counts(&router, 0), [3, 0, 3]);
    assert_eq!(counts(&router, 1), [0, 0, 0]);
}

#[test]
fn an_explanation_counts_nothing() {
    let mut router = router(&config(0.5));
    explained(&mut router, &session(1), 1);
    assert_eq!([counts(&router, 0), counts(&router, 1)], [[0; 3]; 2]);
}

#[test]
fn the_outcome_a_route_caller_reports_counts_once() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    let decision = router.decide(&facts, NOW_US, 1).unwrap();
    for _ in 0..2 {
        router.report(&decision.permit, &Outcome::of(OutcomeClass::Unreachable), NOW_US);
    }
    assert_eq!(counts(&router, 0), [1, 0, 1]);
}

// ── Feedback ────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_last_feedback_of_a_decision_counts() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    let (first, second) =
        (driven(&mut router, &facts, success), driven(&mut router, &facts, success));
    assert!(router.feedback(&first, 0.0));
    assert!(router.feedback(&first, 1.0));
    assert!(router.feedback(&second, 0.5));
    assert_eq!(figures(&router, 0, "feedback_count"), 2);
    assert_eq!(figures(&router, 0, "mean_quality"), 0.75);
    assert_eq!(figures(&router, 0, "quality_variance"), 0.125);
}

#[test]
fn feedback_is_taken_for_decisions_that_are_remembered() {
    let mut config = config(0.5);
    set(&mut config, "/experiments/sizes/enabled", json!(false));
    let mut router = router(&config);
    let first = driven(&mut router, &session(1), success);
    assert!(router.feedback(&first, 1.0));
    for unknown in ["", "test-0", "test-2", "other-1", "test-zz", "test-"] {
        assert!(!router.feedback(unknown, 1.0), "{unknown}");
    }
    for _ in 0..16_384 {
        router.decide(&session(1), NOW_US, 1).unwrap();
    }
    assert!(!router.feedback(&first, 1.0));
}

// ── Rollback, reset, reload ─────────────────────────────────────────────────────────────────────

fn fail_until_rolled_back(router: &mut Router) -> usize {
    let facts = in_arm(router, "3b");
    let failing = |model: &str| match model {
        "m3" => OutcomeClass::Unavailable,
        _ => OutcomeClass::Success,
    };
    let mut requests = 0;
    while router.experiments(NOW_US)["experiments"][0]["verdict"] != "rolled_back" {
        driven(router, &facts, failing);
        requests += 1;
    }
    requests
}

#[test]
fn a_failing_arm_is_rolled_back_and_a_reset_lifts_it() {
    let mut router = router(&config(0.5));
    assert_eq!(fail_until_rolled_back(&mut router), 100);
    assert!((0..200).all(|number| {
        let decision = explained(&mut router, &session(number), 1);
        decision.assigned().unwrap().1 == "8b" && decision.explain()["allocation"] == "rolled_back"
    }));
    let report = router.experiments(NOW_US);
    assert_eq!(report["experiments"][0]["enabled"], false);
    assert_eq!(
        report["experiments"][0]["verdict_reason"],
        "arm 3b: 100 of 100 requests failed, more than 5 % beyond doubt"
    );
    assert_eq!(router.reset_experiments(Some("other"), NOW_US), Vec::<String>::new());
    assert_eq!(router.reset_experiments(None, LATER_US), ["sizes"]);
    assert_eq!(counts(&router, 0), [0, 0, 0]);
    let report = router.experiments(NOW_US);
    assert_eq!(
        (&report["experiments"][0]["enabled"], &report["experiments"][0]["since_us"]),
        (&json!(true), &json!(LATER_US))
    );
    let _ = in_arm(&mut router, "3b");
}

#[test]
fn poor_answers_roll_back_as_failures_do() {
    let mut router = router(&config(0.5));
    for (arm, score) in [("8b", 1.0), ("3b", 0.0)] {
        let facts = in_arm(&mut router, arm);
        for _ in 0..100 {
            let id = driven(&mut router, &facts, success);
            assert!(router.feedback(&id, score));
        }
    }
    assert_eq!(router.experiments(NOW_US)["experiments"][0]["verdict"], "rolled_back");
}

#[test]
fn what_began_before_a_reset_does_not_count_after_it() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    let mut journey = begun(&mut router, &facts);
    router.reset_experiments(None, NOW_US);
    router.finish(&mut journey, 1, &Outcome::of(OutcomeClass::Success), NOW_US);
    assert!(router.feedback(&journey.decision.id, 1.0));
    assert_eq!(counts(&router, 0), [0, 0, 0]);
    assert_eq!(figures(&router, 0, "feedback_count"), 0);
}

#[test]
fn a_reload_keeps_figures_and_rollback_of_what_still_exists() {
    let mut router = router(&config(0.5));
    fail_until_rolled_back(&mut router);
    router.swap(table(&config(0.2)));
    assert_eq!(counts(&router, 0), [100, 0, 100]);
    assert_eq!(explained(&mut router, &session(1), 1).assigned().unwrap().1, "8b");
    let mut other = config(0.2);
    set(&mut other, "/models/m4", json!({ "provider": "fast" }));
    set(&mut other, "/experiments/sizes/arms/3b/model", json!("m4"));
    router.swap(table(&other));
    assert_eq!(counts(&router, 0), [0, 0, 0]);
    let _ = in_arm(&mut router, "3b");
}

#[test]
fn a_snapshot_carries_which_experiments_are_rolled_back() {
    let mut router = router(&config(0.5));
    assert!(router.snapshot().rolled_back.is_empty());
    fail_until_rolled_back(&mut router);
    let written = serde_json::to_value(router.snapshot()).unwrap();
    assert_eq!(written["rolled_back"], json!(["sizes"]));

    let mut snapshot: Snapshot = serde_json::from_value(written).unwrap();
    snapshot.rolled_back.push("gone".to_owned());
    let mut other = self::router(&config(0.5));
    assert_eq!(other.restore(&snapshot), ["gone"]);
    let everyone = (0..200).map(|number| explained(&mut other, &session(number), 1));
    let arms: Vec<_> = everyone.map(|found| found.assigned().unwrap().1.to_owned()).collect();
    assert!(arms.iter().all(|arm| arm == "8b"));
    assert_eq!(other.snapshot().rolled_back, ["sizes"]);
    let report = &other.experiments(NOW_US)["experiments"][0];
    assert_eq!((&report["verdict"], &report["enabled"]), (&json!("rolled_back"), &json!(false)));
    assert_eq!(report["verdict_reason"], "rolled back before this state was loaded");
    other.reset_experiments(None, NOW_US);
    let _ = in_arm(&mut other, "3b");
}

#[test]
fn a_request_on_an_older_table_still_counts_where_it_belongs() {
    let mut router = router(&config(0.5));
    let facts = in_arm(&mut router, "3b");
    let mut journey = begun(&mut router, &facts);
    let mut other = config(0.5);
    let sizes = other["experiments"]["sizes"].clone();
    other["experiments"] = json!({ "new": sizes.clone(), "sizes": sizes });
    set(&mut other, "/experiments/new/enabled", json!(false));
    router.swap(table(&other));
    router.finish(&mut journey, 1, &Outcome::of(OutcomeClass::Success), NOW_US);
    let report = router.experiments(NOW_US);
    assert_eq!(report["experiments"][0]["name"], "new");
    assert_eq!(report["experiments"][0]["arms"][0]["served"], 0);
    assert_eq!(report["experiments"][1]["arms"][0]["served"], 1);
}

//! Laws of choosing an arm: same unit, same arm; shares that hold and move only whom they must; what
//! matches, and the classes of queries.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod arms;
mod support;

use arms::{by_class, classified, config, explained, in_arm, router, session, set, NOW_US, UNITS};
use router_core::facts::{Facts, Features};
use router_core::query_class::QueryClass;
use router_core::router::Router;
use serde_json::json;
use support::{asking, table};

fn arms(router: &mut Router) -> Vec<String> {
    let arm = |number| explained(router, &session(number), 1).assigned().unwrap().1.to_owned();
    (0..UNITS).map(arm).collect()
}

// ── Choosing an arm ─────────────────────────────────────────────────────────────────────────────

#[test]
fn the_same_unit_has_the_same_arm_whatever_the_seed() {
    let mut router = router(&config(0.5));
    for number in 0..200 {
        let first = explained(&mut router, &session(number), 1);
        for seed in 2..10 {
            let again = explained(&mut router, &session(number), seed);
            assert_eq!(again.choice.assignment, first.choice.assignment);
        }
    }
}

#[test]
fn shares_hold_and_a_changed_ratio_moves_only_whom_it_must() {
    let before = arms(&mut router(&config(0.3)));
    let after = arms(&mut router(&config(0.5)));
    let share =
        |arms: &[String]| arms.iter().filter(|arm| *arm == "3b").count() as f64 / f64::from(UNITS);
    assert!((share(&before) - 0.3).abs() < 0.01, "{}", share(&before));
    assert!((share(&after) - 0.5).abs() < 0.01, "{}", share(&after));
    assert!(before
        .iter()
        .zip(&after)
        .all(|(was, is)| was == is || (was, is.as_str()) == (&"8b".to_owned(), "3b")));
}

#[test]
fn the_arm_names_the_candidates_and_the_share_the_propensity() {
    let mut router = router(&config(0.25));
    let facts = in_arm(&mut router, "3b");
    let decision = explained(&mut router, &facts, 1);
    let plan: Vec<&str> =
        decision.choice.plan.iter().map(|hop| decision.model_name(hop.deployment)).collect();
    assert_eq!(plan, ["m3", "m8"]);
    assert!((decision.choice.propensity - 0.25).abs() < 1e-12);
    let explained = decision.explain();
    assert_eq!((&explained["experiment"], &explained["arm"]), (&json!("sizes"), &json!("3b")));
    assert_eq!(explained["notes"][0], "experiment sizes: arm 3b (tested)");
}

#[test]
fn without_its_unit_a_request_goes_by_its_prompt_and_then_by_the_seed() {
    let mut router = router(&config(0.5));
    let arm = |router: &mut Router, facts: &Facts, seed| {
        explained(router, facts, seed).assigned().unwrap().1.to_owned()
    };
    let prompt = Facts { prompt_hash: Some(11), ..asking("m8") };
    let first = arm(&mut router, &prompt, 0);
    assert!((1..50).all(|seed| arm(&mut router, &prompt, seed) == first));
    let bare = asking("m8");
    let of_seeds: Vec<String> = (0..50).map(|seed| arm(&mut router, &bare, seed)).collect();
    assert!(of_seeds.contains(&"3b".to_owned()) && of_seeds.contains(&"8b".to_owned()));
}

#[test]
fn only_what_matches_takes_part() {
    let mut config = config(0.5);
    set(&mut config, "/experiments/sizes/match", json!({ "rule": "exact", "complexity": "low" }));
    let mut router = router(&config);
    let taken =
        |router: &mut Router, facts: &Facts| explained(router, facts, 1).assigned().is_some();
    assert!(taken(&mut router, &session(1)));
    assert!(!taken(&mut router, &Facts { prompt_tokens: 10_000, ..session(1) }));
    assert!(!taken(&mut router, &Facts { model: "unheard-of".to_owned(), ..session(1) }));
    set(&mut config, "/experiments/sizes/enabled", json!(false));
    router.swap(table(&config));
    assert!(!taken(&mut router, &session(1)));
}

#[test]
fn embeddings_take_part_in_no_experiment() {
    let mut config = config(0.5);
    for provider in ["fast", "slow"] {
        set(&mut config, &format!("/providers/{provider}/features"), json!(["embeddings"]));
    }
    let facts = Facts { features: Features::EMBEDDINGS, ..session(1) };
    assert_eq!(explained(&mut router(&config), &facts, 1).assigned(), None);
}

// ── Classes of queries ──────────────────────────────────────────────────────────────────────────

#[test]
fn classes_with_an_arm_of_their_own_are_not_tested() {
    let mut router = router(&by_class(0.5));
    for (class, arm, allocation) in [
        (QueryClass::Simple, "3b", "query_class"),
        (QueryClass::Complex, "8b", "query_class"),
        (QueryClass::Unknown, "8b", "on_error"),
    ] {
        let decision = explained(&mut router, &classified(class), 1);
        assert_eq!(decision.assigned(), Some(("sizes", arm)));
        assert_eq!(decision.explain()["allocation"], allocation);
        assert!((decision.choice.propensity - 1.0).abs() < 1e-12);
    }
    assert_eq!(explained(&mut router, &session(1), 1).assigned(), None);
}

#[test]
fn medium_queries_are_shared_by_the_ratio() {
    let mut router = router(&by_class(0.3));
    let small = (0..u64::from(UNITS)).filter(|hash| {
        let facts = Facts { prompt_hash: Some(*hash), ..classified(QueryClass::Medium) };
        explained(&mut router, &facts, 1).assigned().unwrap().1 == "3b"
    });
    let share = small.count() as f64 / f64::from(UNITS);
    assert!((share - 0.3).abs() < 0.01, "{share}");
}

#[test]
fn a_schedule_moves_the_share_at_its_time() {
    let mut config = config(0.0);
    let stages = json!([
        { "from": "2026-03-02T00:00:00Z", "share": 0.0 }, { "from": "2026-03-03T00:00:00Z", "share": 1.0 }
    ]);
    set(&mut config, "/experiments/sizes/schedule", stages);
    let mut router = router(&config);
    let day = 86_400_000_000;
    for (now_us, arm) in [(NOW_US + day, "8b"), (NOW_US + 2 * day, "3b"), (NOW_US + 9 * day, "3b")]
    {
        let decision = router.explain(&session(1), now_us, 1).unwrap();
        assert_eq!(decision.assigned().unwrap().1, arm);
    }
}

//! Laws of the router as a whole: slots are given back exactly once, capacity holds, shares converge,
//! ties are fair, and the same input gives the same decision.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod audit;
mod support;

use std::collections::BTreeMap;

use audit::{act, model, provider, Act, Audit, PERMIT_US, SECOND_US, START_US};
use proptest::prelude::*;
use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::router::{Journey, NextStep, Router};
use router_core::state::permits::Reported;
use serde_json::{json, Value};
use support::{asking, table};

fn router(config: &Value) -> Router {
    Router::new(table(config), "test".to_owned())
}

fn allowing(model: &str, allowed: &[&str]) -> Facts {
    let allowed = Some(allowed.iter().map(ToString::to_string).collect());
    Facts { allowed, ..asking(model) }
}

// ── Slots ───────────────────────────────────────────────────────────────────────────────────────

/// Ends every journey, lets the permits of the rest expire, and looks whether anything is still held.
fn all_given_back(mut audit: Audit) -> bool {
    while !audit.journeys.is_empty() {
        audit.abandon(0);
    }
    audit.now_us += PERMIT_US;
    audit.router.tick(audit.now_us);
    audit.router.in_flight().iter().all(|(_, count)| *count == 0)
}

proptest! {
    #[test]
    fn slots_are_given_back_exactly_once(acts in prop::collection::vec(act(), 1..120)) {
        let mut audit = Audit::new();
        for act in acts {
            audit.act(act);
            audit.check();
        }
        prop_assert!(all_given_back(audit));
    }

    /// Providers `c` and `d` go and come back with every other step.
    #[test]
    fn a_swap_after_every_step_misplaces_nothing(acts in prop::collection::vec(act(), 1..120)) {
        let mut audit = Audit::new();
        for (place, act) in acts.into_iter().enumerate() {
            audit.act(act);
            audit.act(Act::Swap { to: place % 2 });
            audit.check();
        }
        prop_assert!(all_given_back(audit));
    }
}

#[test]
fn eight_at_once_are_served_by_two_of_four() {
    let config = json!({
        "providers": { "a": provider(4), "b": provider(4) },
        "models": { "m": { "deployments": [{ "provider": "a", "weight": 9 }, { "provider": "b" }] } },
    });
    let mut router = router(&config);
    let journeys: Vec<Journey> = (0..9)
        .map(|seed| router.begin(&asking("m"), START_US, seed, START_US + SECOND_US).unwrap())
        .collect();
    let tried = |journey: &&Journey| matches!(journey.step, NextStep::Try { number: 1, .. });
    assert_eq!(journeys.iter().filter(tried).count(), 8);
    assert!(matches!(journeys[8].step, NextStep::Wait { .. }));
    assert_eq!(router.in_flight(), [("a", 4), ("b", 4)]);
}

// ── Shares ──────────────────────────────────────────────────────────────────────────────────────

/// One model at 0.5, 0.3 and 0.2.
fn shared() -> Router {
    let deployment =
        |provider: &str, weight: f64| json!({ "provider": provider, "weight": weight });
    router(&json!({
        "providers": { "a": provider(8), "b": provider(8), "c": provider(8) },
        "models": { "m": { "deployments": [
            deployment("a", 0.5), deployment("b", 0.3), deployment("c", 0.2)
        ] } },
    }))
}

/// Decides as often as there are facts, each answered before the next, and counts by provider.
fn counts<'f>(
    router: &mut Router,
    requests: impl Iterator<Item = &'f Facts>,
) -> BTreeMap<String, u32> {
    let mut counts = BTreeMap::new();
    for (seed, facts) in (0..).zip(requests) {
        let decision = router.decide(facts, START_US, seed).unwrap();
        let provider = decision.provider_id(decision.chosen().unwrap());
        *counts.entry(provider.to_owned()).or_default() += 1;
        let reported =
            router.report(&decision.permit, &Outcome::of(OutcomeClass::Success), START_US);
        assert_eq!(reported, Reported::Accepted);
    }
    counts
}

#[track_caller]
fn assert_shares(counts: &BTreeMap<String, u32>, expected: &[(&str, f64)]) {
    let total = f64::from(counts.values().sum::<u32>());
    let names: Vec<&str> = counts.keys().map(String::as_str).collect();
    assert_eq!(names, expected.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    for (name, share) in expected {
        let seen = f64::from(counts[*name]) / total;
        assert!((seen - share).abs() < 0.01, "{name}: {seen} instead of {share}");
    }
}

#[test]
fn weights_are_the_share_of_traffic() {
    let facts = asking("m");
    let counts = counts(&mut shared(), std::iter::repeat_n(&facts, 10_000));
    assert_shares(&counts, &[("a", 0.5), ("b", 0.3), ("c", 0.2)]);
}

#[test]
fn a_member_that_is_out_leaves_its_share_to_the_others() {
    let mut router = shared();
    let only_c = router.decide(&allowing("m", &["m@c"]), START_US, 1).unwrap();
    router.report(&only_c.permit, &Outcome::of(OutcomeClass::RateLimited), START_US);
    let facts = asking("m");
    let counts = counts(&mut router, std::iter::repeat_n(&facts, 10_000));
    assert_shares(&counts, &[("a", 0.625), ("b", 0.375)]);
}

#[test]
fn shares_hold_among_the_members_each_request_allows() {
    let (any, limited) = (asking("m"), allowing("m", &["m@b", "m@c"]));
    let requests = [&any, &limited].into_iter().cycle().take(10_000);
    let counts = counts(&mut shared(), requests);
    let (b, c) = (f64::midpoint(0.3, 0.6), f64::midpoint(0.2, 0.4));
    assert_shares(&counts, &[("a", 0.25), ("b", b), ("c", c)]);
}

#[test]
fn a_full_member_leaves_its_share_to_the_others() {
    let mut router = shared();
    for _ in 0..8 {
        router.decide(&allowing("m", &["m@a"]), START_US, 1).unwrap();
    }
    let facts = asking("m");
    let counts = counts(&mut router, std::iter::repeat_n(&facts, 10_000));
    assert_shares(&counts, &[("b", 0.6), ("c", 0.4)]);
}

// ── Ties ────────────────────────────────────────────────────────────────────────────────────────

/// Chi-square statistic of counts against equal shares.
fn chi_square(counts: &BTreeMap<String, u32>) -> f64 {
    let mean = f64::from(counts.values().sum::<u32>()) / counts.len() as f64;
    counts.values().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum()
}

#[test]
fn ties_of_the_least_loaded_are_fair() {
    let ids = ["a", "b", "c", "d", "e"];
    let member = |id: &str| json!({ "provider": id, "preferred_model": format!("m-{id}") });
    let config = json!({
        "providers": ids.map(|id| (id, provider(8))).into_iter().collect::<BTreeMap<_, _>>(),
        "models": ids
            .map(|id| (format!("m-{id}"), json!({ "provider": id })))
            .into_iter()
            .collect::<BTreeMap<_, _>>(),
        "load_balancing": { "p": { "strategy": "least_loaded", "providers": ids.map(member) } },
    });
    let facts = asking("p");
    let counts = counts(&mut router(&config), std::iter::repeat_n(&facts, 10_000));
    assert_eq!(counts.len(), ids.len());
    // 18.47 is passed once in a thousand at four degrees of freedom; the seeds are fixed.
    assert!(chi_square(&counts) < 18.47, "{counts:?}");
}

// ── The same again ──────────────────────────────────────────────────────────────────────────────

proptest! {
    #[test]
    fn the_same_state_time_and_seed_explain_alike(
        acts in prop::collection::vec(act(), 0..60),
        model in model(),
        seed: u64,
    ) {
        let explained = || {
            let mut audit = Audit::new();
            for act in &acts {
                audit.act(act.clone());
            }
            let explained = audit.router.explain(&asking(model), audit.now_us, seed);
            explained.map(|decision| decision.explain().to_string())
        };
        prop_assert_eq!(explained(), explained());
    }

    #[test]
    fn what_is_explained_is_what_is_decided(
        acts in prop::collection::vec(act(), 0..60),
        model in model(),
        seed: u64,
    ) {
        let mut audit = Audit::new();
        for act in acts {
            audit.act(act);
        }
        let facts = asking(model);
        let explained = audit.router.explain(&facts, audit.now_us, seed);
        let decided = audit.router.decide(&facts, audit.now_us, seed);
        match (explained, decided) {
            (Ok(explained), Ok(decided)) => {
                prop_assert_eq!(&explained.choice.plan, &decided.choice.plan);
                prop_assert_eq!(explained.choice.propensity.to_bits(), decided.choice.propensity.to_bits());
                prop_assert!(explained.permit.is_empty());
            }
            (explained, decided) => prop_assert_eq!(explained.err(), decided.err()),
        }
    }
}

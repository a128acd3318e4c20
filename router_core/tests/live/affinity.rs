//! Sessions keep to their deployment among equals (R11), and leave it for no lesser reason than that it
//! is out or has far more to do than the others.

use std::collections::BTreeMap;

use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use serde_json::{json, Value};

use crate::fleet::{in_session, only, pool, rate_limited, Fleet, SECOND_US};
use crate::support::asking;

/// Strategies under which all members of an idle pool are equals.
const STRATEGIES: [&str; 5] =
    ["weighted", "simple_shuffle", "least_loaded", "fastest_response", "adaptive_weighted"];

fn three(strategy: &str, capacity: u32) -> Value {
    pool(strategy, &[("a", 1.0, capacity), ("b", 1.0, capacity), ("c", 1.0, capacity)])
}

fn session(number: u32) -> Facts {
    in_session("p", &format!("s-{number}"))
}

fn done() -> Outcome {
    Outcome::of(OutcomeClass::Success)
}

/// The deployment of each session, one request after another.
fn homes(fleet: &mut Fleet, sessions: u32) -> Vec<String> {
    (0..sessions).map(|number| fleet.ends(&session(number), &done())).collect()
}

#[test]
fn sessions_keep_their_deployment_at_light_load() {
    for strategy in STRATEGIES {
        for capacity in 2..=8 {
            let mut fleet = Fleet::new(&three(strategy, capacity));
            // One request of another caller is under way all the time.
            fleet.hold(&asking("p"));
            let homes = homes(&mut fleet, 30);
            for round in 0..10 {
                for (number, home) in (0..).zip(&homes) {
                    let now = fleet.ends(&session(number), &done());
                    let at = format!("{strategy}, capacity {capacity}, round {round}, {number}");
                    // What measures explores a little.
                    assert!(now == *home || strategy == "fastest_response", "{at}: {now} {home}");
                }
            }
        }
    }
}

#[test]
fn sessions_spread_by_weight() {
    for strategy in ["weighted", "simple_shuffle", "adaptive_weighted"] {
        let members = [("a", 0.5, 8), ("b", 0.3, 8), ("c", 0.2, 8)];
        let mut fleet = Fleet::new(&pool(strategy, &members));
        let mut counts = BTreeMap::<String, u32>::new();
        for home in homes(&mut fleet, 10_000) {
            *counts.entry(home).or_default() += 1;
        }
        for (id, weight, _) in members {
            let share = f64::from(counts[&format!("m-{id}@{id}")]) / 10_000.0;
            assert!((share - weight).abs() < 0.015, "{strategy}, {id}: {share}");
        }
    }
}

#[test]
fn only_sessions_whose_home_is_out_move_and_they_come_back() {
    for strategy in ["weighted", "simple_shuffle", "least_loaded"] {
        let mut fleet = Fleet::new(&three(strategy, 8));
        let before = homes(&mut fleet, 200);
        fleet.ends(&only("p", "m-b@b"), &rate_limited(20 * SECOND_US));
        let during = homes(&mut fleet, 200);
        for (home, moved) in before.iter().zip(&during) {
            assert_ne!(moved, "m-b@b");
            assert!(home == "m-b@b" || home == moved, "{strategy}");
        }
        let taken_in = |id: &str| before.iter().zip(&during).any(|(a, b)| a != b && b == id);
        assert!(taken_in("m-a@a") && taken_in("m-c@c"), "{strategy}: all on one");
        fleet.pass(20 * SECOND_US);
        fleet.ends(&only("p", "m-b@b"), &done());
        // The ramp is over then, and the failure too old to count.
        fleet.pass(60 * SECOND_US);
        assert_eq!(homes(&mut fleet, 200), before, "{strategy}");
    }
}

#[test]
fn sessions_leave_an_overloaded_home_and_come_back() {
    for capacity in 2..=8 {
        let mut fleet = Fleet::new(&three("weighted", capacity));
        let before = homes(&mut fleet, 60);
        let at_a = before.iter().filter(|home| *home == "m-a@a").count();
        assert!(at_a > 5);
        let held: Vec<String> = (0..capacity).map(|_| fleet.hold(&only("p", "m-a@a"))).collect();
        for (home, now) in before.iter().zip(homes(&mut fleet, 60)) {
            assert_ne!(now, "m-a@a");
            assert!(home == "m-a@a" || *home == now);
        }
        for permit in held {
            fleet.report(&permit, &done());
        }
        assert_eq!(homes(&mut fleet, 60), before);
    }
}

/// Bounded loads: at most ⌈1.25 × the mean⌉ of a session's requests pile up on one of three.
#[test]
fn one_busy_session_spills_over_before_its_home_is_full() {
    let mut fleet = Fleet::new(&three("weighted", 8));
    for requests in 1..=18_u64 {
        fleet.hold(&session(1));
        let in_flight = |id| fleet.figure("providers", id, "in_flight").as_u64().unwrap();
        let most = ["a", "b", "c"].map(in_flight).into_iter().max().unwrap();
        let bound = (5 * requests).div_ceil(12);
        assert!(most <= bound, "{most} of {requests} on one; at most {bound}");
    }
}

#[test]
fn without_affinity_a_session_is_spread_as_everybody_else() {
    let mut config = three("weighted", 8);
    config["router_settings"] = json!({ "session_affinity": false });
    let mut fleet = Fleet::new(&config);
    let counts = fleet.counts(std::iter::repeat_n(&session(1), 3_000));
    assert_eq!(counts.values().copied().collect::<Vec<_>>(), [1_000; 3]);
}

#[test]
fn sessions_do_not_disturb_the_exact_shares_of_others() {
    for strategy in ["weighted", "adaptive_weighted"] {
        for seed in 0..5 {
            let mut fleet =
                Fleet::new(&pool(strategy, &[("a", 0.5, 8), ("b", 0.3, 8), ("c", 0.2, 8)]));
            fleet.seed = seed * 1_000_003;
            let mut counts = BTreeMap::<String, u32>::new();
            for number in 0..2_000 {
                // Many requests of few sessions, as lopsided as can be.
                fleet.ends(&session(number % 3), &done());
                *counts.entry(fleet.ends(&asking("p"), &done())).or_default() += 1;
            }
            for (id, expected) in [("m-a@a", 1_000), ("m-b@b", 600), ("m-c@c", 400)] {
                assert!(counts[id].abs_diff(expected) <= 2, "{strategy}: {counts:?}");
            }
        }
    }
}

//! The way out and back (R13): half the weight, a cooldown that doubles, a few probes, a ramp; and what
//! an active probe may end.

use router_core::outcome::{Outcome, OutcomeClass};
use router_core::router::NextStep;
use serde_json::{json, Value};

use crate::fleet::{only, pool, provider, rate_limited, Fleet, SECOND_US};
use crate::support::asking;

const SEEDS: [u64; 5] = [0, 1_000_000, 7_777_777, 1 << 40, u64::MAX / 2];

/// `m` on `a`, and on `b` where `a` cannot.
fn pair(capacity: u32, half_open_probes: u32) -> Value {
    json!({
        "providers": { "a": provider(capacity), "b": provider(64) },
        "models": {
            "m": { "deployments": [{ "provider": "a" }, { "provider": "b", "priority": 1 }] },
            "alone": { "provider": "a" },
        },
        "error_based_routing": { "half_open_probes": half_open_probes },
    })
}

fn fail(fleet: &mut Fleet, model: &str, class: OutcomeClass, times: usize) {
    for _ in 0..times {
        fleet.ends(&only(model, &format!("{model}@a")), &Outcome::of(class));
    }
}

fn done() -> Outcome {
    Outcome::of(OutcomeClass::Success)
}

// ── Out ─────────────────────────────────────────────────────────────────────────────────────────

#[test]
fn cooldowns_of_a_deployment_and_of_a_provider_double_up_to_five_minutes() {
    for (class, section, id) in [
        (OutcomeClass::ServerError, "deployments", "m@a"),
        (OutcomeClass::Unauthorized, "providers", "a"),
    ] {
        let mut fleet = Fleet::new(&pair(8, 1));
        fail(&mut fleet, "m", class, 4);
        let mut lengths = vec![fleet.out_for(section, id)];
        for _ in 0..4 {
            fleet.pass(*lengths.last().unwrap());
            fail(&mut fleet, "m", class, 1);
            lengths.push(fleet.out_for(section, id));
        }
        assert_eq!(lengths, [60, 120, 240, 300, 300].map(|seconds| seconds * SECOND_US));
    }
}

#[test]
fn after_a_full_recovery_the_first_cooldown_is_a_minute_again() {
    let mut fleet = Fleet::new(&pair(8, 1));
    fail(&mut fleet, "m", OutcomeClass::ServerError, 4);
    fleet.pass(60 * SECOND_US);
    fleet.ends(&only("m", "m@a"), &done());
    fleet.pass(30 * SECOND_US);
    fleet.ends(&only("m", "m@a"), &done());
    fail(&mut fleet, "m", OutcomeClass::ServerError, 4);
    assert_eq!(fleet.out_for("deployments", "m@a"), 60 * SECOND_US);
}

#[test]
fn the_end_of_a_cooldown_only_moves_later() {
    let mut fleet = Fleet::new(&pair(8, 1));
    let late: Vec<String> = (0..4).map(|_| fleet.hold(&only("m", "m@a"))).collect();
    fail(&mut fleet, "m", OutcomeClass::ServerError, 4);
    let ends = [
        (Outcome::of(OutcomeClass::ServerError), 60),
        (rate_limited(SECOND_US), 60),
        (done(), 60),
        (rate_limited(90 * SECOND_US), 90),
    ];
    for (permit, (outcome, out_s)) in late.iter().zip(ends) {
        fleet.report(permit, &outcome);
        assert_eq!(fleet.out_for("deployments", "m@a"), out_s * SECOND_US, "{outcome:?}");
    }
}

#[test]
fn the_third_error_halves_a_share_until_it_is_a_minute_old() {
    for seed in SEEDS {
        let mut fleet = Fleet::new(&pool("weighted", &[("a", 1.0, 8), ("b", 1.0, 8)]));
        fleet.seed = seed;
        for (errors, of_a) in [(2, 1_500), (1, 1_000)] {
            for _ in 0..errors {
                fleet.ends(&only("p", "m-a@a"), &Outcome::of(OutcomeClass::Unavailable));
            }
            assert_near(&mut fleet, 3_000, of_a);
        }
        fleet.pass(60 * SECOND_US);
        assert_near(&mut fleet, 3_000, 1_500);
    }
}

/// Of so many requests to the pool, so many go to its first member.
#[track_caller]
fn assert_near(fleet: &mut Fleet, requests: usize, expected: u32) {
    let counts = fleet.counts(std::iter::repeat_n(&asking("p"), requests));
    let of_a = counts.get("m-a@a").copied().unwrap_or(0);
    assert!(of_a.abs_diff(expected) <= 3, "{of_a} instead of {expected} of {requests}");
}

// ── Half-open ───────────────────────────────────────────────────────────────────────────────────

#[test]
fn half_open_admits_as_many_at_once_as_configured_and_the_rest_goes_elsewhere() {
    for (class, probes) in [
        (OutcomeClass::ServerError, 1),
        (OutcomeClass::ServerError, 2),
        (OutcomeClass::Unreachable, 1),
        (OutcomeClass::Unreachable, 2),
    ] {
        let mut fleet = Fleet::new(&pair(8, probes));
        fail(&mut fleet, "m", class, 4);
        fleet.pass(60 * SECOND_US - 1);
        assert_eq!(fleet.first(&asking("m")), "m@b");
        fleet.pass(1);
        for _ in 0..probes {
            assert_eq!(fleet.first(&asking("m")), "m@a", "{class:?}, {probes} at once");
            fleet.hold(&asking("m"));
        }
        for _ in 0..5 {
            assert_eq!(fleet.first(&asking("m")), "m@b", "{class:?}, {probes} at once");
            fleet.hold(&asking("m"));
        }
    }
}

#[test]
fn behind_the_probe_of_the_only_deployment_others_wait() {
    let mut fleet = Fleet::new(&pair(8, 1));
    fail(&mut fleet, "alone", OutcomeClass::ServerError, 4);
    fleet.pass(60 * SECOND_US);
    let probe = fleet.hold(&asking("alone"));
    assert_eq!(fleet.hold(&asking("alone")), "");
    let (now_us, seed) = (fleet.now_us, fleet.seed);
    let mut journey =
        fleet.router.begin(&asking("alone"), now_us, seed, now_us + 30 * SECOND_US).unwrap();
    let NextStep::Wait { us } = journey.step else { panic!("{:?}", journey.step) };
    fleet.report(&probe, &done());
    fleet.pass(us);
    fleet.router.resume(&mut journey, fleet.now_us);
    assert!(matches!(journey.step, NextStep::Try { number: 1, .. }));
}

#[test]
fn an_answer_to_a_request_of_before_does_not_use_up_the_probe() {
    let mut fleet = Fleet::new(&pair(8, 1));
    let old = fleet.hold(&only("m", "m@a"));
    fail(&mut fleet, "m", OutcomeClass::ServerError, 4);
    fleet.now_us += 60 * SECOND_US;
    fleet.report(&old, &Outcome::of(OutcomeClass::ServerError));
    assert_eq!(fleet.figure("deployments", "m@a", "health"), "half_open");
    assert_eq!(fleet.first(&asking("m")), "m@a");
}

#[test]
fn a_rate_limited_probe_is_out_again_for_as_long_as_it_says() {
    let mut fleet = Fleet::new(&pair(8, 1));
    fleet.ends(&only("m", "m@a"), &rate_limited(5 * SECOND_US));
    for seconds in [7, 3, 11] {
        fleet.pass(fleet.out_for("deployments", "m@a"));
        fleet.ends(&only("m", "m@a"), &rate_limited(seconds * SECOND_US));
        assert_eq!(fleet.out_for("deployments", "m@a"), seconds * SECOND_US);
    }
}

// ── The ramp ────────────────────────────────────────────────────────────────────────────────────

/// A fleet whose `model` on `a` has just answered its first probe.
fn recovered(config: &Value, model: &str, deployment: &str, class: OutcomeClass) -> Fleet {
    let mut fleet = Fleet::new(config);
    for _ in 0..4 {
        fleet.ends(&only(model, deployment), &Outcome::of(class));
    }
    fleet.pass(60 * SECOND_US);
    fleet.ends(&only(model, deployment), &done());
    assert!(!fleet.is_out("deployments", deployment));
    fleet
}

#[test]
fn room_grows_over_thirty_seconds_after_a_recovery() {
    for class in [OutcomeClass::ServerError, OutcomeClass::ConnectionReset] {
        for (after_s, room) in [(0, 2), (3, 2), (6, 4), (15, 10), (24, 16), (30, 20)] {
            let mut fleet = recovered(&pair(20, 1), "m", "m@a", class);
            fleet.pass(after_s * SECOND_US);
            for _ in 0..30 {
                fleet.hold(&asking("m"));
            }
            let in_flight = fleet.figure("providers", "a", "in_flight");
            assert_eq!(in_flight, room, "{class:?}, after {after_s} s");
        }
    }
}

#[test]
fn a_weighted_share_grows_over_thirty_seconds_after_a_recovery() {
    for seed in SEEDS {
        for class in [OutcomeClass::ServerError, OutcomeClass::Unreachable] {
            let config = pool("weighted", &[("a", 1.0, 64), ("b", 1.0, 64)]);
            for (after_s, of_a) in [(0, 100), (3, 100), (15, 367), (27, 521), (30, 550)] {
                let mut fleet = recovered(&config, "p", "m-a@a", class);
                fleet.seed = seed;
                fleet.pass(after_s * SECOND_US);
                assert_near(&mut fleet, 1_100, of_a);
            }
        }
    }
}

// ── Active probes ───────────────────────────────────────────────────────────────────────────────

#[test]
fn an_active_probe_ends_cooldowns_of_connection_faults_only() {
    for (class, ends) in [
        (OutcomeClass::Unreachable, true),
        (OutcomeClass::ConnectionReset, true),
        (OutcomeClass::StreamBroken, true),
        (OutcomeClass::Unauthorized, false),
        (OutcomeClass::ServerError, false),
        (OutcomeClass::Unavailable, false),
        (OutcomeClass::Silent, false),
        (OutcomeClass::RateLimited, false),
    ] {
        let mut fleet = Fleet::new(&pair(8, 1));
        let held: Vec<String> = (0..4).map(|_| fleet.hold(&only("m", "m@a"))).collect();
        assert!(fleet.router.unreachable(fleet.now_us).is_empty());
        for permit in held {
            fleet.report(&permit, &Outcome::of(class));
        }
        fleet.pass(SECOND_US);
        let listed = fleet.router.unreachable(fleet.now_us) == ["a"];
        assert_eq!(listed, ends, "{class:?}");
        fleet.router.reachable("a", fleet.now_us);
        let first = if ends { "m@a" } else { "m@b" };
        assert_eq!(fleet.first(&asking("m")), first, "{class:?}");
        assert!(fleet.router.unreachable(fleet.now_us).is_empty());
    }
}

#[test]
fn what_an_active_probe_reached_is_half_open_and_a_failure_doubles_its_cooldown() {
    let mut fleet = Fleet::new(&pair(8, 1));
    fail(&mut fleet, "m", OutcomeClass::Unreachable, 4);
    fleet.pass(SECOND_US);
    fleet.router.reachable("a", fleet.now_us);
    assert_eq!(fleet.figure("providers", "a", "health"), "half_open");
    fail(&mut fleet, "m", OutcomeClass::Unreachable, 1);
    assert_eq!(fleet.out_for("providers", "a"), 120 * SECOND_US);
}

#[test]
fn a_rate_limit_of_its_own_is_not_ended_by_an_active_probe_after_a_connection_fault() {
    let mut fleet = Fleet::new(&pair(8, 1));
    let late = fleet.hold(&only("m", "m@a"));
    let broken: Vec<String> = (0..4).map(|_| fleet.hold(&only("m", "m@a"))).collect();
    for permit in broken {
        fleet.report(&permit, &Outcome::of(OutcomeClass::StreamBroken));
    }
    fleet.report(&late, &rate_limited(100 * SECOND_US));
    fleet.router.reachable("a", fleet.now_us);
    assert_eq!(fleet.out_for("deployments", "m@a"), 100 * SECOND_US);
}

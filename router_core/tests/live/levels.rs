//! Whose breaker counts what (R13): the deployment's, the provider's, or nobody's; and how long each
//! stays out.

use router_core::outcome::{Outcome, OutcomeClass};
use serde_json::{json, Value};

use crate::fleet::{only, provider, rate_limited, Fleet, SECOND_US};
use crate::support::asking;

const MINUTE_US: u64 = 60 * SECOND_US;

/// `m` and `n` on the provider `a`, `o` on `b`.
fn fleet() -> Value {
    json!({
        "providers": { "a": provider(8), "b": provider(8) },
        "models": {
            "m": { "provider": "a" }, "n": { "provider": "a" }, "o": { "provider": "b" },
        },
        "fallback_chains": { "m": { "chain": ["n", "o"] } },
    })
}

#[test]
fn four_errors_of_a_class_take_out_the_deployment_or_the_provider_or_nothing() {
    use OutcomeClass::{
        Cancelled, ConnectionReset, ContentPolicy, ContextLength, Deadline, Diverged,
        InvalidRequest, ModelMissing, RateLimited, ServerError, Silent, StreamBroken, Success,
        Unauthorized, Unavailable, Unreachable,
    };
    // Whether the deployment and the provider are out, and where the next request goes.
    let nothing = (false, false, "m@a");
    let deployment = (true, false, "n@a");
    let provider = (false, true, "o@b");
    let table = [
        (Success, nothing),
        (RateLimited, deployment),
        (ServerError, deployment),
        (ConnectionReset, provider),
        (Unreachable, provider),
        (Unavailable, deployment),
        (Silent, deployment),
        (Unauthorized, provider),
        (ModelMissing, deployment),
        (ContextLength, nothing),
        (ContentPolicy, nothing),
        (InvalidRequest, nothing),
        (Cancelled, nothing),
        (StreamBroken, deployment),
        (Deadline, nothing),
        (Diverged, nothing),
    ];
    assert!(OutcomeClass::NAMES.iter().all(|(class, _)| table.iter().any(|row| row.0 == *class)));
    for (class, expected) in table {
        let mut fleet = Fleet::new(&fleet());
        let permits: Vec<String> = (0..4).map(|_| fleet.hold(&only("m", "m@a"))).collect();
        for permit in permits {
            fleet.report(&permit, &Outcome::of(class));
        }
        let next = fleet.first(&asking("m"));
        let out = (fleet.is_out("deployments", "m@a"), fleet.is_out("providers", "a"));
        assert_eq!((out.0, out.1, next.as_str()), expected, "{class:?}");
        assert!(!fleet.is_out("deployments", "n@a") && !fleet.is_out("providers", "b"));
    }
}

#[test]
fn a_provider_that_is_out_has_all_its_deployments_skipped_with_the_reason() {
    let mut fleet = Fleet::new(&fleet());
    for _ in 0..4 {
        fleet.ends(&only("m", "m@a"), &Outcome::of(OutcomeClass::Unreachable));
    }
    let decision = fleet.decide(&asking("m")).unwrap();
    let explained = decision.explain();
    assert_eq!(explained["deployment"], "o@b");
    assert_eq!(explained["plan"].as_array().unwrap().len(), 1);
    assert_eq!(decision.choice.skipped.len(), 2);
    for (id, skip) in &decision.choice.skipped {
        let reason = decision.skip_reason(*id, skip);
        assert!(reason.starts_with("out for another 60.0 s"), "{reason}");
    }
}

#[test]
fn a_rate_limit_without_retry_after_lasts_sixty_seconds_and_with_it_exactly_as_long() {
    let unsaid = Outcome::of(OutcomeClass::RateLimited);
    for (outcome, out_us) in [
        (unsaid, MINUTE_US),
        (rate_limited(7 * SECOND_US), 7 * SECOND_US),
        (rate_limited(MINUTE_US + 1), MINUTE_US + 1),
        (rate_limited(500 * SECOND_US), 500 * SECOND_US),
    ] {
        let mut fleet = Fleet::new(&fleet());
        fleet.ends(&asking("m"), &outcome);
        assert_eq!(fleet.out_for("deployments", "m@a"), out_us);
        fleet.pass(out_us - 1);
        assert_eq!(fleet.first(&asking("m")), "n@a");
        fleet.pass(1);
        assert_eq!(fleet.first(&asking("m")), "m@a");
    }
}

#[test]
fn a_second_rate_limit_within_a_minute_from_another_deployment_takes_the_provider_out() {
    for (second, later_us, provider_out) in [
        ("n", MINUTE_US - 1, true),
        ("n", MINUTE_US, false),
        ("m", MINUTE_US - 1, false),
        ("o", SECOND_US, false),
    ] {
        let mut fleet = Fleet::new(&fleet());
        fleet.ends(&asking("m"), &rate_limited(SECOND_US));
        fleet.pass(later_us);
        let deployment = if second == "o" { "o@b" } else { &format!("{second}@a") };
        fleet.ends(&only(second, deployment), &rate_limited(9 * SECOND_US));
        assert_eq!(fleet.is_out("providers", "a"), provider_out, "{second} after {later_us} µs");
        assert!(!fleet.is_out("providers", "b"));
        let out_us = if provider_out { 9 * SECOND_US } else { 0 };
        assert_eq!(fleet.out_for("providers", "a"), out_us);
    }
}

#[test]
fn while_every_deployment_is_out_a_request_is_told_how_long_to_wait() {
    let mut fleet = Fleet::new(&fleet());
    fleet.ends(&asking("o"), &rate_limited(5 * SECOND_US));
    fleet.pass(SECOND_US);
    let refused = fleet.decide(&asking("o")).unwrap_err();
    assert_eq!((refused.code, &refused.details["retry_after_us"]), ("no_room", &json!(4_000_000)));
}

#[test]
fn switched_off_errors_take_nothing_out_at_either_level() {
    let mut config = fleet();
    config["error_based_routing"] = json!({ "enabled": false });
    for class in [OutcomeClass::ServerError, OutcomeClass::Unreachable] {
        let mut fleet = Fleet::new(&config);
        for _ in 0..20 {
            assert_eq!(fleet.ends(&asking("m"), &Outcome::of(class)), "m@a");
        }
    }
}

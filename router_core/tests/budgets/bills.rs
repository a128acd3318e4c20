//! What an attempt is taken to have cost, however it ends, and that it counts once.

use router_core::facts::{Facts, Features};
use router_core::outcome::{Delivered, Outcome, OutcomeClass};
use router_core::state::permits::Reported;
use serde_json::json;

use crate::world::{answered, failed, wanting, World, HOUR_US, NOON_US, SECOND_US};

fn world() -> World {
    World::new(&json!({ "cloud_usd_per_day": 1_000 }))
}

/// What is paid for one request of 1,000 tokens that ended so, in the price of a token.
fn bill(outcome: &Outcome) -> u64 {
    let mut world = world();
    world.ends(&wanting("lone", 1_000), outcome);
    let (spent, set_aside) = world.day();
    assert_eq!(set_aside, 0, "{outcome:?}");
    spent
}

#[test]
fn an_attempt_that_fails_before_any_answer_costs_nothing() {
    use OutcomeClass::{
        Cancelled, ConnectionReset, ContentPolicy, ContextLength, Deadline, Diverged,
        InvalidRequest, ModelMissing, RateLimited, ServerError, Silent, StreamBroken, Success,
        Unauthorized, Unavailable, Unreachable,
    };
    let free = [
        ConnectionReset,
        ContentPolicy,
        ContextLength,
        InvalidRequest,
        ModelMissing,
        RateLimited,
        ServerError,
        Silent,
        Unauthorized,
        Unavailable,
        Unreachable,
    ];
    let billed = [Cancelled, Deadline, Diverged, StreamBroken, Success];
    assert_eq!(free.len() + billed.len(), OutcomeClass::NAMES.len());
    for class in free {
        assert_eq!(bill(&failed(class)), 0, "{class:?}");
        // Once some of an answer came, it was made and is billed.
        let begun = Outcome { ttft_us: Some(1), ..failed(class) };
        assert_eq!(bill(&begun), 1_000, "{class:?}");
    }
    // What is not known stays as it was estimated: leaving early must not make answers free.
    for class in billed {
        assert_eq!(bill(&failed(class)), 1_000, "{class:?}");
    }
}

#[test]
fn what_is_known_is_billed_and_the_rest_as_estimated() {
    assert_eq!(bill(&answered(10)), 10);
    // More than was asked for: the provider's own count holds.
    assert_eq!(bill(&answered(5_000)), 5_000);
    let broken = Outcome {
        completion_tokens: Some(250),
        delivered: Some(Delivered::Text),
        ..failed(OutcomeClass::StreamBroken)
    };
    assert_eq!(bill(&broken), 250);
}

#[test]
fn every_answer_asked_for_is_set_aside() {
    let set_aside = |facts: &Facts| {
        let mut world = world();
        world.begun(facts);
        world.day().1
    };
    assert_eq!(set_aside(&wanting("lone", 100)), 100);
    assert_eq!(set_aside(&Facts { answers: 5, ..wanting("lone", 100) }), 500);
    assert_eq!(set_aside(&Facts { max_tokens: None, ..wanting("lone", 0) }), 1_000);
    let embeds = Facts { features: Features::EMBEDDINGS, ..wanting("lone", 100) };
    assert_eq!(set_aside(&embeds), 0);
}

#[test]
fn a_first_token_that_was_told_of_makes_a_failure_cost() {
    let mut world = world();
    let mut journey = world.begun(&wanting("lone", 1_000));
    world.router.first_token(&journey, 1, world.now_us);
    world.finish(&mut journey, &failed(OutcomeClass::ServerError));
    assert_eq!(world.day().0, 1_000);
}

#[test]
fn an_abandoned_request_costs_its_estimate() {
    let mut world = world();
    let mut journey = world.begun(&wanting("lone", 1_000));
    world.router.abandon(&mut journey, world.now_us);
    world.router.abandon(&mut journey, world.now_us);
    assert_eq!(world.day(), (1_000, 0));
}

#[test]
fn a_route_caller_pays_what_it_reports_once() {
    let mut world = world();
    let decision = world.router.decide(&wanting("lone", 1_000), world.now_us, 1).unwrap();
    assert_eq!(world.day(), (0, 1_000));
    for reported in [Reported::Accepted, Reported::Duplicate, Reported::Duplicate] {
        assert_eq!(world.router.report(&decision.permit, &answered(100), world.now_us), reported);
        assert_eq!(world.day(), (100, 0));
    }
}

#[test]
fn a_route_caller_that_never_reports_pays_the_estimate_and_a_late_report_corrects_it() {
    let mut world = world();
    let decision = world.router.decide(&wanting("lone", 1_000), world.now_us, 1).unwrap();
    world.now_us += 31 * SECOND_US;
    world.router.tick(world.now_us);
    assert_eq!(world.day(), (1_000, 0));
    for _ in 0..2 {
        let reported = world.router.report(&decision.permit, &answered(100), world.now_us);
        assert_eq!(reported, Reported::Expired);
        assert_eq!(world.day(), (100, 0));
    }
}

#[test]
fn an_attempt_counts_for_the_day_it_began_on() {
    let mut world = world();
    world.now_us = NOON_US + 12 * HOUR_US - SECOND_US;
    let mut late = world.begun(&wanting("lone", 1_000));
    world.now_us += 2 * SECOND_US;
    assert_eq!(world.ends(&wanting("lone", 1_000), &answered(300)), "lone@far");
    world.finish(&mut late, &answered(1_000));
    assert_eq!(world.day(), (300, 0));
}

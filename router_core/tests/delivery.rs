//! How answers are delivered (E3): streams that break off and are continued or not, hedged attempts,
//! and the pace a named chain sets.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drive;
mod support;

use drive::{Drive, MINUTE_US};
use router_core::facts::Facts;
use router_core::outcome::{Delivered, Outcome, OutcomeClass};
use router_core::router::{Journey, NextStep};
use serde_json::{json, Value};
use support::{asking, table};

use OutcomeClass::{
    Cancelled, Diverged, InvalidRequest, ServerError, StreamBroken, Success, Unavailable,
};

const TTFT_US: u64 = 200_000;

/// `m` on a, then b, then c; `better` falls back to it; `lone` has one deployment.
fn config(delivery: &Value) -> Value {
    let provider =
        || json!({ "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": 10 });
    let on = |provider: &str, priority: u8| json!({ "provider": provider, "priority": priority });
    json!({
        "providers": { "a": provider(), "b": provider(), "c": provider() },
        "models": {
            "m": { "parameters": "8B", "deployments": [on("a", 0), on("b", 1), on("c", 2)] },
            "better": { "parameters": "70B", "provider": "a" },
            "lone": { "provider": "c" },
        },
        "fallback_chains": {
            "better": { "chain": ["m"] },
            "patient": { "chain": ["m"], "retry_attempts": 2, "retry_delay_ms": 500 },
        },
        "router_settings": { "delivery": delivery, "exploration": 0 },
    })
}

fn plain_stream(model: &str) -> Facts {
    Facts { stream: true, plain: true, ..asking(model) }
}

fn broken() -> Outcome {
    Outcome { delivered: Some(Delivered::Text), ..Outcome::of(StreamBroken) }
}

fn steps(config: &Value, facts: &Facts, outcomes: &[Outcome]) -> Vec<String> {
    let mut drive = Drive::new(table(config));
    let mut journey = begin(&mut drive, facts);
    drive.settle(&mut journey);
    for outcome in outcomes {
        drive.finish(&mut journey, outcome);
    }
    drive.steps
}

fn begin(drive: &mut Drive, facts: &Facts) -> Journey {
    drive.begin_with(facts, MINUTE_US)
}

// ── Broken streams ──────────────────────────────────────────────────────────────────────────────

#[test]
fn what_was_sent_on_ends_in_an_error_unless_it_may_be_continued() {
    let error = ["m@a", "m@b", "stream_broken #2"];
    let ends = [Outcome::of(Unavailable), broken()];
    assert_eq!(steps(&config(&json!({})), &plain_stream("m"), &ends), error);
    let continued = config(&json!({ "stream_break": "continue" }));
    let tools = Facts { plain: false, ..plain_stream("m") };
    assert_eq!(steps(&continued, &tools, &ends), error);
    let more = Outcome { delivered: Some(Delivered::More), ..broken() };
    let ends = [Outcome::of(Unavailable), more];
    assert_eq!(steps(&continued, &plain_stream("m"), &ends), error);
    let ends = [broken(), Outcome::of(Success)];
    assert_eq!(steps(&continued, &plain_stream("m"), &ends), ["m@a", "m@b", "done"]);
}

#[test]
fn nothing_that_follows_masks_the_break() {
    let config = config(&json!({ "stream_break": "continue" }));
    for class in [InvalidRequest, Diverged, Unavailable] {
        let ends = [broken(), Outcome::of(class), Outcome::of(class)];
        let expected = ["m@a", "m@b", "m@c", "stream_broken #1"];
        assert_eq!(steps(&config, &plain_stream("m"), &ends), expected, "{class:?}");
    }
    let cancelled = [broken(), Outcome::of(Cancelled)];
    assert_eq!(steps(&config, &plain_stream("m"), &cancelled), ["m@a", "m@b", "cancelled #1"]);
}

#[test]
fn a_second_break_is_continued_too() {
    let config = config(&json!({ "stream_break": "continue" }));
    let ends = [broken(), broken(), Outcome::of(Success)];
    assert_eq!(steps(&config, &plain_stream("m"), &ends), ["m@a", "m@b", "m@c", "done"]);
}

#[test]
fn the_last_one_left_goes_on_with_its_own_answer_once() {
    let config = config(&json!({ "stream_break": "continue" }));
    let ends = [broken(), broken()];
    let expected = ["lone@c", "jitter", "lone@c", "stream_broken #1"];
    assert_eq!(steps(&config, &plain_stream("lone"), &ends), expected);
}

#[test]
fn a_break_of_which_nothing_was_sent_on_is_repaired_unseen() {
    let ends = [Outcome::of(StreamBroken), Outcome::of(Success)];
    let expected = ["m@a", "m@b", "done"];
    assert_eq!(steps(&config(&json!({})), &plain_stream("m"), &ends), expected);
}

#[test]
fn an_attempt_says_why_it_is_made_and_how_it_is_asked_for() {
    let mut config = config(&json!({ "stream_break": "continue" }));
    config["providers"]["b"]["stream_whole_answers"] = json!(false);
    let mut drive = Drive::new(table(&config));
    let how = |journey: &Journey| match journey.step {
        NextStep::Try { streamed, kind, .. } => (streamed, kind.as_str()),
        ref other => panic!("{other:?}"),
    };
    let mut journey = begin(&mut drive, &plain_stream("m"));
    assert_eq!(how(&journey), (true, "first"));
    drive.finish(&mut journey, &broken());
    assert_eq!(how(&journey), (true, "continuation"));
    let whole = Facts { stream: false, ..plain_stream("m") };
    let mut journey = begin(&mut drive, &whole);
    assert_eq!(how(&journey), (true, "first"));
    drive.finish(&mut journey, &Outcome::of(Unavailable));
    assert_eq!(how(&journey), (false, "fallback"));
    let journey = begin(&mut drive, &Facts { plain: false, ..whole });
    assert_eq!(how(&journey), (false, "first"));
}

#[test]
fn a_rule_says_how_its_own_answers_are_delivered() {
    let mut config = config(&json!({ "stream_break": "continue" }));
    config["models"]["m"]["delivery"] = json!({ "commit": "buffered" });
    config["load_balancing"] = json!({ "pool": {
        "providers": [{ "provider": "a", "preferred_model": "m" }],
        "delivery": { "stream_break": "error", "hedge": true },
    } });
    let mut drive = Drive::new(table(&config));
    let mut told = |name: &str| {
        let delivery = begin(&mut drive, &plain_stream(name)).decision.choice.delivery;
        (delivery.stream_break.as_str(), delivery.commit.as_str(), delivery.hedge)
    };
    assert_eq!(told("m"), ("continue", "buffered", false));
    assert_eq!(told("pool"), ("error", "first_token", true));
    assert_eq!(told("lone"), ("continue", "first_token", false));
}

// ── Hedging ─────────────────────────────────────────────────────────────────────────────────────

/// A fleet in which a and b have answered often enough to be known.
fn lived_in(config: &Value) -> Drive {
    let mut drive = Drive::new(table(config));
    for provider in ["a", "b"] {
        for _ in 0..8 {
            let allowed = Some(vec![format!("m@{provider}")]);
            let mut journey = begin(&mut drive, &Facts { allowed, ..plain_stream("m") });
            drive.now_us += TTFT_US;
            drive.router.first_token(&journey, 1, drive.now_us);
            drive.finish(&mut journey, &Outcome::of(Success));
        }
    }
    drive.steps.clear();
    drive
}

fn hedge_after_us(journey: &Journey) -> Option<u64> {
    match journey.step {
        NextStep::Try { hedge_after_us, .. } => hedge_after_us,
        ref other => panic!("{other:?}"),
    }
}

fn hedged(drive: &mut Drive) -> Journey {
    let mut journey = begin(drive, &plain_stream("m"));
    drive.settle(&mut journey);
    drive.now_us += hedge_after_us(&journey).expect("a time to hedge after");
    drive.router.hedge(&mut journey, drive.now_us);
    drive.settle(&mut journey);
    journey
}

#[test]
fn the_first_to_deliver_wins_and_the_loser_teaches_nothing_bad() {
    let mut drive = lived_in(&config(&json!({ "hedge": true })));
    let mut journey = hedged(&mut drive);
    assert_eq!(hedge_after_us(&journey), None, "one hedge is enough");
    drive.router.first_token(&journey, 2, drive.now_us);
    drive.finish_attempt(&mut journey, 1, &Outcome::of(Cancelled));
    drive.finish_attempt(&mut journey, 2, &Outcome::of(Success));
    assert_eq!(drive.steps, ["m@a", "m@b", "await", "done"]);
    assert!(drive.router.in_flight().iter().all(|(_, count)| *count == 0));
    let loser = &drive.router.status(drive.now_us)["deployments"]["m@a"];
    assert_eq!((&loser["health"], &loser["outcomes"]), (&json!("healthy"), &json!(8)));
}

#[test]
fn whichever_fails_the_other_goes_on() {
    for (fails, serves) in [(1, 2), (2, 1)] {
        let mut drive = lived_in(&config(&json!({ "hedge": true })));
        let mut journey = hedged(&mut drive);
        drive.finish_attempt(&mut journey, fails, &Outcome::of(Unavailable));
        drive.finish_attempt(&mut journey, serves, &Outcome::of(Success));
        assert_eq!(drive.steps, ["m@a", "m@b", "await", "done"]);
    }
    let mut drive = lived_in(&config(&json!({ "hedge": true })));
    let mut journey = hedged(&mut drive);
    drive.finish_attempt(&mut journey, 2, &Outcome::of(Unavailable));
    drive.finish_attempt(&mut journey, 1, &Outcome::of(ServerError));
    assert_eq!(drive.steps, ["m@a", "m@b", "await", "jitter", "m@a"]);
}

#[test]
fn a_finished_winner_leaves_the_loser_to_be_cancelled() {
    let mut drive = lived_in(&config(&json!({ "hedge": true })));
    let mut journey = hedged(&mut drive);
    drive.finish_attempt(&mut journey, 1, &Outcome::of(Success));
    drive.finish_attempt(&mut journey, 2, &Outcome::of(Cancelled));
    assert_eq!(drive.steps, ["m@a", "m@b", "done", "done"]);
    assert!(drive.router.in_flight().iter().all(|(_, count)| *count == 0));
}

#[test]
fn only_where_it_is_wanted_and_a_percentile_is_known() {
    let mut drive = lived_in(&config(&json!({ "hedge": true })));
    assert_eq!(hedge_after_us(&begin(&mut drive, &plain_stream("m"))), Some(TTFT_US));
    assert_eq!(hedge_after_us(&begin(&mut drive, &plain_stream("lone"))), None);
    assert_eq!(hedge_after_us(&drive.begin("m", MINUTE_US)), None, "not asked for as a stream");
    let mut drive = lived_in(&config(&json!({})));
    assert_eq!(hedge_after_us(&begin(&mut drive, &plain_stream("m"))), None);
}

#[test]
fn never_onto_a_busy_provider_a_worse_model_or_the_same_provider() {
    let mut drive = lived_in(&config(&json!({ "hedge": true })));
    // b at 60 % and c at 60 %: nobody is left who could race.
    let _busy: Vec<Journey> = ["m@b", "m@c"]
        .iter()
        .flat_map(|id| [*id; 6])
        .map(|id| {
            let allowed = Some(vec![id.to_owned()]);
            begin(&mut drive, &Facts { allowed, ..plain_stream("m") })
        })
        .collect();
    let mut journey = begin(&mut drive, &plain_stream("m"));
    drive.router.hedge(&mut journey, drive.now_us);
    assert_eq!(journey.step, NextStep::Await);
    let mut drive = lived_in(&config(&json!({ "hedge": true })));
    let mut journey = begin(&mut drive, &plain_stream("better"));
    drive.router.hedge(&mut journey, drive.now_us);
    assert_eq!(journey.step, NextStep::Await, "m is smaller");
}

#[test]
fn hedges_are_paid_from_the_retry_budget() {
    let mut drive = lived_in(&config(&json!({ "hedge": true })));
    let hedges = (0..200).filter(|_| {
        let mut journey = begin(&mut drive, &plain_stream("m"));
        drive.router.hedge(&mut journey, drive.now_us);
        let hedged = matches!(journey.step, NextStep::Try { number: 2, .. });
        drive.router.abandon(&mut journey, drive.now_us);
        hedged
    });
    // Ten a second, over the ten seconds it counts.
    assert_eq!(hedges.count(), 100);
}

// ── The pace of a named chain ───────────────────────────────────────────────────────────────────

#[test]
fn a_named_chain_sets_its_attempts_and_their_distance() {
    let patient = Facts { chain: Some("patient".to_owned()), ..plain_stream("m") };
    let ends = [Outcome::of(Unavailable), Outcome::of(Unavailable)];
    let expected = ["m@a", "wait 500000", "m@b", "attempt_limit #1"];
    assert_eq!(steps(&config(&json!({})), &patient, &ends), expected);
    let ends = [Outcome::of(Unavailable), Outcome::of(Success)];
    assert_eq!(steps(&config(&json!({})), &patient, &ends), ["m@a", "wait 500000", "m@b", "done"]);
}

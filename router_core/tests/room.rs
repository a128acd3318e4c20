//! The walk where slots are short (E1, E4): a full deployment is waited for, never exceeded, and
//! another with room goes first.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drive;
mod support;

use drive::{Drive, MINUTE_US, POLL_US, SECOND_US, START_US};
use router_core::hold::{Hold, HoldKind};
use router_core::outcome::{Outcome, OutcomeClass};
use serde_json::{json, Value};
use support::table;

/// `one` has a single slot on a provider of its own; `pair` a second deployment beside it.
fn cramped() -> Value {
    let provider =
        || json!({ "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": 1 });
    json!({
        "providers": { "a": provider(), "b": provider() },
        "models": {
            "one": { "provider": "a" },
            "pair": { "deployments": [{ "provider": "a" }, { "provider": "b", "priority": 1 }] },
        },
    })
}

#[test]
fn a_full_deployment_is_waited_for() {
    let mut drive = Drive::new(table(&cramped()));
    let mut first = drive.begin("one", MINUTE_US);
    let mut second = drive.begin("one", MINUTE_US);
    assert_eq!(drive.name(&second), "poll");
    drive.router.resume(&mut second, START_US + 30_000);
    assert_eq!(drive.name(&second), "poll");
    assert_eq!(drive.router.in_flight(), [("a", 1), ("b", 0)]);
    drive.router.finish(&mut first, 1, &Outcome::of(OutcomeClass::Success), START_US + 40_000);
    drive.now_us += 60_000;
    drive.router.resume(&mut second, drive.now_us);
    assert_eq!(drive.name(&second), "one@a");
    drive.finish(&mut second, &Outcome::of(OutcomeClass::Success));
    assert_eq!(drive.router.in_flight(), [("a", 0), ("b", 0)]);
}

#[test]
fn one_with_room_goes_first_and_the_full_one_is_come_back_to() {
    let mut drive = Drive::new(table(&cramped()));
    let mut holder = drive.begin("one", MINUTE_US);
    let mut journey = drive.begin("pair", MINUTE_US);
    assert_eq!(drive.name(&journey), "pair@b");
    drive.router.finish(&mut journey, 1, &Outcome::of(OutcomeClass::Unavailable), START_US);
    assert_eq!(drive.name(&journey), "poll");
    drive.router.finish(&mut holder, 1, &Outcome::of(OutcomeClass::Success), START_US);
    drive.router.resume(&mut journey, START_US + 30_000);
    assert_eq!(drive.name(&journey), "pair@a");
}

#[test]
fn waiting_for_room_ends_with_the_deadline_or_after_ten_seconds() {
    for (within_us, waited_us) in [(SECOND_US, SECOND_US), (MINUTE_US, 10 * SECOND_US)] {
        let mut drive = Drive::new(table(&cramped()));
        let _holder = drive.begin("one", MINUTE_US);
        let mut journey = drive.begin("one", within_us);
        drive.settle(&mut journey);
        assert_eq!(drive.steps.last().map(String::as_str), Some("no_room"));
        let waited = drive.now_us - START_US;
        assert!((waited_us..waited_us + POLL_US.end).contains(&waited), "{waited}");
        assert_eq!(drive.router.in_flight(), [("a", 1), ("b", 0)]);
    }
}

#[test]
fn a_repeat_waits_for_the_slot_that_another_took_meanwhile() {
    let mut drive = Drive::new(table(&cramped()));
    let mut journey = drive.begin("one", MINUTE_US);
    drive.router.finish(&mut journey, 1, &Outcome::of(OutcomeClass::ServerError), START_US);
    let mut other = drive.begin("one", MINUTE_US);
    drive.router.resume(&mut journey, START_US + 150_000);
    assert_eq!(drive.name(&journey), "poll");
    drive.router.finish(&mut other, 1, &Outcome::of(OutcomeClass::Success), START_US + 160_000);
    drive.router.resume(&mut journey, START_US + 180_000);
    assert_eq!(drive.name(&journey), "one@a");
}

#[test]
fn a_walk_abandoned_while_it_waits_takes_no_slot_later() {
    let mut drive = Drive::new(table(&cramped()));
    let mut holder = drive.begin("one", MINUTE_US);
    let mut journey = drive.begin("one", MINUTE_US);
    drive.router.abandon(&mut journey, START_US);
    drive.router.finish(&mut holder, 1, &Outcome::of(OutcomeClass::Success), START_US);
    drive.router.resume(&mut journey, START_US + 30_000);
    assert_eq!(drive.router.in_flight(), [("a", 0), ("b", 0)]);
}

/// An operator drains provider `a`.
fn drained() -> Hold {
    Hold { kind: HoldKind::Draining, reason: String::new(), until_us: 0 }
}

#[test]
fn a_repeat_does_not_go_to_a_provider_drained_meanwhile() {
    let mut drive = Drive::new(table(&cramped()));
    let mut journey = drive.begin("pair", MINUTE_US);
    assert_eq!(drive.name(&journey), "pair@a");
    drive.router.hold("a", Some(drained())).unwrap();
    drive.finish(&mut journey, &Outcome::of(OutcomeClass::ServerError));
    assert_eq!(drive.steps, ["jitter", "pair@b"]);
}

#[test]
fn waiting_for_room_goes_on_elsewhere_when_the_provider_is_drained() {
    let mut drive = Drive::new(table(&cramped()));
    let holders = [drive.begin("pair", MINUTE_US), drive.begin("pair", MINUTE_US)];
    let mut waiting = drive.begin("pair", MINUTE_US);
    assert_eq!(drive.name(&waiting), "poll");
    let [mut on_a, mut on_b] = holders;
    drive.router.hold("a", Some(drained())).unwrap();
    drive.finish(&mut on_a, &Outcome::of(OutcomeClass::Success));
    drive.now_us += 30_000;
    drive.router.resume(&mut waiting, drive.now_us);
    assert_eq!(drive.name(&waiting), "poll");
    drive.finish(&mut on_b, &Outcome::of(OutcomeClass::Success));
    drive.now_us += 30_000;
    drive.router.resume(&mut waiting, drive.now_us);
    assert_eq!(drive.name(&waiting), "pair@b");
    assert_eq!(drive.router.in_flight(), [("a", 0), ("b", 1)]);
}

//! What somebody who wants to make the router spend money can try.

use router_core::facts::Facts;
use router_core::outcome::OutcomeClass;
use serde_json::json;

use crate::support::asking;
use crate::world::{answered, by, failed, wanting, World, CLOUD, LOCAL, SECOND_US};

#[test]
fn huge_answers_are_paid_by_the_one_who_asks_for_them() {
    let mut world =
        World::new(&json!({ "cloud_usd_per_day": 100, "cloud_usd_per_day_per_caller": 1 }));
    for tokens in [2_000, 100_000_000, u32::MAX] {
        let facts = by("mallory", Facts { answers: 1_000, ..wanting("large", tokens) });
        assert_eq!(world.ends(&facts, &answered(1)), LOCAL);
    }
    let held: Vec<_> =
        (0..50).map(|_| world.begun(&by("mallory", wanting("large", 900)))).collect();
    assert_eq!(held.iter().filter(|journey| world.place(journey) == CLOUD).count(), 1);
    assert_eq!(world.day(), (0, 900));
    assert_eq!(world.ends(&by("alice", wanting("large", 900)), &answered(900)), CLOUD);
}

#[test]
fn a_thousand_at_once_at_the_edge_get_no_more_than_is_there() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 10 }));
    let mut all: Vec<_> = (0..1_000)
        .map(|caller| world.begun(&by(&format!("c{caller}"), wanting("large", 37))))
        .collect();
    let paid = all.iter().filter(|journey| world.place(journey) == CLOUD).count();
    assert_eq!(paid, 270, "of 0.037 USD each");
    for journey in &mut all {
        if world.place(journey) == CLOUD {
            world.finish(journey, &answered(37));
        }
    }
    assert_eq!(world.day(), (9_990, 0));
}

#[test]
fn a_filled_local_fleet_forces_neither_more_money_nor_more_fallback_than_allowed() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 0.5, "cloud_fallback_share": 0.05 }));
    let _filling: Vec<_> = (0..2).map(|_| world.begun(&by("mallory", asking("small")))).collect();
    for request in 0..2_000 {
        // Another session and another name each time change nothing.
        let facts = Facts { session: Some(format!("s{request}")), ..wanting("small", 10) };
        let mut journey = world.begun(&by(&format!("name-{request}"), facts));
        if world.place(&journey) == CLOUD {
            world.finish(&mut journey, &answered(10));
        } else {
            assert_eq!(world.place(&journey), "waits");
            world.router.abandon(&mut journey, world.now_us);
        }
        world.now_us += SECOND_US / 20;
    }
    assert_eq!(world.day().0, 500);
    assert_eq!(world.fallbacks(), 50, "one cent each, and half a dollar is all there is");
}

#[test]
fn made_up_names_neither_grow_memory_nor_wash_anybody_clean() {
    let mut world = World::new(&json!({ "cloud_usd_per_day_per_caller": 1 }));
    assert_eq!(world.ends(&by("mallory", wanting("large", 1_000)), &answered(1_000)), CLOUD);
    let mut beyond = 0;
    for name in 0..20_000 {
        let facts = by(&format!("made-up-{name}"), wanting("large", 1_000));
        beyond += u32::from(name >= 9_999 && world.ends(&facts, &answered(1_000)) == CLOUD);
        if name < 9_999 {
            world.ends(&facts, &answered(1_000));
        }
    }
    assert_eq!(beyond, 1, "all beyond ten thousand share what one of them has");
    assert_eq!(world.ends(&by("mallory", wanting("large", 1)), &answered(1)), LOCAL);
    assert_eq!(world.router.snapshot().spending.callers_nano_usd.len(), 10_000);
    assert_eq!(world.spending()["callers"].as_object().unwrap().len(), 100);
}

#[test]
fn names_that_only_ask_are_not_remembered() {
    let mut world = World::new(&json!({ "cloud_usd_per_day_per_caller": 1 }));
    for name in 0..100 {
        world.ends(&by(&format!("n{name}"), asking("small")), &answered(1));
        world.explained(&by(&format!("n{name}"), asking("large")));
    }
    assert_eq!(world.router.snapshot().spending.callers_nano_usd.len(), 0);
}

#[test]
fn permits_that_are_never_reported_cost_what_they_may_have() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 1 }));
    let mut permits = 0;
    for _ in 0..100 {
        let decided = world.router.decide(&wanting("lone", 100), world.now_us, 1);
        permits += u32::from(decided.is_ok());
        world.now_us += 40 * SECOND_US;
        world.router.tick(world.now_us);
    }
    assert_eq!(permits, 10);
    assert_eq!(world.day(), (1_000, 0));
}

#[test]
fn leaving_early_or_having_no_usage_told_makes_nothing_free() {
    let no_usage = failed(OutcomeClass::Success);
    for outcome in [failed(OutcomeClass::Cancelled), failed(OutcomeClass::Deadline), no_usage] {
        let mut world = World::new(&json!({ "cloud_usd_per_day": 1 }));
        for _ in 0..10 {
            assert_eq!(world.ends(&wanting("large", 100), &outcome), CLOUD);
        }
        assert_eq!(world.ends(&wanting("large", 100), &answered(1)), LOCAL, "{outcome:?}");
    }
}

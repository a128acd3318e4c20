//! Limits on money: when they are reached the cloud is out of reach, and whoever asks is told so.

use router_core::outcome::OutcomeClass;
use router_core::router::NextStep;
use router_core::state::spending::SpendingFigures;
use serde_json::json;

use crate::support::table;
use crate::world::{
    answered, by, config, failed, notes, plan, reason, wanting, World, CLOUD, HOUR_US, LOCAL,
    NOON_US, OTHER_CLOUD, SECOND_US,
};

const SPENT: &str = "the day's cloud budget of 1.00 USD is spent until 00:00 UTC";

#[test]
fn without_budgets_nothing_is_counted_or_told() {
    let mut world = World::of(&config(&json!({})));
    for _ in 0..100 {
        assert_eq!(world.ends(&wanting("lone", 1_000), &answered(1_000)), "lone@far");
    }
    assert_eq!(world.spending(), json!(null));
    assert_eq!(world.router.snapshot().spending, SpendingFigures::default());
}

#[test]
fn a_spent_day_leaves_a_request_for_the_cloud_to_its_local_fallback() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 1.0 }));
    assert_eq!(world.ends(&wanting("large", 1_000), &answered(1_000)), CLOUD);
    let told = world.explained(&wanting("large", 1));
    assert_eq!(plan(&told), [LOCAL]);
    assert_eq!(notes(&told), [format!("stays local: {SPENT}")]);
    assert_eq!([reason(&told, CLOUD), reason(&told, OTHER_CLOUD)], [SPENT, SPENT]);
    assert_eq!(world.ends(&wanting("large", 1), &answered(1)), LOCAL);
    assert_eq!(world.day(), (1_000, 0));
}

#[test]
fn local_requests_do_not_notice() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 0 }));
    assert_eq!(world.ends(&wanting("small", 100_000), &answered(100_000)), LOCAL);
    assert_eq!(world.day(), (0, 0));
}

#[test]
fn with_nothing_local_it_is_refused_until_midnight() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 1.0 }));
    world.ends(&wanting("lone", 1_000), &answered(1_000));
    let refused = world.begin(&wanting("lone", 1)).err().unwrap();
    assert_eq!(refused.code, "budget_spent");
    assert!(refused.message.contains(SPENT), "{}", refused.message);
    assert!(refused.message.contains("ask for a local model"), "{}", refused.message);
    assert_eq!(refused.details["retry_after_us"], 12 * HOUR_US);
    world.now_us += 12 * HOUR_US - 1;
    assert!(world.begin(&wanting("lone", 1)).is_err());
    world.now_us += 1;
    assert_eq!(world.day(), (0, 0));
    assert_eq!(world.ends(&wanting("lone", 1), &answered(1)), "lone@far");
}

#[test]
fn a_request_dearer_than_the_whole_budget_is_not_told_to_come_back() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 1.0 }));
    let refused = world.begin(&wanting("lone", 2_000)).err().unwrap();
    assert_eq!((refused.code, &refused.details["retry_after_us"]), ("budget_spent", &json!(null)));
    let words = "the request may cost 2.00 USD, more than the day's cloud budget of 1.00 USD";
    assert!(refused.message.contains(words), "{}", refused.message);
    assert!(refused.message.contains("lower max_tokens"), "{}", refused.message);
}

#[test]
fn a_caller_spends_its_own_money_only() {
    let mut world = World::new(&json!({
        "cloud_usd_per_day": 10.0, "cloud_usd_per_day_per_caller": 1.0, "callers": { "rich": 3.0 },
    }));
    let one = wanting("large", 1_000);
    assert_eq!(world.ends(&by("poor", one.clone()), &answered(1_000)), CLOUD);
    assert_eq!(world.ends(&by("poor", one.clone()), &answered(1_000)), LOCAL);
    let told = world.explained(&by("poor", one.clone()));
    let words = "the caller's cloud budget for the day of 1.00 USD is spent until 00:00 UTC";
    assert_eq!(notes(&told), [format!("stays local: {words}")]);
    for _ in 0..3 {
        assert_eq!(world.ends(&by("rich", one.clone()), &answered(1_000)), CLOUD);
    }
    assert_eq!(world.ends(&by("rich", one.clone()), &answered(1_000)), LOCAL);
    // Whoever says no name is a caller too.
    assert_eq!(world.ends(&one, &answered(1_000)), CLOUD);
    assert_eq!(world.ends(&one, &answered(1_000)), LOCAL);
    assert_eq!(world.day(), (5_000, 0));
    let spent = ["poor", "rich", "anonymous"].map(|caller| world.of_caller(caller).0);
    assert_eq!(spent, [1_000, 3_000, 1_000]);
}

#[test]
fn what_requests_under_way_may_cost_is_set_aside() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 1.0 }));
    let mut running: Vec<_> = (0..3).map(|_| world.begun(&wanting("large", 300))).collect();
    assert!(running.iter().all(|journey| world.place(journey) == CLOUD));
    assert_eq!(world.day(), (0, 900));
    let told = world.explained(&wanting("large", 300));
    let words =
        "the request may cost 0.30 USD and the day's cloud budget of 1.00 USD has 1.00 USD \
                 left, of which requests under way may cost 0.90 USD";
    assert_eq!(reason(&told, CLOUD), words);
    let refused = world.begin(&wanting("lone", 300)).err().unwrap();
    assert_eq!(refused.details["retry_after_us"], SECOND_US);
    // A smaller one still fits, and true costs make room.
    assert_eq!(world.ends(&wanting("large", 100), &answered(100)), CLOUD);
    for journey in &mut running {
        world.finish(journey, &answered(100));
    }
    assert_eq!(world.day(), (400, 0));
    assert_eq!(world.ends(&wanting("large", 300), &answered(300)), CLOUD);
}

#[test]
fn before_each_further_attempt_the_money_is_looked_at_again() {
    let mut world = World::new(&json!({ "cloud_usd_per_day": 1.0 }));
    let mut journey = world.begun(&wanting("large", 1_000));
    world.finish(&mut journey, &failed(OutcomeClass::Unavailable));
    assert_eq!(world.place(&journey), OTHER_CLOUD, "a failed attempt leaves the money");

    let mut world = World::new(&json!({ "cloud_usd_per_day": 1.0 }));
    let mut journey = world.begun(&wanting("large", 600));
    world.finish(&mut journey, &failed(OutcomeClass::ServerError));
    assert!(matches!(journey.step, NextStep::Wait { .. }), "before the same one again");
    let other = world.begun(&wanting("large", 600));
    assert_eq!(world.place(&other), CLOUD);
    world.settle(&mut journey);
    assert_eq!(world.place(&journey), LOCAL, "somebody else has the money now");
}

#[test]
fn a_cheaper_one_in_the_cloud_is_taken_without_a_note() {
    let mut config = config(&json!({ "cloud_usd_per_day": 1.0 }));
    config["providers"]["farther"]["price"] = json!({ "usd_per_request": 0.01 });
    let mut world = World::of(&config);
    let told = world.explained(&wanting("large", 1_001));
    assert_eq!(plan(&told), [OTHER_CLOUD, LOCAL]);
    assert_eq!(notes(&told), Vec::<&str>::new());
}

#[test]
fn the_days_tally_outlives_a_reload_and_a_snapshot() {
    let budgets = json!({ "cloud_usd_per_day": 2.0, "cloud_usd_per_day_per_caller": 1.5 });
    let mut world = World::new(&budgets);
    world.ends(&by("a", wanting("large", 1_000)), &answered(1_000));
    let held = world.begun(&by("b", wanting("large", 500)));
    let snapshot = serde_json::to_string(&world.router.snapshot()).unwrap();
    world.router.swap(table(&config(&json!({ "cloud_usd_per_day": 1.0 }))));
    assert_eq!(world.ends(&by("a", wanting("large", 1)), &answered(1)), LOCAL);
    drop(held);

    let mut other = World::new(&budgets);
    assert_eq!(other.router.restore(&serde_json::from_str(&snapshot).unwrap()), [""; 0]);
    // Nobody will say what became of the half dollar, so it counts.
    assert_eq!(other.day(), (1_500, 0));
    assert_eq!((other.of_caller("a"), other.of_caller("b")), ((1_000, 0), (500, 0)));
    assert_eq!(other.ends(&by("a", wanting("large", 501)), &answered(1)), LOCAL);
    assert_eq!(other.ends(&by("b", wanting("large", 500)), &answered(500)), CLOUD);
    other.now_us = NOON_US + 24 * HOUR_US;
    assert_eq!(other.day(), (0, 0));
}

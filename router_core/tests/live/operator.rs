//! An operator's hold (drain, disable): nothing new goes there, what runs finishes, nobody probes, and
//! all of it is over when the hold is lifted or its time is up.

use router_core::hold::{Hold, HoldKind};
use router_core::outcome::{Outcome, OutcomeClass};
use serde_json::{json, Value};

use crate::fleet::{only, pool, provider, Fleet, SECOND_US};
use crate::support::{asking, table};

const KINDS: [HoldKind; 2] = [HoldKind::Draining, HoldKind::Disabled];

fn hold(kind: HoldKind) -> Hold {
    Hold { kind, reason: "new memory".to_owned(), until_us: 0 }
}

/// `m` on `a`, and on `b` where `a` cannot; `alone` on `a` only.
fn pair() -> Value {
    json!({
        "providers": { "a": provider(8), "b": provider(8) },
        "models": {
            "m": { "deployments": [{ "provider": "a" }, { "provider": "b", "priority": 1 }] },
            "alone": { "provider": "a" },
        },
    })
}

fn done() -> Outcome {
    Outcome::of(OutcomeClass::Success)
}

#[test]
fn nothing_new_goes_there_and_what_runs_finishes() {
    for kind in KINDS {
        let mut fleet = Fleet::new(&pair());
        let running = fleet.hold(&asking("m"));
        fleet.router.hold("a", Some(hold(kind))).unwrap();
        assert_eq!(fleet.router.is_disabled("a", fleet.now_us), kind == HoldKind::Disabled);
        for _ in 0..20 {
            assert_eq!(fleet.ends(&asking("m"), &done()), "m@b");
        }
        assert_eq!(fleet.figure("providers", "a", "in_flight"), 1);
        fleet.report(&running, &done());
        assert_eq!(fleet.figure("providers", "a", "in_flight"), 0);
        assert_eq!(fleet.figure("deployments", "m@a", "successes"), 1);
        fleet.router.hold("a", None).unwrap();
        assert_eq!(fleet.ends(&asking("m"), &done()), "m@a");
    }
}

#[test]
fn the_reason_is_told_to_who_asks() {
    let mut fleet = Fleet::new(&pair());
    fleet.router.hold("a", Some(hold(HoldKind::Draining))).unwrap();
    let explained = fleet.router.explain(&asking("m"), fleet.now_us, 1).unwrap().explain();
    let told = "provider a is drained by an operator: new memory";
    assert!(explained["candidates"].to_string().contains(told), "{explained}");
    assert_eq!(fleet.figure("providers", "a", "state"), "draining");
    assert_eq!(fleet.figure("providers", "a", "state_reason"), told.replace("provider a is ", ""));
    assert_eq!(fleet.figure("providers", "a", "health"), "healthy");
    assert_eq!(fleet.figure("providers", "b", "state"), "enabled");
    assert_eq!(fleet.figure("providers", "b", "state_reason"), Value::Null);
}

#[test]
fn where_all_is_held_the_refusal_names_it() {
    let mut fleet = Fleet::new(&pair());
    fleet.router.hold("a", Some(hold(HoldKind::Disabled))).unwrap();
    let refused = fleet.decide(&asking("alone")).unwrap_err();
    assert_eq!(refused.code, "no_eligible_deployment");
    let told = "alone@a: provider a is disabled by an operator: new memory";
    assert!(refused.message.contains(told), "{}", refused.message);
    assert_eq!(refused.details["retry_after_us"], Value::Null);

    let until_us = fleet.now_us + 90 * SECOND_US;
    let timed = Hold { kind: HoldKind::Draining, reason: String::new(), until_us };
    fleet.router.hold("a", Some(timed)).unwrap();
    let refused = fleet.decide(&asking("alone")).unwrap_err();
    assert_eq!(refused.code, "no_room");
    assert!(refused.message.contains("drained by an operator for another 90.0 s"));
    assert_eq!(refused.details["retry_after_us"], 90 * SECOND_US);
}

#[test]
fn a_hold_with_a_time_ends_by_itself() {
    let mut fleet = Fleet::new(&pair());
    let until_us = fleet.now_us + 60 * SECOND_US;
    let timed = Hold { kind: HoldKind::Draining, reason: String::new(), until_us };
    fleet.router.hold("a", Some(timed)).unwrap();
    fleet.now_us = until_us - 1;
    assert_eq!(fleet.first(&asking("m")), "m@b");
    fleet.now_us = until_us;
    assert_eq!(fleet.first(&asking("m")), "m@a");
    assert_eq!(fleet.figure("providers", "a", "state"), "enabled");
    fleet.pass(0);
    assert_eq!(fleet.router.snapshot().providers["a"].hold, None);
}

#[test]
fn it_outlives_reloads_also_one_without_the_provider() {
    let mut fleet = Fleet::new(&pair());
    let running = fleet.hold(&only("m", "m@a"));
    fleet.router.hold("a", Some(hold(HoldKind::Draining))).unwrap();
    let without =
        json!({ "providers": { "b": provider(8) }, "models": { "m": { "provider": "b" } } });
    fleet.router.swap(table(&without));
    assert!(fleet.router.hold("a", None).is_err());
    assert_eq!(fleet.router.in_flight(), [("a", 1), ("b", 0)]);
    fleet.router.swap(table(&pair()));
    assert_eq!(fleet.first(&asking("m")), "m@b");
    fleet.report(&running, &done());
    assert_eq!(fleet.router.in_flight(), [("a", 0), ("b", 0)]);
}

#[test]
fn a_held_provider_is_neither_probed_nor_tested() {
    let mut fleet = Fleet::new(&pair());
    for _ in 0..4 {
        fleet.ends(&only("m", "m@a"), &Outcome::of(OutcomeClass::Unreachable));
    }
    assert_eq!(fleet.router.unreachable(fleet.now_us), ["a"]);
    fleet.router.hold("a", Some(hold(HoldKind::Draining))).unwrap();
    assert!(fleet.router.unreachable(fleet.now_us).is_empty());
    fleet.pass(61 * SECOND_US);
    assert_eq!(fleet.figure("providers", "a", "health"), "half_open");
    assert_eq!(fleet.first(&asking("m")), "m@b");
    fleet.router.hold("a", None).unwrap();
    assert_eq!(fleet.ends(&only("m", "m@a"), &done()), "m@a");
    assert_eq!(fleet.figure("providers", "a", "health"), "recovering");
}

#[test]
fn an_unknown_provider_is_answered_with_the_closest() {
    let mut fleet = Fleet::new(&pool("round_robin", &[("ollama-1", 1.0, 1), ("vllm", 1.0, 1)]));
    assert_eq!(fleet.router.hold("olama1", None), Err(vec!["ollama-1".into(), "vllm".into()]));
}

#[test]
fn shares_go_to_the_others_and_come_back() {
    let mut fleet = Fleet::new(&pool("weighted", &[("a", 0.5, 8), ("b", 0.3, 8), ("c", 0.2, 8)]));
    fleet.router.hold("a", Some(hold(HoldKind::Draining))).unwrap();
    let facts = asking("p");
    let held = fleet.counts(std::iter::repeat_n(&facts, 1_000));
    assert_eq!(held.get("m-a@a"), None);
    assert!((590..=610).contains(&held["m-b@b"]), "{held:?}");
    fleet.router.hold("a", None).unwrap();
    let back = fleet.counts(std::iter::repeat_n(&facts, 1_000));
    assert!((490..=510).contains(&back["m-a@a"]), "{back:?}");
}

#[test]
fn a_pool_whose_local_members_are_held_overflows_to_the_cloud() {
    let cloud = json!({
        "kind": "openai", "base_url": "http://127.0.0.1:2/v1", "capacity": 8, "location": "cloud",
    });
    let mut config = pool("usage_based", &[("a", 1.0, 8), ("cloud", 1.0, 8)]);
    config["providers"]["cloud"] = cloud;
    config["models"]["m-a"] =
        json!({ "deployments": [{ "provider": "a" }, { "provider": "cloud" }] });
    let mut fleet = Fleet::new(&config);
    fleet.router.hold("a", Some(hold(HoldKind::Draining))).unwrap();
    assert!(fleet.first(&asking("p")).ends_with("@cloud"));
}

#[test]
fn snapshots_carry_it() {
    let mut fleet = Fleet::new(&pair());
    fleet.router.hold("a", Some(hold(HoldKind::Disabled))).unwrap();
    let text = serde_json::to_string(&fleet.router.snapshot()).unwrap();
    let mut other = Fleet::new(&pair());
    assert!(other.router.restore(&serde_json::from_str(&text).unwrap()).is_empty());
    assert_eq!(other.first(&asking("m")), "m@b");
    assert_eq!(other.figure("providers", "a", "state"), "disabled");
}

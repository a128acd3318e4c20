//! The walk, class by class (E1, E2): each case says how the attempts of one request end and which
//! steps follow.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod drive;
mod support;

use drive::{Drive, JITTER_US, MINUTE_US, SECOND_US};
use proptest::prelude::*;
use router_core::outcome::{Delivered, Outcome, OutcomeClass};
use router_core::router::NextStep;
use serde_json::{json, Value};
use support::table;

use OutcomeClass::{
    Cancelled, ConnectionReset, ContentPolicy, ContextLength, Deadline, InvalidRequest,
    ModelMissing, RateLimited, ServerError, Silent, Success, Unauthorized, Unavailable,
    Unreachable,
};

/// Providers a to g. `best` falls back past two models on a's server; `twin` has two deployments of
/// one model; `long` falls back through context windows; `many` through seven providers.
fn fleet() -> Value {
    let provider = || json!({ "kind": "openai", "base_url": "http://127.0.0.1:1/v1" });
    let providers: serde_json::Map<String, Value> = ["a", "b", "c", "d", "e", "f", "g"]
        .map(|id| (id.to_owned(), provider()))
        .into_iter()
        .collect();
    let model = |provider: &str, parameters: &str| json!({ "provider": provider, "parameters": parameters });
    let window =
        |provider: &str, tokens: u32| json!({ "provider": provider, "context_window": tokens });
    let twin = json!({ "deployments": [{ "provider": "a" }, { "provider": "b", "priority": 1 }] });
    json!({
        "providers": providers,
        "models": {
            "best": model("a", "70B"), "same": model("a", "70B"), "less": model("b", "7B"),
            "lone": model("c", "8B"), "twin": twin,
            "small": model("c", "3B"), "large": model("d", "30B"),
            "premium": { "provider": "e", "tier": "cloud_premium", "parameters": "8B" },
            "entry": { "provider": "f", "tier": "cloud_entry", "parameters": "80B" },
            "long": window("a", 4_096), "as-long": window("b", 4_096),
            "unknown-window": { "provider": "c" }, "longer": window("d", 32_768),
            "longest": window("e", 131_072), "short": window("f", 2_048),
            "many": { "provider": "a" },
            "m2": { "provider": "b" }, "m3": { "provider": "c" }, "m4": { "provider": "d" },
            "m5": { "provider": "e" }, "m6": { "provider": "f" }, "m7": { "provider": "g" },
        },
        "fallback_chains": {
            "best": { "chain": ["same", "less"] },
            "small": { "chain": ["large"] },
            "premium": { "chain": ["entry"] },
            "long": { "chain": ["short", "as-long", "unknown-window", "longer", "longest"] },
            "many": { "chain": ["m2", "m3", "m4", "m5", "m6", "m7"] },
        },
    })
}

fn rate_limited(after_us: u64) -> Outcome {
    Outcome { retry_after_us: Some(after_us), ..Outcome::of(RateLimited) }
}

fn steps(config: &Value, model: &str, outcomes: &[Outcome], within_us: u64) -> Vec<String> {
    let mut drive = Drive::new(table(config));
    let mut journey = drive.begin(model, within_us);
    drive.settle(&mut journey);
    for outcome in outcomes {
        drive.finish(&mut journey, outcome);
    }
    assert!(drive.router.in_flight().iter().all(|(_, count)| *count <= 1));
    drive.steps
}

#[track_caller]
fn assert_steps(model: &str, ends: &[OutcomeClass], expected: &[&str]) {
    let outcomes: Vec<Outcome> = ends.iter().map(|class| Outcome::of(*class)).collect();
    assert_eq!(steps(&fleet(), model, &outcomes, MINUTE_US), expected, "{ends:?}");
}

// ── Classes that only move on, or not at all ────────────────────────────────────────────────────

#[test]
fn success_is_done() {
    assert_steps("best", &[Success], &["best@a", "done"]);
}

#[test]
fn unavailable_silent_and_missing_models_move_on_at_once() {
    for class in [Unavailable, Silent, ModelMissing] {
        assert_steps("best", &[class, Success], &["best@a", "same@a", "done"]);
    }
}

#[test]
fn unreachable_and_unauthorized_skip_every_hop_of_the_provider() {
    for class in [Unreachable, Unauthorized] {
        assert_steps("best", &[class, Success], &["best@a", "less@b", "done"]);
        assert_steps("lone", &[class], &["lone@c", "plan_exhausted #1"]);
    }
}

#[test]
fn the_callers_own_fault_surfaces_at_once() {
    assert_steps("best", &[InvalidRequest], &["best@a", "callers_fault #1"]);
    let ends = [Unavailable, InvalidRequest];
    assert_steps("best", &ends, &["best@a", "same@a", "callers_fault #2"]);
}

#[test]
fn cancel_and_deadline_end_the_walk() {
    assert_steps("best", &[Cancelled], &["best@a", "cancelled #1"]);
    let ends = [Unavailable, Deadline];
    assert_steps("best", &ends, &["best@a", "same@a", "deadline #1"]);
}

#[test]
fn the_first_error_surfaces_when_all_failed() {
    let ends = [Unavailable, ModelMissing, Silent];
    assert_steps("best", &ends, &["best@a", "same@a", "less@b", "plan_exhausted #1"]);
}

// ── Repeats on the same provider ────────────────────────────────────────────────────────────────

#[test]
fn a_server_error_is_repeated_once_and_then_left() {
    assert_steps("best", &[ServerError, Success], &["best@a", "jitter", "best@a", "done"]);
    let ends = [ServerError, ServerError, Success];
    assert_steps("best", &ends, &["best@a", "jitter", "best@a", "same@a", "done"]);
}

#[test]
fn a_second_reset_skips_the_provider() {
    let ends = [ConnectionReset, ConnectionReset, Success];
    assert_steps("best", &ends, &["best@a", "jitter", "best@a", "less@b", "done"]);
}

#[test]
fn one_request_repeats_as_often_as_num_retries_says() {
    let ends = [ServerError; 5];
    let twice = ["best@a", "jitter", "best@a", "same@a", "jitter", "same@a", "less@b"];
    let expected = [&twice[..], &["plan_exhausted #1"]].concat();
    assert_steps("best", &ends, &expected);
}

#[test]
fn a_short_rate_limit_is_sat_out_before_a_lesser_model() {
    let outcomes = [rate_limited(2 * SECOND_US), Outcome::of(Success)];
    let sat_out = |first: &str| [first, "wait 2000000", first, "done"].map(str::to_owned);
    for (model, first) in [("less", "less@b"), ("lone", "lone@c"), ("premium", "premium@e")] {
        assert_eq!(steps(&fleet(), model, &outcomes, MINUTE_US), sat_out(first));
    }
    let mut lesser = fleet();
    lesser["fallback_chains"]["best"]["chain"] = json!(["less"]);
    assert_eq!(steps(&lesser, "best", &outcomes, MINUTE_US), sat_out("best@a"));
}

#[test]
fn a_rate_limit_that_names_no_wait_at_all_is_sat_out_too() {
    let outcomes = [rate_limited(0), Outcome::of(Success)];
    // As long as it is out, which this drive tells as a jitter.
    let sat_out = ["premium@e", "jitter", "premium@e", "done"];
    assert_eq!(steps(&fleet(), "premium", &outcomes, MINUTE_US), sat_out);
}

#[test]
fn a_rate_limit_is_left_at_once_for_an_equal_or_better_model() {
    let outcomes = [rate_limited(SECOND_US), Outcome::of(Success)];
    for (model, expected) in [
        ("best", ["best@a", "same@a", "done"]),
        ("twin", ["twin@a", "twin@b", "done"]),
        ("small", ["small@c", "large@d", "done"]),
    ] {
        assert_eq!(steps(&fleet(), model, &outcomes, MINUTE_US), expected);
    }
}

#[test]
fn a_rate_limit_is_not_sat_out_when_long_or_unsaid_or_past_the_deadline() {
    let left = ["premium@e", "entry@f", "done"];
    let done = Outcome::of(Success);
    for (outcome, within_us) in [
        (rate_limited(3 * SECOND_US + 1), MINUTE_US),
        (Outcome::of(RateLimited), MINUTE_US),
        (rate_limited(3 * SECOND_US), 3 * SECOND_US),
    ] {
        assert_eq!(steps(&fleet(), "premium", &[outcome, done.clone()], within_us), left);
    }
    let just = [rate_limited(3 * SECOND_US), done];
    let sat_out = ["premium@e", "wait 3000000", "premium@e", "done"];
    assert_eq!(steps(&fleet(), "premium", &just, 3 * SECOND_US + 1), sat_out);
}

#[test]
fn a_rate_limited_deployment_is_out_for_others_too() {
    let mut drive = Drive::new(table(&fleet()));
    let mut limited = drive.begin("premium", MINUTE_US);
    drive.settle(&mut limited);
    drive.finish(&mut limited, &rate_limited(10 * SECOND_US));
    for (later_us, first) in [(0, "entry@f"), (10 * SECOND_US - 1, "entry@f"), (1, "premium@e")] {
        drive.now_us += later_us;
        let next = drive.begin("premium", MINUTE_US);
        assert_eq!(drive.name(&next), first);
    }
}

// ── Where to ────────────────────────────────────────────────────────────────────────────────────

#[test]
fn too_long_a_context_goes_to_larger_windows_only() {
    let ends = [ContextLength, ContextLength, ContextLength];
    let expected = ["long@a", "longer@d", "longest@e", "plan_exhausted #1"];
    assert_steps("long", &ends, &expected);
    assert_steps("lone", &[ContextLength], &["lone@c", "plan_exhausted #1"]);
}

#[test]
fn a_content_policy_refusal_moves_only_where_configured() {
    assert_steps("best", &[ContentPolicy], &["best@a", "content_policy #1"]);
    let mut config = fleet();
    config["router_settings"] = json!({ "content_policy_fallback": true });
    let outcomes = [Outcome::of(ContentPolicy), Outcome::of(Success)];
    assert_eq!(steps(&config, "best", &outcomes, MINUTE_US), ["best@a", "same@a", "done"]);
}

// ── Limits ──────────────────────────────────────────────────────────────────────────────────────

#[test]
fn at_most_five_deployments_are_tried_and_repeats_do_not_count() {
    let five = ["m2@b", "m3@c", "m4@d", "m5@e", "attempt_limit #1"];
    assert_steps("many", &[Unavailable; 5], &[&["many@a"], &five[..]].concat());
    let mut ends = [Unavailable; 6];
    ends[0] = ServerError;
    assert_steps("many", &ends, &[&["many@a", "jitter", "many@a"], &five[..]].concat());
}

#[test]
fn nothing_is_tried_past_the_deadline() {
    let mut drive = Drive::new(table(&fleet()));
    let mut journey = drive.begin("best", SECOND_US);
    drive.settle(&mut journey);
    drive.now_us += SECOND_US;
    drive.finish(&mut journey, &Outcome::of(Unavailable));
    assert_eq!(drive.steps, ["best@a", "deadline #1"]);
}

#[test]
fn no_repeat_is_begun_that_would_end_past_the_deadline() {
    let ends = [Outcome::of(ServerError), Outcome::of(Success)];
    let expected = ["best@a", "same@a", "done"];
    assert_eq!(steps(&fleet(), "best", &ends, JITTER_US.start), expected);
}

#[test]
fn a_deadline_that_has_passed_starts_nothing() {
    let mut drive = Drive::new(table(&fleet()));
    let journey = drive.begin("best", 0);
    assert_eq!(drive.name(&journey), "deadline");
    let mut journey = drive.begin("best", SECOND_US);
    drive.router.finish(&mut journey, 1, &Outcome::of(ServerError), drive.now_us);
    drive.router.resume(&mut journey, drive.now_us + SECOND_US);
    assert_eq!(drive.name(&journey), "deadline #1");
}

#[test]
fn a_spent_budget_leaves_each_request_its_first_move() {
    let mut config = fleet();
    // Without cooldowns, so that every request finds its whole plan.
    config["error_based_routing"] = json!({ "enabled": false });
    let mut drive = Drive::new(table(&config));
    let all_fail = |drive: &mut Drive, class: OutcomeClass| {
        let mut journey = drive.begin("best", MINUTE_US);
        drive.steps.clear();
        drive.settle(&mut journey);
        while matches!(journey.step, NextStep::Try { .. }) {
            drive.finish(&mut journey, &Outcome::of(class));
        }
        std::mem::take(&mut drive.steps)
    };
    for _ in 0..100 {
        let ends = all_fail(&mut drive, Unavailable);
        assert_eq!(ends, ["best@a", "same@a", "less@b", "plan_exhausted #1"]);
    }
    let spent = ["best@a", "same@a", "retry_budget_spent #1"];
    assert_eq!(all_fail(&mut drive, Unavailable), spent);
    assert_eq!(all_fail(&mut drive, ServerError), spent);
    drive.now_us += 10 * SECOND_US;
    let ends = all_fail(&mut drive, Unavailable);
    assert_eq!(ends, ["best@a", "same@a", "less@b", "plan_exhausted #1"]);
}

// ── Whatever happens ────────────────────────────────────────────────────────────────────────────

fn delivered() -> impl Strategy<Value = Option<Delivered>> {
    prop::sample::select(vec![None, Some(Delivered::Text), Some(Delivered::More)])
}

fn any_outcome() -> impl Strategy<Value = Outcome> {
    let class = prop::sample::select(OutcomeClass::NAMES.map(|(class, _)| class).to_vec());
    (class, prop::option::of(0..5 * SECOND_US), delivered()).prop_map(
        |(class, retry_after_us, delivered)| Outcome {
            retry_after_us,
            delivered,
            ..Outcome::of(class)
        },
    )
}

proptest! {
    /// A walk ends, tries each deployment at most once besides repeats, and surfaces an attempt it made.
    #[test]
    fn every_walk_ends_within_its_limits(
        model in prop::sample::select(vec!["best", "twin", "long", "many", "lone"]),
        continues in any::<bool>(),
        outcomes in prop::collection::vec(any_outcome(), 16),
    ) {
        let mut config = fleet();
        if continues {
            config["router_settings"] = json!({ "delivery": { "stream_break": "continue" } });
        }
        let mut drive = Drive::new(table(&config));
        let mut journey = drive.begin(model, MINUTE_US);
        drive.settle(&mut journey);
        let mut tried = Vec::new();
        for outcome in &outcomes {
            if let NextStep::Try { number, deployment, .. } = journey.step {
                tried.push(deployment);
                prop_assert_eq!(number, tried.len());
                drive.finish(&mut journey, outcome);
            }
        }
        match journey.step {
            NextStep::Done => {}
            NextStep::Fail { surface: Some(surface), .. } => prop_assert!(surface <= tried.len()),
            ref other => prop_assert!(false, "after 16 outcomes: {:?}", other),
        }
        prop_assert!(tried.len() <= 5 + 2);
        tried.dedup();
        let distinct: std::collections::BTreeSet<_> = tried.iter().copied().collect();
        prop_assert_eq!(distinct.len(), tried.len());
        prop_assert!(distinct.len() <= 5);
        prop_assert!(drive.router.in_flight().iter().all(|(_, count)| *count == 0));
    }
}

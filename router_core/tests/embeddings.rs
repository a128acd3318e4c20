//! Vectors of two models do not compare: an embedding comes from the model asked for, or not at all.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod support;

use router_core::facts::{Facts, Features};
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::router::Router;
use serde_json::{json, Value};
use support::{asking, table};

const START_US: u64 = 1_000_000_000;

fn config() -> Value {
    let provider = |embeds: bool| {
        let features = if embeds { json!(["embeddings"]) } else { json!([]) };
        json!({ "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "features": features })
    };
    json!({
        "providers": { "a": provider(true), "b": provider(true), "c": provider(false) },
        "models": { "one": { "provider": "a" }, "two": { "provider": "b" }, "mute": { "provider": "c" } },
        "fallback_chains": { "one": { "chain": ["two"] }, "mute": { "chain": ["two"] } },
    })
}

fn embedding(model: &str) -> Facts {
    Facts { features: Features::EMBEDDINGS, ..asking(model) }
}

#[test]
fn no_other_model_stands_in_while_the_one_asked_for_is_out() {
    let mut router = Router::new(table(&config()), "test".to_owned());
    let mut journey = router.begin(&embedding("one"), START_US, 1, 2 * START_US).unwrap();
    assert_eq!(journey.decision.choice.plan.len(), 1);
    router.finish(&mut journey, 1, &Outcome::of(OutcomeClass::RateLimited), START_US);
    let refused = router.begin(&embedding("one"), START_US + 1, 1, 2 * START_US).map(|_| ());
    assert_eq!(refused.unwrap_err().code, "no_room");
    let chat = router.begin(&asking("one"), START_US + 1, 1, 2 * START_US).unwrap();
    assert_eq!(chat.decision.model_name(chat.decision.chosen().unwrap()), "two");
}

#[test]
fn a_model_that_makes_none_is_not_replaced_by_one_that_does() {
    let mut router = Router::new(table(&config()), "test".to_owned());
    let refused = router.begin(&embedding("mute"), START_US, 1, 2 * START_US).map(|_| ());
    assert_eq!(refused.unwrap_err().code, "no_eligible_deployment");
}

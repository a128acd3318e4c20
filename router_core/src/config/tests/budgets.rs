//! Budgets on cloud spending: what is written, and what is wrong with it.

use serde_json::json;

use super::mistakes::{base, diagnostics, expect, set};
use crate::allowance::Budgets;
use crate::config::compile;
use crate::price::Usd;

fn compiled(budgets: serde_json::Value) -> Option<Budgets> {
    let mut config = base();
    set(&mut config, "/budgets", budgets);
    compile(config.to_string().as_bytes()).unwrap().budgets
}

#[test]
fn limits_are_read_and_left_out_ones_are_none() {
    assert_eq!(compiled(json!({})), None);
    assert_eq!(compiled(json!({ "assumed_answer_tokens": 5 })), None);
    let budgets = compiled(json!({
        "cloud_usd_per_day": 5, "callers": { "batch": 0.5 }, "cloud_fallback_share": 0.1,
    }));
    let budgets = budgets.unwrap();
    let usd = |dollars: f64| Some(Usd::of_dollars(dollars));
    assert_eq!((budgets.per_day, budgets.per_caller), (usd(5.0), None));
    assert_eq!((budgets.of_caller("batch"), budgets.of_caller("other")), (usd(0.5), None));
    assert_eq!((budgets.fallback_share, budgets.answer_tokens), (Some(0.1), 1_000));
    let budgets = compiled(json!({ "cloud_usd_per_day_per_caller": 1, "callers": { "a": 2 } }));
    let budgets = budgets.unwrap();
    assert_eq!((budgets.of_caller("a"), budgets.of_caller("b")), (usd(2.0), usd(1.0)));
}

#[test]
fn mistakes_are_found_at_their_places() {
    for (place, value, code) in [
        ("/budgets/cloud_usd_per_day", json!(-1), "out-of-range"),
        ("/budgets/cloud_fallback_share", json!(10), "out-of-range"),
        ("/budgets/assumed_answer_tokens", json!(0), "out-of-range"),
        ("/budgets/callers/batch", json!("5"), "wrong-type"),
        ("/budgets/callers/batch", json!(-5), "out-of-range"),
    ] {
        expect(place, value, code, place);
    }
    let place = "/budgets/cloud_usd_per_dya";
    let found = expect(place, json!(1), "unknown-key", place);
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `cloud_usd_per_day`?"));
    let place = "/budgets/cloud_usd_per_day";
    let found = expect(place, json!("5.0"), "wrong-type", place);
    let fix = "write the number without quotes, in US dollars: 5.0";
    assert_eq!(found.suggestion.as_deref(), Some(fix));
}

#[test]
fn a_cloud_provider_without_a_price_is_a_hole_in_a_limit_on_money() {
    let warned = |budgets: serde_json::Value, price: serde_json::Value| {
        let mut config = base();
        set(&mut config, "/budgets", budgets);
        set(&mut config, "/providers/remote/price", price);
        let found = diagnostics(&config).into_iter();
        let holes = found.filter(|found| found.code == "unpriced-provider");
        holes.map(|found| found.pointer).collect::<Vec<_>>()
    };
    let (limit, priced) = (json!({ "cloud_usd_per_day": 1 }), json!({ "usd_per_request": 0.1 }));
    assert_eq!(warned(limit.clone(), json!({})), ["/providers/remote"]);
    assert!(warned(limit, priced).is_empty());
    assert!(warned(json!({ "cloud_fallback_share": 0.1 }), json!({})).is_empty());
}

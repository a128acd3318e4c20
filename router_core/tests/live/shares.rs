//! Exact shares over many picks, through members that leave and return; the figures usage goes by; and
//! the names a strategy may be given.

use std::collections::BTreeMap;

use router_core::outcome::{Outcome, OutcomeClass};
use serde_json::json;

use crate::fleet::{only, pool, provider, rate_limited, Fleet, SECOND_US};
use crate::support::asking;

const PICKS: usize = 10_000;

#[track_caller]
fn assert_shares(counts: &BTreeMap<String, u32>, expected: &[(&str, f64)]) {
    assert_eq!(counts.len(), expected.len(), "{counts:?}");
    for (deployment, share) in expected {
        let got = f64::from(counts[*deployment]) / PICKS as f64;
        assert!((got - share).abs() < 0.01, "{deployment}: {got} instead of {share}");
    }
}

#[test]
fn shares_hold_and_are_renormalised_when_a_member_leaves_and_when_it_returns() {
    for seed in [0, 17, 4_242, 1 << 33, u64::MAX / 3] {
        let config = pool("weighted", &[("a", 0.5, 8), ("b", 0.3, 8), ("c", 0.2, 8)]);
        let mut fleet = Fleet::new(&config);
        fleet.seed = seed;
        let asked = asking("p");
        let counts = |fleet: &mut Fleet| fleet.counts(std::iter::repeat_n(&asked, PICKS));
        let all = [("m-a@a", 0.5), ("m-b@b", 0.3), ("m-c@c", 0.2)];
        assert_shares(&counts(&mut fleet), &all);
        fleet.ends(&only("p", "m-b@b"), &rate_limited(30 * SECOND_US));
        assert_shares(&counts(&mut fleet), &[("m-a@a", 0.5 / 0.7), ("m-c@c", 0.2 / 0.7)]);
        fleet.pass(30 * SECOND_US);
        fleet.ends(&only("p", "m-b@b"), &Outcome::of(OutcomeClass::Success));
        fleet.pass(30 * SECOND_US);
        assert_shares(&counts(&mut fleet), &all);
    }
}

#[test]
fn what_usage_based_goes_by_is_published_every_tenth_outcome() {
    let mut fleet = Fleet::new(&pool("usage_based", &[("a", 1.0, 8)]));
    for outcome in 1..=40_u32 {
        let class = match outcome % 4 {
            0 => OutcomeClass::RateLimited,
            _ => OutcomeClass::Success,
        };
        let ended = Outcome { retry_after_us: Some(1), total_us: SECOND_US, ..Outcome::of(class) };
        fleet.ends(&asking("m-a"), &ended);
        // What the caller did counts for nothing.
        fleet.now_us += SECOND_US / 2;
        fleet.ends(&asking("m-a"), &Outcome::of(OutcomeClass::InvalidRequest));
        let figures = fleet.router.snapshot().deployments["m-a@a"];
        assert_eq!(figures.measured.outcomes, outcome);
        assert_eq!(figures.published.outcomes, outcome - outcome % 10);
        if outcome % 10 == 0 {
            assert_eq!(figures.published, figures.measured);
        }
    }
}

#[test]
fn the_names_of_strategies_elsewhere_stand_for_ours() {
    for (theirs, ours) in [
        ("simple-shuffle", "simple_shuffle"),
        ("least-busy", "least_loaded"),
        ("usage-based-routing", "usage_based"),
        ("usage-based-routing-v2", "usage_based"),
        ("latency-based-routing", "fastest_response"),
    ] {
        for name in [theirs, ours] {
            let mut config = json!({
                "providers": { "a": provider(8), "b": provider(8) },
                "models": { "m": { "deployments": [{ "provider": "a" }, { "provider": "b" }] } },
                "router_settings": { "routing_strategy": name },
            });
            let mut fleet = Fleet::new(&config);
            assert_eq!(fleet.decide(&asking("m")).unwrap().explain()["strategy"], ours);
            config["router_settings"] = json!({ "allow_strategy_override": true });
            let mut facts = asking("m");
            facts.strategy = Some(name.to_owned());
            let asked = Fleet::new(&config).decide(&facts).unwrap().explain();
            assert_eq!(asked["strategy"], ours);
            let mut of_pool = Fleet::new(&pool(name, &[("a", 1.0, 8), ("b", 1.0, 8)]));
            assert_eq!(of_pool.decide(&asking("p")).unwrap().explain()["strategy"], ours);
        }
    }
}

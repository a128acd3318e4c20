//! Nobody is starved: the unmeasured, the recovered and the never seen all get traffic again, and
//! nobody gets all of it.

use std::collections::BTreeMap;

use router_core::facts::Facts;
use router_core::outcome::OutcomeClass;
use serde_json::json;

use crate::support::asking;
use crate::traffic::{three, Behaviour, Traffic, ANSWERS, SEEDS, STRATEGIES};

const PER_SECOND: u64 = 3;

fn of(firsts: &BTreeMap<String, u32>, provider: &str) -> u32 {
    firsts.get(provider).copied().unwrap_or(0)
}

/// `a` was measured for a while, `b` has just gone out, `c` was never asked.
fn uneven(strategy: &str, seed: u64, stream: bool) -> Traffic {
    let mut traffic = Traffic::new(&three(strategy, 16), seed);
    traffic.stream = stream;
    traffic.behaves("a", ANSWERS);
    traffic.behaves("b", Behaviour::Fails(OutcomeClass::Unavailable));
    traffic.behaves("c", ANSWERS);
    let allowed = |ids: &[&str]| Facts {
        allowed: Some(ids.iter().map(ToString::to_string).collect()),
        ..asking("p")
    };
    traffic.run_as(&allowed(&["m-a@a"]), 60, PER_SECOND);
    traffic.run_as(&allowed(&["m-b@b"]), 5, PER_SECOND);
    assert_eq!(
        traffic.router.status(traffic.now_us)["deployments"]["m-b@b"]["health"],
        "cooling_down"
    );
    traffic.behaves("b", ANSWERS);
    traffic
}

#[test]
fn the_recovered_and_the_never_seen_are_back_at_a_fair_share_within_three_minutes() {
    for strategy in STRATEGIES {
        for stream in [true, false] {
            for seed in SEEDS {
                let mut traffic = uneven(strategy, seed, stream);
                let first_minute = traffic.run("p", 60, PER_SECOND);
                let at = format!("{strategy}, stream {stream}, seed {seed}");
                assert!(of(&first_minute, "c") >= 5, "{at}: {first_minute:?}");
                traffic.run("p", 90, PER_SECOND);
                let then = traffic.run("p", 120, PER_SECOND);
                let all: u32 = then.values().sum();
                let fair = |provider: &str| 4 * of(&then, provider) >= all;
                assert!(["a", "b", "c"].into_iter().all(fair), "{at}: {then:?}");
            }
        }
    }
}

#[test]
fn one_whose_times_nobody_tells_keeps_getting_traffic() {
    for strategy in STRATEGIES {
        for seed in SEEDS {
            let mut traffic = uneven(strategy, seed, true);
            traffic.behaves("c", Behaviour::Untimed);
            traffic.run("p", 150, PER_SECOND);
            for minute in 0..3 {
                let firsts = traffic.run("p", 60, PER_SECOND);
                let all: u32 = firsts.values().sum();
                let at = format!("{strategy}, seed {seed}, minute {minute}: {firsts:?}");
                assert!(of(&firsts, "c") >= 1 && 2 * of(&firsts, "c") <= all, "{at}");
                assert!(of(&firsts, "a") > 0 && of(&firsts, "b") > 0, "{at}");
            }
        }
    }
}

#[test]
fn a_preferred_model_of_a_capability_gets_its_traffic_back_after_a_recovery() {
    for stream in [true, false] {
        for seed in SEEDS {
            let mut config = three("weighted", 16);
            config["capabilities"] = json!({ "writing": {
                "routing_strategy": "usage_based", "preferred_models": ["m-a", "m-b", "m-c"],
            } });
            let mut traffic = Traffic::new(&config, seed);
            traffic.stream = stream;
            for provider in ["a", "b", "c"] {
                traffic.behaves(provider, ANSWERS);
            }
            let before = traffic.run("writing", 60, PER_SECOND);
            assert_eq!(of(&before, "a"), before.values().sum::<u32>());
            traffic.behaves("a", Behaviour::Fails(OutcomeClass::Unavailable));
            let during = traffic.run("writing", 60, PER_SECOND);
            assert!(of(&during, "a") <= 8, "{during:?}");
            traffic.behaves("a", ANSWERS);
            traffic.run("writing", 120, PER_SECOND);
            let after = traffic.run("writing", 60, PER_SECOND);
            assert!(20 * of(&after, "a") >= 19 * after.values().sum::<u32>(), "{after:?}");
        }
    }
}

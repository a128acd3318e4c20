//! A provider in trouble gets no more first attempts than it takes to notice, and to notice its return.

use std::collections::BTreeMap;

use router_core::outcome::OutcomeClass;

use crate::fleet::SECOND_US;
use crate::traffic::{three, Behaviour, Traffic, ANSWERS, SEEDS, STRATEGIES};

const CAPACITY: u32 = 16;
const PER_SECOND: u64 = 2;

fn in_trouble(strategy: &str, seed: u64, stream: bool, trouble: Behaviour) -> Traffic {
    let mut traffic = Traffic::new(&three(strategy, CAPACITY), seed);
    traffic.stream = stream;
    for (provider, behaviour) in [("a", trouble), ("b", ANSWERS), ("c", ANSWERS)] {
        traffic.behaves(provider, behaviour);
    }
    traffic
}

/// First attempts on the one in trouble, and all.
fn counted(firsts: &BTreeMap<String, u32>) -> (u32, u32) {
    (firsts.get("a").copied().unwrap_or(0), firsts.values().sum())
}

#[test]
fn one_that_fails_fast_gets_a_hundredth_of_first_attempts_over_ten_minutes() {
    for strategy in STRATEGIES {
        for class in
            [OutcomeClass::Unavailable, OutcomeClass::Unreachable, OutcomeClass::RateLimited]
        {
            for seed in SEEDS {
                let mut traffic = in_trouble(strategy, seed, true, Behaviour::Fails(class));
                let (failing, all) = counted(&traffic.run("p", 600, PER_SECOND));
                assert!(all > 1_000);
                assert!(100 * failing <= all, "{strategy}, {class:?}, {seed}: {failing} of {all}");
            }
        }
    }
}

/// With a Retry-After of a second it may be tried again each second, and still gets the exploratory
/// share at most, give or take three standard deviations.
#[test]
fn one_in_a_storm_of_short_rate_limits_gets_the_exploratory_share_at_most() {
    for strategy in STRATEGIES {
        for seed in SEEDS {
            let storm = Behaviour::Limited { retry_after_us: SECOND_US };
            let mut traffic = in_trouble(strategy, seed, true, storm);
            let (failing, all) = counted(&traffic.run("p", 600, PER_SECOND));
            let expected = 0.05 * f64::from(all);
            let most = expected + 3.0 * (0.95 * expected).sqrt();
            assert!(f64::from(failing) <= most, "{strategy}, {seed}: {failing} of {all}");
        }
    }
}

/// Whole answers are only doubted after half their deadline. Later, three a minute are too few to open a
/// breaker, and one at a time tests an open one.
#[test]
fn one_that_hangs_gets_its_slots_full_at_most_and_then_probes_only() {
    for strategy in STRATEGIES {
        for stream in [true, false] {
            for seed in SEEDS {
                let mut traffic = in_trouble(strategy, seed, stream, Behaviour::Hangs);
                let (before, _) = counted(&traffic.run("p", 60, PER_SECOND));
                let (after, _) = counted(&traffic.run("p", 540, PER_SECOND));
                let at = format!("{strategy}, stream {stream}, {seed}: {before}, then {after}");
                assert!(before <= if stream { 8 } else { CAPACITY }, "{at}");
                assert!(after <= 3 * 9, "{at}");
            }
        }
    }
}

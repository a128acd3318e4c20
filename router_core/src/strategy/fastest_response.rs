//! `fastest_response`: the shortest wait to be expected, the 95th percentile over the sliding window or
//! the age of the oldest request still waiting, whichever is longer. In-flight requests always count:
//! choosing by past times alone sends everything to one server until it collapses.

use super::{by_score, Chance, Drawn, Entry};

/// Scores this close to the best are as good as it: measured times are no more exact.
const EQUAL_WITHIN: f64 = 0.05;

/// Scores: best cost / cost, with cost = wait / reliability × (1 + load)².
pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    for entry in class.iter_mut() {
        entry.score = cost(entry);
    }
    let best = class.iter().map(|entry| entry.score).fold(f64::INFINITY, f64::min);
    for entry in class.iter_mut() {
        entry.score = best / entry.score;
    }
    by_score(class, EQUAL_WITHIN, chance)
}

/// Seconds-like: above 0 and finite.
fn cost(entry: &Entry) -> f64 {
    let crowding = 1.0 + entry.load;
    entry.latency_us.max(1.0) / entry.reliability.max(0.01) * crowding * crowding
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::{chance, entries, members};

    #[test]
    fn the_quickest_comes_first_until_it_is_crowded() {
        let mut class = entries(&[1.0, 1.0]);
        class[0].latency_us = 50_000.0;
        chance(1, |chance| order(&mut class, chance));
        assert_eq!(members(&class), [0, 1]);
        class[0].load = 1.0;
        chance(1, |chance| order(&mut class, chance));
        assert_eq!(members(&class), [1, 0]);
    }

    #[test]
    fn scores_are_finite_and_within_0_and_1() {
        let mut class = entries(&[1.0, 1.0, 1.0]);
        class[0].latency_us = 0.0;
        class[1].reliability = 0.0;
        class[2].load = 1e6;
        chance(1, |chance| order(&mut class, chance));
        assert!(class.iter().all(|entry| entry.score > 0.0 && entry.score <= 1.0));
    }
}

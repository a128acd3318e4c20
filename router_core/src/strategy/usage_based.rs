//! `usage_based`: a weighted sum of latency, success rate and cost (R11), each scaled to 0…1 over the
//! candidates. Figures are those published every tenth outcome, so that the order does not flap.

use super::{by_score, Chance, Drawn, Entry};

/// Scores this close to the best are as good as it; the order given decides between them.
const EQUAL_WITHIN: f64 = 0.05;

/// Shares of the score; together 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WeightFactors {
    pub latency: f64,
    pub success_rate: f64,
    pub cost: f64,
}

impl Default for WeightFactors {
    fn default() -> Self {
        Self { latency: 0.4, success_rate: 0.4, cost: 0.2 }
    }
}

impl WeightFactors {
    /// Scaled so that they add up to 1; `None` where all are 0.
    #[must_use]
    pub fn normalised(self) -> Option<Self> {
        let total = self.latency + self.success_rate + self.cost;
        (total > 0.0).then(|| Self {
            latency: self.latency / total,
            success_rate: self.success_rate / total,
            cost: self.cost / total,
        })
    }
}

/// Scores: latency × (1 - l / max l) + success rate × s + cost × (1 - c / max c). Scaling by the largest
/// and not by the spread keeps a millisecond's difference small, and free providers finite.
pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    let largest = |figure: fn(&Entry) -> f64| class.iter().map(figure).fold(0.0, f64::max);
    let slowest = largest(|entry| entry.latency_us);
    let dearest = largest(|entry| entry.cost_usd);
    let factors = chance.parameters.weight_factors;
    for entry in class.iter_mut() {
        entry.score = factors.latency * below(entry.latency_us, slowest)
            + factors.success_rate * entry.success
            + factors.cost * below(entry.cost_usd, dearest);
    }
    by_score(class, EQUAL_WITHIN, chance)
}

/// 1 for nothing, 0 for the largest; 1 where all are nothing.
fn below(value: f64, largest: f64) -> f64 {
    if largest > 0.0 {
        1.0 - value / largest
    } else {
        1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::{chance, entries, members};

    #[test]
    fn latency_success_and_cost_each_count() {
        let spoil: [fn(&mut Entry); 3] = [
            |entry| entry.latency_us = 200_000.0,
            |entry| entry.success = 0.5,
            |entry| entry.cost_usd = 0.025,
        ];
        for spoil in spoil {
            let mut class = entries(&[1.0, 1.0]);
            spoil(&mut class[0]);
            chance(1, |chance| order(&mut class, chance));
            assert_eq!(members(&class), [1, 0]);
        }
    }

    #[test]
    fn scores_are_finite_for_the_free_the_unseen_and_the_failing() {
        let mut class = entries(&[1.0, 1.0, 1.0]);
        class[0].success = 0.0;
        class[1].latency_us = 0.0;
        chance(1, |chance| order(&mut class, chance));
        assert!(class.iter().all(|entry| (0.0..=1.0).contains(&entry.score)));
    }

    #[test]
    fn a_millisecond_between_two_does_not_decide() {
        let mut first = [0_u32; 2];
        chance(3, |chance| {
            for _ in 0..1_000 {
                let mut class = entries(&[1.0, 1.0]);
                class[0].latency_us = 101_000.0;
                order(&mut class, chance);
                first[class[0].member] += 1;
            }
        });
        assert!((430..570).contains(&first[0]), "{first:?}");
    }
}

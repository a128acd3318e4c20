//! The figures of one arm, all of bounded size: how often it was given, how it served, what was said
//! of its answers, what it cost.

use super::histogram::Histogram;

/// What came of the requests of an arm that it served, or failed to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    pub served: u64,
    pub errors: u64,
}

impl Counts {
    #[must_use]
    pub fn total(self) -> u64 {
        self.served + self.errors
    }

    pub fn add(&mut self, served: bool) {
        if served {
            self.served += 1;
        } else {
            self.errors += 1;
        }
    }
}

/// Mean and variance of scores, of which single ones can be taken back.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Scores {
    pub count: u64,
    sum: f64,
    squares: f64,
}

impl Scores {
    pub fn add(&mut self, score: f64) {
        self.count += 1;
        self.sum += score;
        self.squares += score * score;
    }

    pub fn take_back(&mut self, score: f64) {
        self.count = self.count.saturating_sub(1);
        self.sum -= score;
        self.squares -= score * score;
    }

    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| (self.sum / self.count as f64).clamp(0.0, 1.0))
    }

    /// Of the sample, with n - 1 below.
    #[must_use]
    pub fn variance(&self) -> Option<f64> {
        let n = self.count as f64;
        (self.count > 1).then(|| ((self.squares - self.sum * self.sum / n) / (n - 1.0)).max(0.0))
    }
}

/// Figures of one arm. Those of tested requests alone feed the guardrail: requests that the class of
/// their query sent here are easier or harder than the rest.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Decisions that named this arm.
    pub requests: u64,
    pub all: Counts,
    pub tested: Counts,
    /// Sum over the answers served, microseconds.
    pub latency_us: u64,
    pub latencies: Histogram,
    pub scores: Scores,
    pub tested_scores: Scores,
    pub cost_usd: f64,
}

impl Figures {
    /// Of the answers this arm served, microseconds; 0 without any.
    #[must_use]
    pub fn mean_latency_us(&self) -> u64 {
        self.latency_us.checked_div(self.all.served).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_variance_are_those_of_the_scores_that_stand() {
        let mut scores = Scores::default();
        assert_eq!((scores.mean(), scores.variance()), (None, None));
        for score in [0.0, 0.25, 1.0, 0.5] {
            scores.add(score);
        }
        scores.take_back(0.25);
        assert_eq!(scores.count, 3);
        assert!((scores.mean().unwrap() - 0.5).abs() < 1e-12);
        assert!((scores.variance().unwrap() - 0.25).abs() < 1e-12);
    }
}

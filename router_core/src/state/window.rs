//! Small sliding windows over the latest samples and outcomes of one deployment. They forget by age
//! and by number, so that a quiet deployment is not judged by yesterday nor a busy one kept whole.

use std::collections::VecDeque;

use crate::view::Percentiles;

/// Samples, outcomes and errors older than this no longer count, microseconds.
pub const WINDOW_US: u64 = 60_000_000;
/// Most samples kept: percentiles of 64 are exact enough to route by and cheap enough to take anew
/// at every sample.
const MOST: usize = 64;
/// So many of the latest samples are kept past the window, for at most this long, microseconds.
const KEPT: usize = 3;
const KEPT_US: u64 = 600_000_000;

/// Durations, each with the time it was seen.
#[derive(Debug, Clone, Default)]
pub struct Samples(VecDeque<(u64, u64)>);

impl Samples {
    pub fn push(&mut self, value_us: u64, now_us: u64) {
        self.forget(now_us);
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((now_us, value_us));
    }

    /// Forgets what is too old; returns whether anything was. The latest few stay for longer, so that
    /// one that gets little traffic is not unknown again each minute.
    pub fn forget(&mut self, now_us: u64) -> bool {
        let before = self.0.len();
        while let Some((at, _)) = self.0.front() {
            let age_us = now_us.saturating_sub(*at);
            if age_us < WINDOW_US || (self.0.len() <= KEPT && age_us < KEPT_US) {
                break;
            }
            self.0.pop_front();
        }
        self.0.len() < before
    }

    /// Exact nearest-rank percentiles.
    #[must_use]
    pub fn percentiles(&self) -> Percentiles {
        let mut values = [0; MOST];
        for (value, (_, sample)) in values.iter_mut().zip(&self.0) {
            *value = *sample;
        }
        let values = values.get_mut(..self.0.len()).unwrap_or_default();
        let Some(p50_us) = nearest_rank(values, 50) else { return Percentiles::default() };
        Percentiles {
            p50_us,
            p95_us: nearest_rank(values, 95).unwrap_or(p50_us),
            samples: u32::try_from(self.0.len()).unwrap_or(u32::MAX),
        }
    }
}

fn nearest_rank(values: &mut [u64], percent: usize) -> Option<u64> {
    let rank = (values.len() * percent).div_ceil(100).checked_sub(1)?;
    (!values.is_empty()).then(|| *values.select_nth_unstable(rank).1)
}

/// Successes and failures.
#[derive(Debug, Clone, Default)]
pub struct Outcomes(VecDeque<(u64, bool)>);

impl Outcomes {
    pub fn push(&mut self, success: bool, now_us: u64) {
        if self.0.len() == MOST {
            self.0.pop_front();
        }
        self.0.push_back((now_us, success));
    }

    /// Forgets what is too old; returns whether anything was.
    pub fn forget(&mut self, now_us: u64) -> bool {
        forget(&mut self.0, now_us)
    }

    /// Successes and all.
    #[must_use]
    pub fn count(&self) -> (u32, u32) {
        let successes = self.0.iter().filter(|(_, success)| *success).count();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        (count(successes), count(self.0.len()))
    }
}

fn forget<T>(window: &mut VecDeque<(u64, T)>, now_us: u64) -> bool {
    let before = window.len();
    while window.front().is_some_and(|(at, _)| at.saturating_add(WINDOW_US) <= now_us) {
        window.pop_front();
    }
    window.len() < before
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut samples = Samples::default();
        assert_eq!(samples.percentiles(), Percentiles::default());
        for value in (1..=20).rev() {
            samples.push(value, 0);
        }
        assert_eq!(samples.percentiles(), Percentiles { p50_us: 10, p95_us: 19, samples: 20 });
    }

    #[test]
    fn the_oldest_go_by_number_and_by_age() {
        let mut samples = Samples::default();
        for value in 0..100 {
            samples.push(value, value);
        }
        assert_eq!(samples.percentiles().samples, 64);
        assert!(!samples.forget(WINDOW_US + 35));
        assert!(samples.forget(WINDOW_US + 98));
        assert_eq!(samples.percentiles(), Percentiles { p50_us: 98, p95_us: 99, samples: 3 });
        samples.forget(KEPT_US + 99);
        assert_eq!(samples.percentiles(), Percentiles::default());
    }

    #[test]
    fn successes_are_counted_over_the_window() {
        let mut outcomes = Outcomes::default();
        outcomes.push(false, 0);
        outcomes.push(true, 10);
        assert_eq!(outcomes.count(), (1, 2));
        outcomes.forget(WINDOW_US);
        assert_eq!(outcomes.count(), (1, 1));
    }
}

//! Everything random in a simulation. Each draw is keyed by what it belongs to, not by when it is made,
//! so that every strategy meets the same requests and the same luck (common random numbers).

use std::f64::consts::TAU;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::rng::Rng;

/// Spread of the log-normal's logarithm: the 95th percentile is about twice the mean.
const LOG_NORMAL_SIGMA: f64 = 0.6;

/// What a draw is for.
#[derive(Debug, Clone, Copy)]
pub enum Stream {
    Arrivals = 1,
    Request = 2,
    Decision = 3,
    Attempt = 4,
    Prompt = 5,
}

/// A generator for one thing: the same seed, stream and key give the same numbers.
#[must_use]
pub fn keyed(seed: u64, stream: Stream, key: &[u64]) -> Rng {
    let start = Rng::new(seed ^ (stream as u64).rotate_left(56)).next_u64();
    Rng::new(key.iter().fold(start, |state, part| Rng::new(state ^ part).next_u64()))
}

/// How a figure varies around its mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Distribution {
    /// Always the mean.
    #[default]
    Fixed,
    Exponential,
    /// Most below the mean, a few far above it, as measured answers are.
    LogNormal,
}

impl Distribution {
    /// A factor of mean 1. `ln` and `exp` may differ in the last digit between machines, which a
    /// simulation may do and a decision may not.
    pub fn factor(self, rng: &mut Rng) -> f64 {
        match self {
            Self::Fixed => 1.0,
            Self::Exponential => exponential(rng),
            Self::LogNormal => {
                let spread = LOG_NORMAL_SIGMA * standard_normal(rng);
                (spread - LOG_NORMAL_SIGMA * LOG_NORMAL_SIGMA / 2.0).exp()
            }
        }
    }
}

/// Exponential of mean 1.
pub fn exponential(rng: &mut Rng) -> f64 {
    -(1.0 - rng.unit()).ln()
}

/// Box and Muller, 1958.
fn standard_normal(rng: &mut Rng) -> f64 {
    let radius = (2.0 * exponential(rng)).sqrt();
    radius * (TAU * rng.unit()).cos()
}

/// Microseconds of a time in milliseconds; never negative.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
pub fn micros(milliseconds: f64) -> u64 {
    (milliseconds * 1_000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn factors_have_mean_one() {
        for distribution in
            [Distribution::Fixed, Distribution::Exponential, Distribution::LogNormal]
        {
            let mut rng = Rng::new(5);
            let sum: f64 = (0..100_000).map(|_| distribution.factor(&mut rng)).sum();
            let mean = sum / 100_000.0;
            assert!((0.985..1.015).contains(&mean), "{distribution:?}: {mean}");
        }
    }

    #[test]
    fn a_draw_depends_on_its_key_alone() {
        let of = |seed, stream, key: &[u64]| keyed(seed, stream, key).next_u64();
        assert_eq!(of(1, Stream::Attempt, &[7, 1]), of(1, Stream::Attempt, &[7, 1]));
        let others = [
            of(2, Stream::Attempt, &[7, 1]),
            of(1, Stream::Request, &[7, 1]),
            of(1, Stream::Attempt, &[1, 7]),
            of(1, Stream::Attempt, &[7, 2]),
        ];
        assert!(!others.contains(&of(1, Stream::Attempt, &[7, 1])));
    }
}

//! A cross-check of the exact figures by playing: failure domains are drawn up and down, and each plan is walked
//! to the first hop that is up. It shares the plans with the exact figures, and none of the arithmetic.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::availability::{Answers, Ups};
use super::plans::Plan;
use crate::rng::Rng;
use crate::table::Table;

/// How often an interval holds what it estimates, at least.
const CONFIDENCE: f64 = 0.999;
/// Halvings of an interval while its end is looked for: to the last digit.
const HALVINGS: usize = 60;
/// Exact figures are so to the last digits only.
const ROUNDING: f64 = 1e-12;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MonteCarloReport {
    pub samples: u64,
    pub seed: u64,
    /// Of each interval.
    pub confidence: f64,
    /// Exact figures outside their interval, of all hops and models.
    pub outside: usize,
    /// The largest difference of an estimate and the exact figure.
    pub worst_deviation: f64,
    /// Public models.
    pub models: Vec<ModelCheck>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelCheck {
    pub model: String,
    pub availability: Estimate,
    /// By hop, how often it is the first that is up.
    pub answers: Vec<Estimate>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Estimate {
    pub estimate: f64,
    pub low: f64,
    pub high: f64,
    pub exact: f64,
    pub within: bool,
}

#[must_use]
pub fn monte_carlo(
    table: &Table,
    plans: &[&Plan<'_>],
    samples: u64,
    seed: u64,
) -> MonteCarloReport {
    let counts = play(table, plans, samples, seed);
    let ups = Ups::priors(table);
    let models = plans.iter().zip(&counts).map(|(plan, counts)| {
        let exact = Answers::of(table, &ups, &plan.hops);
        let answered = counts.iter().sum();
        let answers = counts.iter().zip(&exact.at_hop);
        ModelCheck {
            model: plan.name().to_owned(),
            availability: Estimate::new(answered, samples, 1.0 - exact.never),
            answers: answers.map(|(hits, exact)| Estimate::new(*hits, samples, *exact)).collect(),
        }
    });
    let models: Vec<ModelCheck> = models.collect();
    let estimates =
        || models.iter().flat_map(|model| model.answers.iter().chain([&model.availability]));
    let deviations = estimates().map(|found| (found.estimate - found.exact).abs());
    MonteCarloReport {
        samples,
        seed,
        confidence: CONFIDENCE,
        outside: estimates().filter(|found| !found.within).count(),
        worst_deviation: deviations.fold(0.0, f64::max),
        models,
    }
}

/// By model and hop, in how many of the drawn states it is the first that is up.
fn play(table: &Table, plans: &[&Plan<'_>], samples: u64, seed: u64) -> Vec<Vec<u64>> {
    let (domains, members) = members(table);
    let provider = |hop| table.deployments.get(hop).provider.index();
    let walks: Vec<Vec<usize>> =
        plans.iter().map(|plan| plan.hops.iter().map(|hop| provider(*hop)).collect()).collect();
    let mut counts: Vec<Vec<u64>> = walks.iter().map(|walk| vec![0; walk.len()]).collect();
    let mut rng = Rng::new(seed);
    let mut drawn = vec![0.0; domains];
    let mut is_up = vec![false; members.len()];
    for _ in 0..samples {
        drawn.fill_with(|| rng.unit());
        for (up, (domain, availability)) in is_up.iter_mut().zip(&members) {
            *up = drawn.get(*domain).is_some_and(|drawn| drawn < availability);
        }
        for (walk, counts) in walks.iter().zip(&mut counts) {
            let up = |provider: &usize| is_up.get(*provider).copied().unwrap_or(false);
            let first = walk.iter().position(up);
            if let Some(count) = first.and_then(|hop| counts.get_mut(hop)) {
                *count += 1;
            }
        }
    }
    counts
}

/// How many domains there are, and each provider's with its prior.
fn members(table: &Table) -> (usize, Vec<(usize, f64)>) {
    let mut numbers: FxHashMap<&str, usize> = FxHashMap::default();
    let members = table.providers.iter().map(|(_, provider)| {
        let next = numbers.len();
        let number = *numbers.entry(&provider.failure_domain).or_insert(next);
        (number, provider.availability)
    });
    let members = members.collect();
    (numbers.len(), members)
}

impl Estimate {
    fn new(hits: u64, samples: u64, exact: f64) -> Self {
        let estimate = hits as f64 / samples as f64;
        let (low, high) = interval(estimate, samples as f64);
        let within = (low - ROUNDING..=high + ROUNDING).contains(&exact);
        Self { estimate, low, high, exact, within }
    }
}

/// All p that the estimate does not speak against, by Chernoff's bound (Hoeffding, 1963, theorem 1): where p
/// is true, an estimate as far off has a probability of at most exp(-n KL(estimate, p)) on either side. Unlike
/// the normal interval it holds for any p, also where nothing failed in n draws.
fn interval(estimate: f64, samples: f64) -> (f64, f64) {
    let enough = (2.0 / (1.0 - CONFIDENCE)).ln() / samples;
    let end = |far: f64| {
        let (mut inside, mut outside) = (estimate, far);
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(inside, outside);
            if divergence(estimate, middle) <= enough {
                inside = middle;
            } else {
                outside = middle;
            }
        }
        inside
    };
    (end(0.0), end(1.0))
}

/// Kullback and Leibler's, of two coins.
fn divergence(p: f64, q: f64) -> f64 {
    let part = |p: f64, q: f64| if p > 0.0 { p * (p / q).ln() } else { 0.0 };
    part(p, q) + part(1.0 - p, 1.0 - q)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The probability of each count of hits, by the binomial distribution.
    fn binomial(n: u32, p: f64) -> Vec<f64> {
        let mut all = vec![(1.0 - p).powi(i32::try_from(n).unwrap())];
        for hits in 0..n {
            let last = all[hits as usize];
            all.push(last * f64::from(n - hits) / f64::from(hits + 1) * p / (1.0 - p));
        }
        all
    }

    #[test]
    fn an_interval_holds_the_truth_as_often_as_it_says() {
        for p in [0.001, 0.05, 0.3, 0.9, 0.999] {
            let n = 200;
            let missed: f64 = binomial(n, p)
                .iter()
                .enumerate()
                .filter(|(hits, _)| !Estimate::new(*hits as u64, u64::from(n), p).within)
                .map(|(_, probability)| probability)
                .sum();
            assert!(missed <= 1.0 - CONFIDENCE, "{p}: {missed}");
        }
    }

    #[test]
    fn an_interval_narrows_with_the_samples() {
        let (low, high) = interval(0.5, 100.0);
        assert!(low > 0.3 && high < 0.7, "{low} {high}");
        let (low, high) = interval(0.5, 1_000_000.0);
        assert!(high - low < 0.004 && low < 0.5 && high > 0.5, "{low} {high}");
        let (low, high) = interval(1.0, 1_000_000.0);
        assert!(low > 0.99999 && low < 1.0 && (high - 1.0).abs() < 1e-15, "{low} {high}");
    }
}

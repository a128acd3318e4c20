//! What a run tells: plain figures, goodput first. The same scenario, seed and strategy give the same
//! report byte for byte.

use std::collections::BTreeMap;

use serde::Serialize;

/// One strategy's run. Times are milliseconds, shares and utilisations 0…1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub strategy: String,
    /// Share of the offered requests that were answered whole within the deadline, the streamed ones
    /// with their first token within the SLO. Errors and refusals count against it.
    pub goodput: Option<f64>,
    pub offered: u64,
    pub answered: u64,
    /// Refused at the decision: nothing could serve them then.
    pub refused: u64,
    /// Begun, and ended without a whole answer.
    pub failed: u64,
    pub refusals: BTreeMap<String, u64>,
    /// By what ended the walk.
    pub failures: BTreeMap<String, u64>,
    /// Time to first token of answered streamed requests, from their arrival.
    pub ttft_ms: Times,
    /// Time to the end of answered requests, from their arrival.
    pub total_ms: Times,
    pub attempts: u64,
    /// Attempts that moved on to another deployment.
    pub fallbacks: u64,
    /// Attempts that tried the same deployment again.
    pub repeats: u64,
    pub cost_usd: f64,
    pub offered_prompt_tokens: u64,
    pub offered_output_tokens: u64,
    pub answered_output_tokens: u64,
    pub most_in_flight: u64,
    pub in_flight_at_end: u64,
    pub providers: Vec<ProviderReport>,
    pub deployments: Vec<DeploymentReport>,
    pub models: Vec<ModelReport>,
    pub load: LoadReport,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Times {
    pub count: u64,
    pub mean: Option<f64>,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p99: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderReport {
    pub provider: String,
    pub slots: u32,
    /// Requests whose first attempt went here, over all that had one.
    pub share_got: f64,
    /// What weights ask for; none where an order of preference decides.
    pub share_wanted: Option<f64>,
    pub attempts: u64,
    pub outcomes: BTreeMap<String, u64>,
    /// While requests arrive.
    pub utilisation_mean: f64,
    pub utilisation_peak: f64,
    pub most_in_flight: u64,
    pub cost_usd: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeploymentReport {
    pub deployment: String,
    pub share_got: f64,
    pub share_wanted: Option<f64>,
    pub attempts: u64,
    pub answered: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    pub model: String,
    pub answered: u64,
    pub total_ms_mean: f64,
}

/// What the run was given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    pub seed: u64,
    pub table_version: String,
    pub duration_s: f64,
    pub deadline_s: f64,
    pub slo_ttft_ms: f64,
    /// Mean requests a second asked for; none for a recording.
    pub rate_per_s: Option<f64>,
    /// What the modelled fleet can serve of this workload.
    pub capacity_per_s: f64,
}

impl Times {
    /// Of durations in microseconds, which are sorted on the way. Percentiles are nearest ranks.
    #[must_use]
    pub fn of(durations: &mut [u64]) -> Self {
        durations.sort_unstable();
        let count = durations.len();
        let sum: u64 = durations.iter().sum();
        let rank = |percent: usize| {
            let rank = (count * percent).div_ceil(100).saturating_sub(1);
            durations.get(rank).map(|us| milliseconds(*us as f64))
        };
        Self {
            count: count as u64,
            mean: (count > 0).then(|| milliseconds(sum as f64 / count as f64)),
            p50: rank(50),
            p90: rank(90),
            p95: rank(95),
            p99: rank(99),
        }
    }
}

/// Milliseconds of microseconds, to the microsecond.
#[must_use]
pub fn milliseconds(us: f64) -> f64 {
    us.round() / 1_000.0
}

/// To six decimals: more would be noise.
#[must_use]
pub fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_nearest_ranks() {
        let mut durations: Vec<u64> = (1..=100).rev().map(|ms| ms * 1_000).collect();
        let times = Times::of(&mut durations);
        assert_eq!((times.count, times.mean), (100, Some(50.5)));
        assert_eq!(
            [times.p50, times.p90, times.p95, times.p99],
            [50.0, 90.0, 95.0, 99.0].map(Some)
        );
        assert_eq!(Times::of(&mut []), Times::default());
    }
}

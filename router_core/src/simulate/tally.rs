//! Counts one run as it goes, and makes its report. Nothing here is read by the router.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use super::provider::ModelledProvider;
use super::report::{
    milliseconds, rounded, DeploymentReport, LoadReport, ModelReport, ProviderReport, Report, Times,
};
use super::workload::Request;
use crate::outcome::OutcomeClass;
use crate::refusal::Refused;
use crate::table::{DeploymentId, Table};

#[derive(Debug, Default)]
pub struct Tally {
    offered: u64,
    offered_prompt_tokens: u64,
    offered_output_tokens: u64,
    answered_output_tokens: u64,
    good: u64,
    refusals: BTreeMap<String, u64>,
    failures: BTreeMap<String, u64>,
    ttft_us: Vec<u64>,
    total_us: Vec<u64>,
    fallbacks: u64,
    repeats: u64,
    in_flight: u64,
    most_in_flight: u64,
    slo_ttft_us: u64,
    providers: Vec<ProviderTally>,
    deployments: Vec<DeploymentTally>,
    models: BTreeMap<String, (u64, u64)>,
}

#[derive(Debug, Clone, Default)]
struct ProviderTally {
    first_attempts: u64,
    attempts: u64,
    outcomes: BTreeMap<String, u64>,
    in_flight: u64,
    most_in_flight: u64,
    utilisation_mean: f64,
    cost_usd: f64,
}

#[derive(Debug, Clone, Default)]
struct DeploymentTally {
    first_attempts: u64,
    attempts: u64,
    answered: u64,
}

/// An answered request.
pub struct Ended<'a> {
    pub request: &'a Request,
    pub model: &'a str,
    pub deployment: DeploymentId,
    pub table: &'a Table,
    /// As the caller of a stream sees it; none for a whole answer.
    pub ttft_us: Option<u64>,
    pub total_us: u64,
    pub in_time: bool,
}

/// What the report says besides what was counted.
pub struct Frame<'a> {
    pub strategy: &'a str,
    pub table: &'a Table,
    pub fleet: &'a [ModelledProvider],
    /// By deployment index.
    pub wanted: &'a FxHashMap<usize, f64>,
    pub in_flight_at_end: u64,
    pub load: LoadReport,
}

impl Tally {
    #[must_use]
    pub fn new(table: &Table, slo_ttft_us: u64) -> Self {
        Self {
            slo_ttft_us,
            providers: vec![ProviderTally::default(); table.providers.len()],
            deployments: vec![DeploymentTally::default(); table.deployments.len()],
            ..Self::default()
        }
    }

    // ── Counting ────────────────────────────────────────────────────────────────────────────────

    pub fn offered(&mut self, request: &Request) {
        self.offered += 1;
        self.offered_prompt_tokens += u64::from(request.prompt_tokens);
        self.offered_output_tokens += u64::from(request.output_tokens);
    }

    pub fn refused(&mut self, refused: &Refused) {
        *self.refusals.entry(refused.code.to_owned()).or_default() += 1;
    }

    pub fn failed(&mut self, code: &str) {
        *self.failures.entry(code.to_owned()).or_default() += 1;
    }

    pub fn attempted(
        &mut self,
        deployment: DeploymentId,
        provider: usize,
        previous: Option<DeploymentId>,
    ) {
        let first = previous.is_none();
        self.repeats += u64::from(previous == Some(deployment));
        self.fallbacks += u64::from(previous.is_some_and(|before| before != deployment));
        if let Some(tally) = self.deployments.get_mut(deployment.index()) {
            tally.attempts += 1;
            tally.first_attempts += u64::from(first);
        }
        if let Some(tally) = self.providers.get_mut(provider) {
            tally.attempts += 1;
            tally.first_attempts += u64::from(first);
            tally.in_flight += 1;
            tally.most_in_flight = tally.most_in_flight.max(tally.in_flight);
        }
        self.in_flight += 1;
        self.most_in_flight = self.most_in_flight.max(self.in_flight);
    }

    pub fn attempt_ended(&mut self, provider: usize, class: OutcomeClass) {
        self.in_flight = self.in_flight.saturating_sub(1);
        if let Some(tally) = self.providers.get_mut(provider) {
            tally.in_flight = tally.in_flight.saturating_sub(1);
            *tally.outcomes.entry(class.as_str().to_owned()).or_default() += 1;
        }
    }

    pub fn answered(&mut self, ended: &Ended<'_>) {
        let request = ended.request;
        self.total_us.push(ended.total_us);
        self.ttft_us.extend(ended.ttft_us);
        let fast = ended.ttft_us.is_none_or(|ttft| ttft <= self.slo_ttft_us);
        self.good += u64::from(fast && ended.in_time);
        self.answered_output_tokens += u64::from(request.output_tokens);
        let (count, sum_us) = self.models.entry(ended.model.to_owned()).or_default();
        *count += 1;
        *sum_us += ended.total_us;
        if let Some(tally) = self.deployments.get_mut(ended.deployment.index()) {
            tally.answered += 1;
        }
        let provider = ended.table.deployments.get(ended.deployment).provider;
        if let Some(tally) = self.providers.get_mut(provider.index()) {
            tally.cost_usd += cost_usd(ended);
        }
    }

    /// Requests stop arriving: the fleet's use is read.
    pub fn close_window(&mut self, fleet: &[ModelledProvider], end_us: u64) {
        for (tally, provider) in self.providers.iter_mut().zip(fleet) {
            tally.utilisation_mean = rounded(provider.mean_utilisation(end_us));
        }
    }

    // ── The report ──────────────────────────────────────────────────────────────────────────────

    #[must_use]
    pub fn report(mut self, frame: Frame<'_>) -> Report {
        let answered = self.total_us.len() as u64;
        Report {
            strategy: frame.strategy.to_owned(),
            goodput: (self.offered > 0).then(|| rounded(self.good as f64 / self.offered as f64)),
            offered: self.offered,
            answered,
            refused: self.refusals.values().sum(),
            failed: self.failures.values().sum(),
            ttft_ms: Times::of(&mut self.ttft_us),
            total_ms: Times::of(&mut self.total_us),
            attempts: self.providers.iter().map(|tally| tally.attempts).sum(),
            fallbacks: self.fallbacks,
            repeats: self.repeats,
            cost_usd: rounded(self.providers.iter().map(|tally| tally.cost_usd).sum()),
            offered_prompt_tokens: self.offered_prompt_tokens,
            offered_output_tokens: self.offered_output_tokens,
            answered_output_tokens: self.answered_output_tokens,
            most_in_flight: self.most_in_flight,
            in_flight_at_end: frame.in_flight_at_end,
            providers: self.provider_reports(&frame),
            deployments: self.deployment_reports(&frame),
            models: self.model_reports(),
            load: frame.load,
            refusals: self.refusals,
            failures: self.failures,
        }
    }

    /// Requests that came as far as an attempt.
    fn first_attempts(&self) -> f64 {
        let firsts: u64 = self.providers.iter().map(|tally| tally.first_attempts).sum();
        firsts.max(1) as f64
    }

    fn provider_reports(&self, frame: &Frame<'_>) -> Vec<ProviderReport> {
        let firsts = self.first_attempts();
        let active = frame.table.providers.iter().filter(|(_, provider)| provider.active);
        active
            .filter_map(|(id, provider)| {
                let tally = self.providers.get(id.index())?.clone();
                let modelled = frame.fleet.get(id.index())?;
                let here = frame.table.deployments.iter().filter(|(_, d)| d.provider == id);
                let wanted: Vec<f64> = here
                    .filter_map(|(deployment, _)| frame.wanted.get(&deployment.index()).copied())
                    .collect();
                Some(ProviderReport {
                    provider: provider.id.clone(),
                    slots: modelled.slots(),
                    share_got: rounded(tally.first_attempts as f64 / firsts),
                    share_wanted: (!wanted.is_empty()).then(|| rounded(wanted.iter().sum())),
                    attempts: tally.attempts,
                    outcomes: tally.outcomes,
                    utilisation_mean: tally.utilisation_mean,
                    utilisation_peak: rounded(modelled.peak_utilisation()),
                    most_in_flight: tally.most_in_flight,
                    cost_usd: rounded(tally.cost_usd),
                })
            })
            .collect()
    }

    /// Those that were tried or wanted.
    fn deployment_reports(&self, frame: &Frame<'_>) -> Vec<DeploymentReport> {
        let firsts = self.first_attempts();
        let deployments = frame.table.deployments.iter();
        deployments
            .filter_map(|(id, deployment)| {
                let tally = self.deployments.get(id.index())?;
                let wanted = frame.wanted.get(&id.index()).copied().map(rounded);
                (tally.attempts > 0 || wanted.is_some()).then(|| DeploymentReport {
                    deployment: deployment.id.clone(),
                    share_got: rounded(tally.first_attempts as f64 / firsts),
                    share_wanted: wanted,
                    attempts: tally.attempts,
                    answered: tally.answered,
                })
            })
            .collect()
    }

    fn model_reports(&self) -> Vec<ModelReport> {
        let models = self.models.iter();
        models
            .map(|(model, (answered, sum_us))| ModelReport {
                model: model.clone(),
                answered: *answered,
                total_ms_mean: milliseconds(*sum_us as f64 / *answered as f64),
            })
            .collect()
    }
}

/// A failed attempt is not billed.
fn cost_usd(ended: &Ended<'_>) -> f64 {
    let price = ended.table.provider_of(ended.deployment).price;
    price.cost_usd(ended.request.prompt_tokens, ended.request.output_tokens)
}

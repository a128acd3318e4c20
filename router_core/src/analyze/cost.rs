//! What failing costs: a plan's expected and worst attempts, time to the first token and money, and what a month
//! of fallback to a priced deployment comes to.
//!
//! Every hop of a provider that is down is tried and takes its time to fail, as where a server answers 503 or
//! stays silent. Where it refuses connections the walk skips its other hops, and once it is known to be down
//! nobody tries it: the figures are those of a request that meets an outage first.

use serde::Serialize;

use super::assumptions::Assumptions;
use super::availability::Answers;
use super::plans::Plan;
use crate::table::{DeploymentId, Table};

/// Over all states of the failure domains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ExpectedReport {
    /// The one that answers included; all of the plan where none does.
    pub attempts: f64,
    /// Of the requests that are answered; `None` where none can be.
    pub first_token_ms: Option<f64>,
    /// Of the hop that answers.
    pub usd: f64,
}

/// The last hop answers, every hop before it having failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct WorstReport {
    pub attempts: usize,
    pub first_token_ms: Option<f64>,
    /// It comes before the deadline of a request that brings none.
    pub within_deadline: bool,
    /// Where every attempt is charged.
    pub usd: f64,
}

#[must_use]
pub fn expected(plan: &Plan<'_>, answers: &Answers, assumptions: &Assumptions) -> ExpectedReport {
    let hops = || plan.hops.iter().zip(&answers.at_hop).enumerate();
    let ms: f64 =
        hops().map(|(failed, (hop, share))| share * ms(plan, failed, *hop, assumptions)).sum();
    let answered: f64 = answers.at_hop.iter().sum();
    ExpectedReport {
        attempts: answers.attempts(),
        first_token_ms: (answered > 0.0).then(|| ms / answered),
        usd: hops().map(|(_, (hop, share))| share * usd(plan.table, *hop, assumptions)).sum(),
    }
}

#[must_use]
pub fn worst(plan: &Plan<'_>, assumptions: &Assumptions) -> WorstReport {
    let failed = plan.hops.len().saturating_sub(1);
    let first_token_ms = plan.hops.last().map(|last| ms(plan, failed, *last, assumptions));
    let deadline_ms = plan.table.settings.timeout_us as f64 / 1_000.0;
    WorstReport {
        attempts: plan.hops.len(),
        first_token_ms,
        within_deadline: first_token_ms.is_some_and(|ms| ms <= deadline_ms),
        usd: plan.hops.iter().map(|hop| usd(plan.table, *hop, assumptions)).sum(),
    }
}

fn ms(plan: &Plan<'_>, failed: usize, hop: DeploymentId, assumptions: &Assumptions) -> f64 {
    let prior_ms = plan.table.provider_of(hop).ttft_prior_us as f64 / 1_000.0;
    failed as f64 * assumptions.failed_hop_ms + prior_ms
}

fn usd(table: &Table, hop: DeploymentId, assumptions: &Assumptions) -> f64 {
    let price = table.provider_of(hop).price;
    price.cost_usd(assumptions.prompt_tokens, assumptions.answer_tokens)
}

/// A month of requests that fall back to a priced deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FallbackCost {
    pub requests_per_month: f64,
    pub fallback_rate: f64,
    pub usd_per_request: f64,
    pub usd_per_month: f64,
}

#[must_use]
pub fn fallback_cost(assumptions: &Assumptions) -> FallbackCost {
    let Assumptions { requests_per_month, fallback_rate, fallback_usd, .. } = *assumptions;
    FallbackCost {
        requests_per_month,
        fallback_rate,
        usd_per_request: fallback_usd,
        usd_per_month: requests_per_month * fallback_rate * fallback_usd,
    }
}

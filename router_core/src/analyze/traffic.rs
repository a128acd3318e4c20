//! Where requests go: the first and the last provider of every plan by share of the traffic, and how evenly
//! that is spread.

use serde::Serialize;

use super::assumptions::Assumptions;
use super::plans::Plan;
use crate::table::{DeploymentId, Table};

/// One way that requests go.
pub struct Flow {
    /// Of all requests.
    pub share: f64,
    pub hops: Vec<DeploymentId>,
}

/// Public models share the traffic alike, or by the weights assumed; a model's own part is shared by
/// those of its deployments that come first.
#[must_use]
pub fn flows(plans: &[&Plan<'_>], assumptions: &Assumptions) -> Vec<Flow> {
    let weight = |plan: &Plan<'_>| match assumptions.traffic.get(plan.name()) {
        Some(weight) => *weight,
        None if assumptions.traffic.is_empty() => 1.0,
        None => 0.0,
    };
    let total: f64 = plans.iter().map(|plan| weight(plan)).sum();
    let asked = plans.iter().filter(|plan| weight(plan) > 0.0);
    asked
        .flat_map(|plan| {
            let of_model = weight(plan) / total;
            let flow = move |(first, share): (DeploymentId, f64)| Flow {
                share: of_model * share,
                hops: begun_with(first, &plan.hops),
            };
            plan.first_choices().into_iter().map(flow)
        })
        .collect()
}

fn begun_with(first: DeploymentId, hops: &[DeploymentId]) -> Vec<DeploymentId> {
    let others = hops.iter().copied().filter(|hop| *hop != first);
    std::iter::once(first).chain(others).collect()
}

/// The parts added up by provider, by its index.
#[must_use]
pub fn by_provider(table: &Table, parts: impl Iterator<Item = (DeploymentId, f64)>) -> Vec<f64> {
    let mut sums = vec![0.0; table.providers.len()];
    for (hop, part) in parts {
        if let Some(sum) = sums.get_mut(table.deployments.get(hop).provider.index()) {
            *sum += part;
        }
    }
    sums
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TrafficReport {
    pub first: SpreadReport,
    /// Where plans end.
    pub last: SpreadReport,
}

/// How traffic is spread over providers.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpreadReport {
    /// 0 where all goes to one provider, 1 where two share it evenly.
    pub entropy_bits: f64,
    pub shares: Vec<ProviderShare>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderShare {
    pub provider: String,
    pub share: f64,
}

#[must_use]
pub fn traffic(table: &Table, flows: &[Flow]) -> TrafficReport {
    let first = flows.iter().filter_map(|flow| Some((*flow.hops.first()?, flow.share)));
    let last = flows.iter().filter_map(|flow| Some((*flow.hops.last()?, flow.share)));
    TrafficReport {
        first: spread(table, &by_provider(table, first)),
        last: spread(table, &by_provider(table, last)),
    }
}

/// Shannon's entropy, -sum of p log2 p, with the shares it is of.
fn spread(table: &Table, shares: &[f64]) -> SpreadReport {
    let used = shares.iter().filter(|share| **share > 0.0);
    SpreadReport {
        entropy_bits: used.map(|share| -share * share.log2()).sum::<f64>().max(0.0),
        shares: named(table, shares),
    }
}

/// Those above 0.
#[must_use]
pub fn named(table: &Table, shares: &[f64]) -> Vec<ProviderShare> {
    let all = table.providers.iter().zip(shares);
    all.filter(|(_, share)| **share > 0.0)
        .map(|((_, provider), share)| ProviderShare {
            provider: provider.id.clone(),
            share: *share,
        })
        .collect()
}

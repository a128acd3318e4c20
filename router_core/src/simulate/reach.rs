//! What each kind of request can reach on an idle fleet, asked of the router itself: the candidates of
//! its plan. From it follow the fleet's modelled capacity and the shares that weights ask for.

use rustc_hash::FxHashMap;

use super::provider::ModelledProvider;
use super::workload::{Request, Workload};
use crate::choose::assign::Allocation;
use crate::choose::Hop;
use crate::decision::Decision;
use crate::refusal::Refused;
use crate::resolve::Rule;
use crate::router::Router;
use crate::table::{DeploymentId, Table, Target};

/// Prompts asked about of a kind that an experiment shares out between its arms.
const PROMPTS: u64 = 1_000;

/// One kind of request, or one prompt of it, and the deployments it is spread over.
pub struct Reach {
    kind: usize,
    /// Of all requests, 0…1.
    share: f64,
    decision: Decision,
}

/// Where each kind of request can go; `Err` names the kind that the router refuses.
pub fn reach(router: &mut Router, workload: &Workload) -> Result<Vec<Reach>, (usize, Refused)> {
    let mut reaches = Vec::new();
    for (kind, entry) in workload.kinds().iter().enumerate().filter(|(_, kind)| kind.share > 0.0) {
        let Some(typical) = workload.typical(kind) else { continue };
        let mut ask = |number| {
            let facts = workload.facts(&Request { number, ..typical.clone() }, None);
            router.explain(&facts, 0, 0).map_err(|refused| (kind, refused))
        };
        let first = ask(0)?;
        let prompts = if is_shared_out(&first) { PROMPTS } else { 1 };
        let share = workload.share(entry) / prompts as f64;
        reaches.push(Reach { kind, share, decision: first });
        for number in 1..prompts {
            reaches.push(Reach { kind, share, decision: ask(number)? });
        }
    }
    Ok(reaches)
}

/// Whether another prompt may get another arm.
fn is_shared_out(decision: &Decision) -> bool {
    let assignment = decision.choice.assignment.as_ref();
    assignment.is_some_and(|assignment| assignment.allocation == Allocation::Tested)
}

/// Requests a second the fleet can serve of this workload: each provider's slots over its mean service
/// time for the kinds that reach it, added up. Faults are left out.
pub fn capacity_per_s(
    reach: &[Reach],
    workload: &Workload,
    fleet: &[ModelledProvider],
    table: &Table,
) -> f64 {
    let of = |(index, provider): (usize, &ModelledProvider)| {
        let (mut weight, mut weighted_ms) = (0.0, 0.0);
        for kind in reach {
            let here = kind.candidates().filter(|hop| provider_of(table, hop.deployment) == index);
            let Some(request) = workload.typical(kind.kind) else { continue };
            for hop in here {
                let model = kind.decision.model_name(hop.deployment);
                weight += kind.share;
                weighted_ms += kind.share * provider.mean_service_ms(&request, model);
            }
        }
        if weight > 0.0 {
            provider.requests_per_s(weighted_ms / weight)
        } else {
            0.0
        }
    };
    fleet.iter().enumerate().map(of).sum()
}

/// The share of all requests that weights give each deployment, by its index; none where a kind's
/// candidates stand in an order of preference instead.
pub fn wanted_shares(reach: &[Reach], table: &Table) -> FxHashMap<usize, f64> {
    let mut wanted = FxHashMap::default();
    for kind in reach {
        let weights: Vec<(DeploymentId, f64)> = kind
            .candidates()
            .filter_map(|hop| Some((hop.deployment, weight(kind, table, hop.deployment)?)))
            .collect();
        let total: f64 = weights.iter().map(|(_, weight)| weight).sum();
        for (deployment, weight) in weights {
            *wanted.entry(deployment.index()).or_insert(0.0) += kind.share * weight / total;
        }
    }
    wanted
}

impl Reach {
    fn candidates(&self) -> impl Iterator<Item = &Hop> {
        self.decision.choice.plan.iter().filter(|hop| hop.score.is_some())
    }
}

fn weight(kind: &Reach, table: &Table, deployment: DeploymentId) -> Option<f64> {
    let own = table.deployments.get(deployment);
    match kind.decision.choice.rule {
        Rule::Exact => Some(own.weight),
        Rule::Pool => {
            let pool = table.pools.get(*table.pool_names.get(&kind.decision.choice.matched)?);
            let member = pool.members.iter().find(|member| match member.target {
                Target::Model(model) => own.model == Some(model),
                Target::Deployment(id) => id == deployment,
            })?;
            let siblings = match member.target {
                Target::Model(model) => table.models.get(model).deployments.iter(),
                Target::Deployment(_) => return Some(member.weight),
            };
            let total: f64 = siblings.map(|id| table.deployments.get(*id).weight).sum();
            Some(member.weight * own.weight / total)
        }
        Rule::Pattern | Rule::Capability | Rule::Size | Rule::Default => None,
    }
}

fn provider_of(table: &Table, deployment: DeploymentId) -> usize {
    table.deployments.get(deployment).provider.index()
}

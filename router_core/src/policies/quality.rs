//! What a plan keeps of the model asked for (A2, B6): attempts in the cloud, parameters, capabilities.

use crate::config::current_name;
use crate::config::diagnostics::Diagnostic;
use crate::decision::change_pct;
use crate::eligibility::has_capability;
use crate::table::{CapabilityId, DeploymentId, Table, Tier};

use super::catalogue::{CAPABILITY_LOST, FEW_CLOUD_ATTEMPTS, PARAMETER_DROP};
use super::plan::Plan;

/// Attempts in the cloud before a premium or standard model goes local.
const CLOUD_ATTEMPTS: usize = 2;
/// The first hop keeps at least one parameter in so many.
const MOST_DROPPED: u64 = 10;

pub fn cloud_attempts(plan: &Plan<'_>) -> Option<Diagnostic> {
    let tier = plan.model.tier;
    if !matches!(tier, Tier::CloudPremium | Tier::CloudStandard) {
        return None;
    }
    let in_cloud = |hop: &&DeploymentId| plan.table.provider_of(**hop).is_in_cloud();
    let attempts = plan.hops.iter().take_while(in_cloud).count();
    if attempts >= CLOUD_ATTEMPTS {
        return None;
    }
    let kept = if attempts == 0 { "no attempt" } else { "one attempt" };
    let message = |rest: &str| {
        let (name, tier) = (&plan.model.name, tier.as_str());
        format!("the plan of `{name}` ({tier}) has {kept} in the cloud {rest}")
    };
    let found = match plan.hops.get(attempts) {
        Some(local) => {
            let rest = format!("before it goes local, to {}", plan.told(*local));
            plan.finding_at(*local, FEW_CLOUD_ATTEMPTS, message(&rest))
        }
        None => plan.finding(FEW_CLOUD_ATTEMPTS, message("and no other")),
    };
    Some(found.suggest("put another cloud model first in its chain, or correct its `tier:`"))
}

/// Judged on the first hop to another model, where both counts are known.
pub fn parameter_drop(plan: &Plan<'_>) -> Option<Diagnostic> {
    let hop = *plan.hops.iter().find(|hop| plan.served(**hop) != plan.id)?;
    let to = plan.table.models.get(plan.served(hop));
    let (before, after) = (plan.model.parameters?, to.parameters?);
    if after.saturating_mul(MOST_DROPPED) >= before {
        return None;
    }
    let message = format!(
        "the first hop of `{}`, to `{}`, loses {:.1} % of the parameters ({} to {})",
        plan.model.name,
        to.name,
        -change_pct(before, after),
        billions(before),
        billions(after)
    );
    let found = plan.finding_at(hop, PARAMETER_DROP, message);
    Some(found.suggest("put a larger model before it: a first hop loses at most 90 %"))
}

fn billions(parameters: u64) -> String {
    format!("{} B", parameters as f64 / 1e9)
}

/// One finding for each capability, at the first hop that is without it.
pub fn capabilities_lost<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = Diagnostic> + use<'p> {
    let own = plan.table.capabilities.iter().map(|(id, _)| id);
    own.filter(|id| plan.model.capabilities.contains(*id) && !is_old(plan.table, *id))
        .filter_map(|id| capability_lost(plan, id))
}

fn capability_lost(plan: &Plan<'_>, id: CapabilityId) -> Option<Diagnostic> {
    let table = plan.table;
    let without: Vec<(usize, DeploymentId)> = plan
        .hops
        .iter()
        .enumerate()
        .filter(|(_, hop)| {
            let deployment = table.deployments.get(**hop);
            deployment.model.is_some() && !has_capability(table, deployment, id)
        })
        .map(|(place, hop)| (place + 1, *hop))
        .collect();
    let ((place, first), others) = without.split_first()?;
    let capability = &table.capabilities.get(id).name;
    let also = match others {
        [] => String::new(),
        others => {
            let places: Vec<String> = others.iter().map(|(place, _)| place.to_string()).collect();
            format!(", and is without it on {} too", places.join(", "))
        }
    };
    let message = format!(
        "the plan of `{}` loses the capability `{capability}` on hop {place}, {}{also}",
        plan.model.name,
        plan.told(*first)
    );
    let found = plan.finding_at(*first, CAPABILITY_LOST, message).about(capability);
    Some(found.suggest(format!(
        "use a model with `{capability}` there, or accept the loss under `policies:` and say why"
    )))
}

/// A deprecated name beside the current one says nothing more.
fn is_old(table: &Table, id: CapabilityId) -> bool {
    let name = table.capabilities.get(id).name.as_str();
    let current = current_name(name);
    current.is_some_and(|current| table.capability_names.contains_key(current))
}

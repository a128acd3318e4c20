//! Failure domains (A2): no plan stands on one alone, and its last two models span two.

use std::collections::BTreeSet;

use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::table::{DeploymentId, ModelId, Provider, Table};

use super::catalogue::{SHARED_LAST_DOMAIN, SINGLE_FAILURE_DOMAIN};
use super::plan::Plan;

/// Where all active providers fail together no chain can help: that is one finding, about the fleet.
pub fn of_the_fleet(table: &Table, plans: &[Plan<'_>]) -> Option<Diagnostic> {
    let active = || table.providers.iter().map(|(_, own)| own).filter(|own| own.active);
    let domain = &active().next().filter(|_| !plans.is_empty())?.failure_domain;
    if active().any(|provider| provider.failure_domain != *domain) {
        return None;
    }
    let message = format!("every model is lost when {} goes", told(domain, active()));
    let found =
        Diagnostic::warning(SINGLE_FAILURE_DOMAIN, &Pointer::root().key("providers"), message);
    Some(
        found
            .at_key()
            .about(domain)
            .suggest("add a provider in another failure domain, and models there to the chains"),
    )
}

/// One finding at most: a plan on a single domain ends on it, too.
pub fn of_plan(plan: &Plan<'_>) -> Option<Diagnostic> {
    let domains: BTreeSet<&str> = plan.hops.iter().map(|hop| plan.domain(*hop)).collect();
    match domains.first() {
        Some(domain) if domains.len() == 1 => Some(single(plan, domain)),
        _ => shared_last(plan),
    }
}

fn single(plan: &Plan<'_>, domain: &str) -> Diagnostic {
    let providers = plan.hops.iter().map(|hop| plan.table.provider_of(*hop));
    let message = format!(
        "nothing is left of the plan of `{}` when {} goes",
        plan.model.name,
        told(domain, providers)
    );
    plan.finding(SINGLE_FAILURE_DOMAIN, message)
        .suggest("add a model in another failure domain to its chain")
}

/// What goes: a lone provider, or several with what they have in common.
fn told<'t>(domain: &str, providers: impl Iterator<Item = &'t Provider>) -> String {
    let mut names: Vec<String> = Vec::new();
    for provider in providers {
        let name = format!("`{}`", provider.id);
        if !names.contains(&name) {
            names.push(name);
        }
    }
    match names.as_slice() {
        [only] => format!("the provider {only}"),
        _ => format!("the failure domain `{domain}` ({})", names.join(", ")),
    }
}

fn shared_last(plan: &Plan<'_>) -> Option<Diagnostic> {
    let mut hops = plan.hops.iter().rev();
    let last_hop = *hops.next()?;
    let last = plan.served(last_hop);
    let before = hops.map(|hop| plan.served(*hop)).find(|model| *model != last)?;
    let domains: BTreeSet<&str> = domains_of(plan, last).chain(domains_of(plan, before)).collect();
    let domain = domains.first().filter(|_| domains.len() == 1)?;
    let name = |model: ModelId| &plan.table.models.get(model).name;
    let message = format!(
        "the last two models in the plan of `{}`, `{}` and `{}`, are both lost with the failure domain `{domain}`",
        plan.model.name,
        name(before),
        name(last)
    );
    let found = plan.finding_at(last_hop, SHARED_LAST_DOMAIN, message);
    Some(found.suggest("end the chain on a model in another failure domain"))
}

/// A model's domains are those of all its deployments, those past the attempt limit included: they are
/// reached where others are known to be out. The plan may send its own name to further providers.
fn domains_of<'p>(plan: &'p Plan<'_>, model: ModelId) -> impl Iterator<Item = &'p str> {
    let enabled = |id: &&DeploymentId| plan.table.deployments.get(**id).enabled;
    let own = plan.table.models.get(model).deployments.iter().filter(enabled);
    let planned = plan.hops.iter().filter(move |hop| plan.served(**hop) == model);
    own.chain(planned).map(|id| plan.domain(*id))
}

//! What the policies are to find, worked out from the plain lists: code, place, and what it is about.

use std::collections::BTreeSet;

use crate::brute::{is_public, plan};
use crate::fleet::Fleet;

pub type Expected = (String, String, Vec<String>);

/// Everything but cycles.
pub fn findings(fleet: &Fleet) -> BTreeSet<Expected> {
    let models = 0..fleet.world.models.len();
    let mut found: BTreeSet<Expected> =
        models.clone().flat_map(|model| disabled(fleet, model)).collect();
    let domains: BTreeSet<&str> = active_domains(fleet);
    let public: Vec<usize> = models.filter(|model| is_public(&fleet.world, *model)).collect();
    if domains.len() == 1 && !public.is_empty() {
        let domain = domains.iter().map(|name| (*name).to_owned()).collect();
        found.insert(("single-failure-domain".to_owned(), "/providers".to_owned(), domain));
    }
    for model in public {
        if domains.len() > 1 {
            found.extend(of_domains(fleet, model));
        }
        found.extend(few_cloud_attempts(fleet, model));
        found.extend(parameter_drop(fleet, model));
        found.extend(capabilities_lost(fleet, model));
    }
    found
}

fn active_domains(fleet: &Fleet) -> BTreeSet<&str> {
    let active = fleet.world.providers.iter().filter(|provider| provider.active);
    active.map(|provider| provider.domain.as_str()).collect()
}

fn name(fleet: &Fleet, model: usize) -> String {
    fleet.world.models[model].name.clone()
}

fn chain(fleet: &Fleet, model: usize) -> String {
    format!("/fallback_chains/{}", name(fleet, model))
}

/// The place of the chain's member that a hop comes from, else the chain's.
fn step(fleet: &Fleet, model: usize, member: usize) -> String {
    let chain_of = &fleet.world.models[model].chain;
    match chain_of.iter().position(|other| *other == member) {
        Some(index) => format!("{}/chain/{index}", chain(fleet, model)),
        None => chain(fleet, model),
    }
}

fn disabled(fleet: &Fleet, model: usize) -> Vec<Expected> {
    let members = fleet.world.models[model].chain.iter();
    let off = members.filter(|member| !is_public(&fleet.world, **member));
    off.map(|member| {
        let about = vec![name(fleet, *member)];
        ("disabled-model".to_owned(), step(fleet, model, *member), about)
    })
    .collect()
}

fn of_domains(fleet: &Fleet, model: usize) -> Option<Expected> {
    let plan = plan(&fleet.world, model);
    let domain = |provider: usize| fleet.world.providers[provider].domain.as_str();
    let whole: BTreeSet<&str> = plan.iter().map(|hop| domain(hop.1)).collect();
    let about = vec![name(fleet, model)];
    if whole.len() == 1 {
        return Some(("single-failure-domain".to_owned(), chain(fleet, model), about));
    }
    let last = plan[plan.len() - 1].0;
    let before = plan.iter().rev().find(|hop| hop.0 != last)?.0;
    let active = |provider: &usize| fleet.world.providers[*provider].active;
    let mut of_both = BTreeSet::new();
    for model in [last, before] {
        let deployments = fleet.world.models[model].deployments.iter().copied();
        of_both.extend(deployments.filter(active).map(domain));
    }
    (of_both.len() < 2).then(|| ("shared-last-domain".to_owned(), step(fleet, model, last), about))
}

fn few_cloud_attempts(fleet: &Fleet, model: usize) -> Option<Expected> {
    if !["cloud_premium", "cloud_standard"].contains(&fleet.traits[model].tier) {
        return None;
    }
    let plan = plan(&fleet.world, model);
    let local = plan.iter().position(|hop| !fleet.in_cloud[hop.1]);
    if local.unwrap_or(plan.len()) >= 2 {
        return None;
    }
    let at = local.map_or(chain(fleet, model), |place| step(fleet, model, plan[place].0));
    Some(("few-cloud-attempts".to_owned(), at, vec![name(fleet, model)]))
}

fn parameter_drop(fleet: &Fleet, model: usize) -> Option<Expected> {
    let plan = plan(&fleet.world, model);
    let first = plan.iter().find(|hop| hop.0 != model)?.0;
    let kept = fleet.traits[first].parameters? as f64 / fleet.traits[model].parameters? as f64;
    let dropped = kept < 0.1 - 1e-9;
    let about = vec![name(fleet, model)];
    dropped.then(|| ("parameter-drop".to_owned(), step(fleet, model, first), about))
}

fn capabilities_lost(fleet: &Fleet, model: usize) -> Vec<Expected> {
    let plan = plan(&fleet.world, model);
    let own = fleet.traits[model].capabilities.iter();
    own.filter_map(|capability| {
        let without =
            |hop: &&(usize, usize)| !fleet.traits[hop.0].capabilities.contains(capability);
        let hop = plan.iter().find(without)?;
        let about = vec![name(fleet, model), (*capability).to_owned()];
        Some(("capability-lost".to_owned(), step(fleet, model, hop.0), about))
    })
    .collect()
}

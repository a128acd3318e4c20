//! Exact names (R2): each stands for a model, which is added where no section declares it, deployed on
//! the provider the entry names.

use super::{Draft, Reported};
use crate::config::pointer::Pointer;
use crate::config::schema::containers::Entries;
use crate::config::schema::fleet::{ExactEntry, Priority};
use crate::policies::ChainPlaces;

fn section() -> Pointer {
    Pointer::root().key("exact_matches")
}

pub(super) fn compile(draft: &mut Draft, entries: &Entries<ExactEntry>) {
    for (name, entry) in entries.iter() {
        let at = section().key(name);
        let Some(entry) = draft.built(entry, &at) else {
            draft.known.models.entry(name.to_owned()).or_default();
            continue;
        };
        if compile_one(draft, name, entry, &at).is_err() {
            draft.known.models.entry(name.to_owned()).or_default();
        }
    }
}

fn compile_one(
    draft: &mut Draft,
    name: &str,
    entry: &ExactEntry,
    at: &Pointer,
) -> Result<(), Reported> {
    let provider = draft.provider(&entry.provider, &at.key("provider"))?;
    let priority = entry.priority.map(Priority::rank);
    let Some(known) = draft.known.models.get(name).copied() else {
        draft.add_implied_model(name, provider, priority.unwrap_or_default(), at);
        return Ok(());
    };
    let model = known.ok_or(Reported)?;
    match (draft.deployment_on(model, provider), priority) {
        (None, _) => {
            draft.add_named_deployment(model, provider, priority.unwrap_or_default());
        }
        (Some(deployment), Some(rank)) => {
            draft.table.deployments.get_mut(deployment).priority = rank;
        }
        (Some(_), None) => {}
    }
    Ok(())
}

/// Each entry's own fallback goes before the rest of its model's chain.
pub(super) fn compile_fallbacks(draft: &mut Draft, entries: &Entries<ExactEntry>) {
    for (name, entry) in entries.valid() {
        let Some(model) = draft.known.models.get(name).copied().flatten() else {
            continue;
        };
        let at = section().key(name).key("fallback");
        let steps = draft.fallback(&entry.fallback, &at);
        let steps = draft.for_model(steps, model);
        if !steps.is_empty() {
            let places = draft.places.chains.entry(model);
            let places =
                places.or_insert_with(|| ChainPlaces { at: at.clone(), steps: Vec::new() });
            let first = steps.iter().map(|step| (step.target, at.clone()));
            places.steps.splice(0..0, first);
        }
        let chain = &mut draft.table.models.get_mut(model).chain;
        chain.splice(0..0, steps);
    }
}

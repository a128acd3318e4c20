//! Load-balancing groups (R5). A group named like a model is that model's redundancy: it sets the
//! shares and the strategy of the model's own deployments.

use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::containers::Entries;
use crate::config::schema::rules::{PoolEntry, PoolMember, RedundancyEntry, RedundantProvider};
use crate::config::schema::scalars::Weight;
use crate::config::schema::Document;
use crate::strategy::Strategy;
use crate::table::{DeploymentId, Member, ModelId, Pool, PoolId, ProviderId, Target};

pub(super) fn compile(draft: &mut Draft, document: &Document) {
    let section = section();
    for (name, entry) in document.load_balancing.iter() {
        let at = section.key(name);
        if let Some(entry) = draft.built(entry, &at) {
            compile_one(draft, name, entry, &at);
        }
    }
    let redundant = Pointer::root().key("redundant_models");
    for (name, entry) in document.redundant_models.iter() {
        let at = redundant.key(name);
        if let Some(entry) = draft.built(entry, &at) {
            compile_redundancy(draft, name, entry, &at);
        }
    }
}

fn section() -> Pointer {
    Pointer::root().key("load_balancing")
}

fn compile_one(draft: &mut Draft, name: &str, entry: &PoolEntry, at: &Pointer) {
    let model = match draft.known.models.get(name) {
        Some(None) => return,
        Some(Some(model)) => Some(*model),
        None => None,
    };
    let strategy = entry.strategy.map_or(Strategy::Weighted, |name| name.0);
    let members = members(draft, model, entry, &at.key("providers"));
    if let Some(model) = model {
        share(draft, model, strategy, &members);
    } else if draft.known.capabilities.contains_key(name) {
        let message = format!("the capability `{name}` is matched first: this pool is never used");
        draft.report.add(shadowed(at, name, message).suggest("rename the pool, or take it out"));
    }
    let parameters = draft.parameters(entry.parameters.as_ref(), &at.key("parameters"));
    let delivery = draft.delivery(entry.delivery);
    let pool = draft.table.pools.push(Pool {
        name: name.to_owned(),
        strategy,
        members,
        parameters,
        fallback: Vec::new(),
        delivery,
    });
    match model {
        Some(model) => draft.table.models.get_mut(model).pool = Some(pool),
        None => {
            draft.table.pool_names.insert(name.to_owned(), pool);
        }
    }
}

fn members(
    draft: &mut Draft,
    model: Option<ModelId>,
    entry: &PoolEntry,
    at: &Pointer,
) -> Vec<Member> {
    if entry.providers.is_empty() {
        draft.error("no-members", at, "the pool has no members");
        return Vec::new();
    }
    let weights: Vec<Option<Weight>> = entry.providers.valid().map(|(_, m)| m.weight).collect();
    if draft.positive_weights(weights.into_iter(), at).is_err() {
        return Vec::new();
    }
    let mut members = Vec::new();
    for (index, item) in entry.providers.iter().enumerate() {
        let at = at.index(index);
        let item = draft.built(item, &at).ok_or(Reported);
        members.extend(item.and_then(|item| member(draft, model, item, &at)));
    }
    members
}

fn member(
    draft: &mut Draft,
    model: Option<ModelId>,
    entry: &PoolMember,
    at: &Pointer,
) -> Result<Member, Reported> {
    let condition = draft.condition(entry.condition.as_deref(), &at.key("condition"));
    let provider = draft.provider(&entry.provider, &at.key("provider"))?;
    let deployment = match (&entry.preferred_model, model) {
        (Some(preferred), own) => {
            let at = at.key("preferred_model");
            let deployment = draft.deployment(preferred, provider, &at)?;
            check_own(draft, own, deployment, &at)?;
            deployment
        }
        (None, Some(own)) => own_deployment(draft, own, provider),
        (None, None) => draft.stand_in(provider, &at.key("provider"))?,
    };
    Ok(Member {
        target: Target::Deployment(deployment),
        weight: entry.weight.map_or(1.0, Weight::share),
        condition: condition?,
    })
}

/// A pool named like a model holds that model alone.
fn check_own(
    draft: &mut Draft,
    own: Option<ModelId>,
    deployment: DeploymentId,
    at: &Pointer,
) -> Result<(), Reported> {
    let model = draft.table.deployments.get(deployment).model;
    match own {
        Some(own) if model != Some(own) => {
            let name = &draft.table.models.get(own).name;
            let message = format!("a pool named like the model `{name}` can hold that model only");
            let found = Diagnostic::error("foreign-member", at, message);
            Err(draft.reported(found.suggest("rename the pool, or leave `preferred_model` out")))
        }
        _ => Ok(()),
    }
}

/// The model's deployment on `provider`, added where there is none: the file says that it is there.
fn own_deployment(draft: &mut Draft, model: ModelId, provider: ProviderId) -> DeploymentId {
    draft
        .deployment_on(model, provider)
        .unwrap_or_else(|| draft.add_named_deployment(model, provider, 0))
}

/// Gives the model's deployments the members' shares.
fn share(draft: &mut Draft, model: ModelId, strategy: Strategy, members: &[Member]) {
    draft.table.models.get_mut(model).strategy = strategy;
    for member in members {
        if let Target::Deployment(deployment) = member.target {
            draft.table.deployments.get_mut(deployment).weight = member.weight;
        }
    }
}

fn compile_redundancy(draft: &mut Draft, name: &str, entry: &RedundancyEntry, at: &Pointer) {
    let Ok(model) = draft.owner(name, at) else {
        return;
    };
    let list = at.key("providers");
    let weights: Vec<Option<Weight>> = entry.providers.valid().map(|(_, p)| p.weight).collect();
    if draft.positive_weights(weights.into_iter(), &list).is_err() {
        return;
    }
    if draft.table.models.get(model).pool.is_some() {
        let message = format!("`load_balancing` has an entry for `{name}`, which is used instead");
        draft.report.add(shadowed(at, name, message).suggest("take one of the two out"));
        return;
    }
    let mut members = Vec::new();
    for (index, item) in entry.providers.iter().enumerate() {
        let at = list.index(index);
        if let Some(item) = draft.built(item, &at) {
            members.extend(redundant_member(draft, model, item, &at));
        }
    }
    share(draft, model, Strategy::Weighted, &members);
}

fn redundant_member(
    draft: &mut Draft,
    model: ModelId,
    entry: &RedundantProvider,
    at: &Pointer,
) -> Result<Member, Reported> {
    let provider = draft.provider(&entry.provider, &at.key("provider"))?;
    Ok(Member {
        target: Target::Deployment(own_deployment(draft, model, provider)),
        weight: entry.weight.map_or(1.0, Weight::share),
        condition: None,
    })
}

fn shadowed(at: &Pointer, name: &str, message: String) -> Diagnostic {
    Diagnostic::warning("shadowed", at, message).at_key().about(name)
}

/// Patterns go before pools, and are known only after them.
pub(super) fn warn_of_hidden(draft: &mut Draft) {
    let table = &draft.table;
    let hidden = table.pool_names.values().filter_map(|pool| {
        let name = table.pools.get(*pool).name.as_str();
        let first = table.patterns.set.matches(name).iter().next()?;
        let pattern = &table.patterns.rules.get(first)?.pattern;
        let message = format!("the pattern `{pattern}` is matched first: this pool is never used");
        Some(shadowed(&section().key(name), name, message))
    });
    let mut hidden: Vec<Diagnostic> = hidden.collect();
    hidden.sort_by(|one, other| one.pointer.cmp(&other.pointer));
    for found in hidden {
        draft.report.add(found.suggest("rename the pool, or narrow the pattern"));
    }
}

/// Fallbacks may name chains, which are known only after every model is.
pub(super) fn compile_fallbacks(draft: &mut Draft, entries: &Entries<PoolEntry>) {
    let pools: Vec<(PoolId, String)> =
        draft.table.pools.iter().map(|(id, pool)| (id, pool.name.clone())).collect();
    for (pool, name) in pools {
        if let Some((_, entry)) = entries.valid().find(|(key, _)| *key == name) {
            let steps = draft.fallback(&entry.fallback, &section().key(&name).key("fallback"));
            draft.table.pools.get_mut(pool).fallback = draft.for_group(steps, None);
        }
    }
}

impl Draft {
    /// What stands for a provider where neither the file nor the request names a model: its first.
    pub(super) fn stand_in(
        &mut self,
        provider: ProviderId,
        at: &Pointer,
    ) -> Result<DeploymentId, Reported> {
        let id = self.table.providers.get(provider).id.clone();
        let Some(deployment) = self.first_deployment(provider, None) else {
            if self.has_broken_models() {
                return Err(Reported);
            }
            let message = format!("no enabled model is deployed on `{id}`");
            let found = Diagnostic::error("no-deployment", at, message);
            return Err(self.reported(found.suggest("deploy a model there, or leave it out")));
        };
        let used = self.table.deployments.get(deployment).model;
        let used = used.map(|model| self.table.models.get(model).name.clone()).unwrap_or_default();
        let message = format!("no model is named for `{id}`: its first, `{used}`, is used");
        self.report.add(Diagnostic::warning("implied-model", at, message));
        Ok(deployment)
    }
}

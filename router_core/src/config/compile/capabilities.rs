//! Capabilities (R4): declared before the models that name them, filled once the models are known. The
//! deprecated names lead to the current ones where these exist.

use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::containers::{Entries, Names};
use crate::config::schema::rules::{CapabilityEntry, ConditionalModel, PreferredModel};
use crate::config::schema::scalars::Weight;
use crate::config::schema::Document;
use crate::strategy::Strategy;
use crate::table::{
    Capability, CapabilityId, CapabilityName, CapabilitySet, Member, ProviderId,
    StrategyParameters, Target,
};

/// Labels a model may carry although the file has no entry for them.
const STANDARD: [&str; 8] = [
    "code",
    "analytical",
    "reasoning",
    "creative",
    "chat",
    "high_throughput",
    "low_latency",
    "large_context",
];
const DEPRECATED: [(&str, &str); 5] = [
    ("code_generation", "code"),
    ("analysis", "analytical"),
    ("creative_writing", "creative"),
    ("general_chat", "chat"),
    ("conversational", "chat"),
];
/// A `CapabilitySet` has one bit for each.
const MOST: usize = u64::BITS as usize;

/// The deprecated names of a capability: who carries it carries them, where a file still declares them.
pub(super) fn old_names(current: &str) -> impl Iterator<Item = &'static str> + '_ {
    DEPRECATED.iter().filter(move |(_, new)| *new == current).map(|(old, _)| *old)
}

/// What a deprecated name stands for.
pub fn current_name(old: &str) -> Option<&'static str> {
    DEPRECATED.iter().find(|(known, _)| *known == old).map(|(_, new)| *new)
}

fn section() -> Pointer {
    Pointer::root().key("capabilities")
}

/// Mints an id for every capability of the file and for the labels models carry beyond these.
pub(super) fn declare(draft: &mut Draft, document: &Document) {
    for (index, name) in document.capabilities.names().enumerate() {
        if index == MOST {
            let message = format!("a config can have at most {MOST} capabilities");
            draft.reported(Diagnostic::error("too-many", &section().key(name), message).at_key());
        }
        add(draft, name);
    }
    let free = document.capabilities.is_empty();
    for (_, model) in document.models.valid() {
        for (_, label) in model.capabilities.valid() {
            let admitted = free || STANDARD.contains(&label.as_str());
            if admitted && !draft.known.capabilities.contains_key(label) {
                add(draft, label);
            }
        }
    }
    for (old, new) in DEPRECATED {
        let current = draft.known.capabilities.get(new).copied().flatten();
        if let (Some(capability), false) = (current, draft.known.capabilities.contains_key(old)) {
            draft.known.capabilities.insert(old.to_owned(), Some(capability));
            let name = CapabilityName { capability, deprecated: true };
            draft.table.capability_names.insert(old.to_owned(), name);
        }
    }
}

/// Labels past the last bit stay known without an id.
fn add(draft: &mut Draft, name: &str) {
    if draft.table.capabilities.len() >= MOST {
        draft.known.capabilities.insert(name.to_owned(), None);
        return;
    }
    let capability = draft.table.capabilities.push(Capability {
        name: name.to_owned(),
        description: String::new(),
        strategy: Strategy::Direct,
        members: Vec::new(),
        fallback: Vec::new(),
        min_parameters: None,
        min_context: None,
        parameters: StrategyParameters::default(),
        delivery: draft.table.settings.delivery,
    });
    draft.known.capabilities.insert(name.to_owned(), Some(capability));
    let entry = CapabilityName { capability, deprecated: false };
    draft.table.capability_names.insert(name.to_owned(), entry);
}

pub(super) fn compile(draft: &mut Draft, entries: &Entries<CapabilityEntry>) {
    for (name, entry) in entries.iter() {
        let at = section().key(name);
        let capability = draft.known.capabilities.get(name).copied().flatten();
        if let (Some(entry), Some(capability)) = (draft.built(entry, &at), capability) {
            compile_one(draft, capability, entry, &at);
        }
    }
    let labels: Vec<CapabilityId> = draft.table.capabilities.iter().map(|(id, _)| id).collect();
    for label in labels {
        let declared = entries.names().any(|name| name == draft.table.capabilities.get(label).name);
        if !declared {
            draft.table.capabilities.get_mut(label).members = labelled_models(draft, label);
        }
    }
}

fn compile_one(draft: &mut Draft, id: CapabilityId, entry: &CapabilityEntry, at: &Pointer) {
    let strategy = entry.routing_strategy.map_or(Strategy::Direct, |name| name.0);
    let min_parameters = entry
        .min_model_size
        .as_ref()
        .and_then(|size| draft.size(size, &at.key("min_model_size")).ok());
    let providers = providers(draft, entry, at);
    let members = members(draft, id, entry, &providers, at);
    let parameters = draft.parameters(entry.parameters.as_ref(), &at.key("parameters"));
    let delivery = draft.delivery(entry.delivery);
    let capability = draft.table.capabilities.get_mut(id);
    capability.delivery = delivery;
    capability.description = entry.description.clone().unwrap_or_default();
    capability.strategy = strategy;
    capability.members = members;
    capability.min_parameters = min_parameters;
    capability.min_context = entry.min_context;
    capability.parameters = parameters;
}

/// The providers an entry names, each with its place.
fn providers(
    draft: &mut Draft,
    entry: &CapabilityEntry,
    at: &Pointer,
) -> Vec<Result<(ProviderId, Pointer), Reported>> {
    let located = |names: &Names, key| {
        let names = names.located(&at.key(key));
        names.into_iter().map(|(at, name)| (at, name.to_owned())).collect::<Vec<_>>()
    };
    let names = located(&entry.provider, "provider").into_iter();
    names
        .chain(located(&entry.providers, "providers"))
        .map(|(at, name)| draft.provider(&name, &at).map(|provider| (provider, at)))
        .collect()
}

fn members(
    draft: &mut Draft,
    id: CapabilityId,
    entry: &CapabilityEntry,
    providers: &[Result<(ProviderId, Pointer), Reported>],
    at: &Pointer,
) -> Vec<Member> {
    if !entry.preferred_models.is_empty() {
        return preferred_members(draft, entry, &at.key("preferred_models"));
    }
    if providers.is_empty() {
        let members = labelled_models(draft, id);
        if members.is_empty() && !draft.has_broken_models() && !draft.report.has_error_in(at) {
            let message = "the capability has no members: no enabled model carries it";
            let found = Diagnostic::error("no-members", at, message);
            draft.reported(found.suggest("add `preferred_models:` or `provider:`"));
        }
        return members;
    }
    let mut members = Vec::new();
    for (provider, at) in providers.iter().flatten() {
        members.extend(members_on(draft, id, *provider, at));
    }
    members
}

fn preferred_members(draft: &mut Draft, entry: &CapabilityEntry, at: &Pointer) -> Vec<Member> {
    let mut members = Vec::new();
    for (index, item) in entry.preferred_models.iter().enumerate() {
        let at = at.index(index);
        let member = match draft.built(item, &at) {
            Some(PreferredModel::Name(name)) => draft.model(name, &at).map(|model| Member {
                target: Target::Model(model),
                weight: 1.0,
                condition: None,
            }),
            Some(PreferredModel::Conditional(entry)) => conditional_member(draft, entry, &at),
            None => Err(Reported),
        };
        members.extend(member);
    }
    let weights = entry.preferred_models.valid().map(|(_, item)| match item {
        PreferredModel::Name(_) => None,
        PreferredModel::Conditional(entry) => entry.weight,
    });
    let weights: Vec<Option<Weight>> = weights.collect();
    if draft.positive_weights(weights.into_iter(), at).is_err() {
        members.clear();
    }
    members
}

fn conditional_member(
    draft: &mut Draft,
    entry: &ConditionalModel,
    at: &Pointer,
) -> Result<Member, Reported> {
    let condition = draft.condition(entry.condition.as_deref(), &at.key("condition"));
    let model = draft.model(&entry.model, &at.key("model"))?;
    Ok(Member {
        target: Target::Model(model),
        weight: entry.weight.map_or(1.0, Weight::share),
        condition: condition?,
    })
}

/// Enabled models that carry the capability, in file order.
fn labelled_models(draft: &Draft, capability: CapabilityId) -> Vec<Member> {
    let models = draft.table.models.iter();
    models
        .filter(|(_, model)| model.enabled && model.capabilities.contains(capability))
        .map(|(id, _)| Member { target: Target::Model(id), weight: 1.0, condition: None })
        .collect()
}

/// The models with the capability on a provider; where none has it, the provider's first.
fn members_on(
    draft: &mut Draft,
    capability: CapabilityId,
    provider: ProviderId,
    at: &Pointer,
) -> Vec<Member> {
    let able = |set: CapabilitySet| set.contains(capability);
    let here =
        draft.table.models.iter().filter(|(_, model)| model.enabled && able(model.capabilities));
    let mut found: Vec<_> = here.filter_map(|(id, _)| draft.deployment_on(id, provider)).collect();
    if found.is_empty() {
        found.extend(draft.stand_in(provider, at));
    }
    let member = |id| Member { target: Target::Deployment(id), weight: 1.0, condition: None };
    found.into_iter().map(member).collect()
}

/// Fallbacks may name chains, which are known only after every model is.
pub(super) fn compile_fallbacks(draft: &mut Draft, entries: &Entries<CapabilityEntry>) {
    for (name, entry) in entries.valid() {
        if let Some(capability) = draft.known.capabilities.get(name).copied().flatten() {
            let steps = draft.fallback(&entry.fallback, &section().key(name).key("fallback"));
            let steps = draft.for_group(steps, Some(capability));
            draft.table.capabilities.get_mut(capability).fallback = steps;
        }
    }
}

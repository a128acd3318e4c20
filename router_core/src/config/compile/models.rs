//! Models and their deployments, and every name they go by. Names are unique over the whole file: a
//! model's own name, its aliases and the group aliases share one space.

use super::capabilities::old_names;
use super::lookup::NewDeployment;
use super::providers::union;
use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::chains::ChainEntry;
use crate::config::schema::containers::Entries;
use crate::config::schema::fleet::{DeploymentEntry, ModelEntry};
use crate::config::schema::scalars::Weight;
use crate::config::schema::settings::AliasTarget;
use crate::config::schema::Document;
use crate::facts::Features;
use crate::size::parameters_in_name;
use crate::table::{CapabilitySet, Location, Model, ModelId, Name, ProviderId, Tier};

/// Cloud models from this size on are premium, and standard from the next.
const PREMIUM_PARAMETERS: u64 = 500_000_000_000;
const STANDARD_PARAMETERS: u64 = 100_000_000_000;
/// What a model is taken to do unless it says otherwise.
const FEATURES: Features = Features(
    Features::TOOLS.0 | Features::JSON_SCHEMA.0 | Features::LOGPROBS.0 | Features::EMBEDDINGS.0,
);

pub(super) fn compile(draft: &mut Draft, document: &Document) {
    let section = Pointer::root().key("models");
    for name in document.models.names() {
        draft.known.models.insert(name.to_owned(), None);
    }
    for (name, entry) in document.models.iter() {
        let at = section.key(name);
        if let Some(entry) = draft.built(entry, &at) {
            let tier = entry.tier.or_else(|| chain_tier(document, name));
            let model = compile_one(draft, name, entry, tier, &at).ok();
            draft.places.models.extend(model.map(|model| (model, at)));
            draft.known.models.insert(name.to_owned(), model);
        }
        if let Err(broken) = entry {
            for alias in broken.words("aliases") {
                draft.known.models.entry(alias.to_owned()).or_default();
            }
        }
    }
    for (name, entry) in document.models.valid() {
        compile_names(draft, name, entry, &section.key(name));
    }
}

/// The tier that the model's fallback chain notes.
fn chain_tier(document: &Document, name: &str) -> Option<Tier> {
    let (_, entry) = document.fallback_chains.valid().find(|(key, _)| *key == name)?;
    match entry {
        ChainEntry::Full(chain) => chain.tier,
        ChainEntry::Steps(_) => None,
    }
}

/// A deployment as written, its provider resolved.
struct Placed<'a> {
    provider: ProviderId,
    upstream_model: Option<&'a str>,
    weight: Option<Weight>,
    priority: u8,
}

fn compile_one(
    draft: &mut Draft,
    name: &str,
    entry: &ModelEntry,
    tier: Option<Tier>,
    at: &Pointer,
) -> Result<ModelId, Reported> {
    let parameters = match &entry.parameters {
        Some(size) => draft.size(size, &at.key("parameters")).ok(),
        None => parameters_in_name(name),
    };
    let capabilities = capabilities(draft, entry, at);
    let placed = deployments(draft, entry, at)?;
    let location = placed.first().map(|first| draft.table.providers.get(first.provider).location);
    let delivery = draft.delivery(entry.delivery);
    let model = draft.table.models.push(Model {
        name: name.to_owned(),
        aliases: Vec::new(),
        parameters,
        tier: tier.unwrap_or_else(|| tier_of(location, parameters)),
        capabilities,
        context_window: entry.context_window,
        enabled: entry.enabled.unwrap_or(true),
        deployments: Vec::new(),
        strategy: draft.table.settings.strategy,
        pool: None,
        chain: Vec::new(),
        delivery,
    });
    let features = entry.features.as_deref().map_or(FEATURES, union);
    for deployment in placed {
        draft.add_deployment(&NewDeployment {
            model,
            provider: deployment.provider,
            upstream_model: deployment.upstream_model,
            weight: deployment.weight.map_or(1.0, Weight::share),
            priority: deployment.priority,
            features,
        });
    }
    Ok(model)
}

fn tier_of(location: Option<Location>, parameters: Option<u64>) -> Tier {
    match (location, parameters) {
        (Some(Location::Cloud), Some(PREMIUM_PARAMETERS..)) => Tier::CloudPremium,
        (Some(Location::Cloud), Some(STANDARD_PARAMETERS..)) => Tier::CloudStandard,
        (Some(Location::Cloud), _) => Tier::CloudEntry,
        _ => Tier::Local,
    }
}

fn capabilities(draft: &mut Draft, entry: &ModelEntry, at: &Pointer) -> CapabilitySet {
    let mut set = CapabilitySet::default();
    let at = at.key("capabilities");
    for (index, name) in entry.capabilities.valid() {
        if let Ok(capability) = draft.capability(name, &at.index(index)) {
            set.insert(capability);
        }
        for old in old_names(name) {
            if let Some(Some(capability)) = draft.known.capabilities.get(old) {
                set.insert(*capability);
            }
        }
    }
    set
}

/// The model's deployments; `Err` where one is broken, so that no follow-up mistakes are reported.
fn deployments<'e>(
    draft: &mut Draft,
    entry: &'e ModelEntry,
    at: &Pointer,
) -> Result<Vec<Placed<'e>>, Reported> {
    let list = at.key("deployments");
    match (&entry.provider, entry.deployments.is_empty()) {
        (Some(provider), true) => {
            let provider = draft.provider(provider, &at.key("provider"))?;
            let upstream_model = entry.upstream_model.as_deref();
            Ok(vec![Placed { provider, upstream_model, weight: None, priority: 0 }])
        }
        (None, false) => {
            let mut placed = Vec::new();
            let mut broken = false;
            for (index, deployment) in entry.deployments.iter().enumerate() {
                let at = list.index(index);
                let deployment = draft.built(deployment, &at).ok_or(Reported);
                match deployment.and_then(|entry| place(draft, entry, &placed, &at)) {
                    Ok(deployment) => placed.push(deployment),
                    Err(Reported) => broken = true,
                }
            }
            check_weights(draft, &placed, &list)?;
            if broken {
                Err(Reported)
            } else {
                Ok(placed)
            }
        }
        (Some(_), false) => {
            let message = "`provider` and `deployments` both say where the model is deployed";
            let found = Diagnostic::error("ambiguous-deployment", &at.key("provider"), message);
            Err(draft.reported(found.suggest("keep `deployments` only")))
        }
        (None, true) => {
            let found = Diagnostic::error("no-deployment", at, "the model is deployed nowhere");
            Err(draft.reported(found.suggest("add `provider:` or a list of `deployments:`")))
        }
    }
}

fn place<'e>(
    draft: &mut Draft,
    entry: &'e DeploymentEntry,
    others: &[Placed<'_>],
    at: &Pointer,
) -> Result<Placed<'e>, Reported> {
    let at = at.key("provider");
    let provider = draft.provider(&entry.provider, &at)?;
    if others.iter().any(|other| other.provider == provider) {
        let message = format!("a second deployment on `{}`", entry.provider);
        let found = Diagnostic::error("duplicate-deployment", &at, message);
        return Err(draft.reported(found.suggest("one deployment per model and provider")));
    }
    Ok(Placed {
        provider,
        upstream_model: entry.upstream_model.as_deref(),
        weight: entry.weight,
        priority: entry.priority.unwrap_or_default(),
    })
}

fn check_weights(draft: &mut Draft, placed: &[Placed<'_>], at: &Pointer) -> Result<(), Reported> {
    draft.positive_weights(placed.iter().map(|deployment| deployment.weight), at)
}

impl Draft {
    /// Some weight must be above 0, or nothing could be chosen.
    pub(super) fn positive_weights(
        &mut self,
        weights: impl Iterator<Item = Option<Weight>>,
        at: &Pointer,
    ) -> Result<(), Reported> {
        let mut weights = weights.peekable();
        if weights.peek().is_none() || !weights.all(|weight| weight.is_some_and(Weight::is_zero)) {
            return Ok(());
        }
        let found = Diagnostic::error("bad-weights", at, "all weights are 0");
        Err(self.reported(found.suggest("give at least one of them a weight above 0")))
    }

    /// Adds a model that only `exact_matches` names, with one deployment.
    pub(super) fn add_implied_model(
        &mut self,
        name: &str,
        provider: ProviderId,
        priority: u8,
        at: &Pointer,
    ) {
        let parameters = parameters_in_name(name);
        let location = self.table.providers.get(provider).location;
        let model = self.table.models.push(Model {
            name: name.to_owned(),
            aliases: Vec::new(),
            parameters,
            tier: tier_of(Some(location), parameters),
            capabilities: CapabilitySet::default(),
            context_window: None,
            enabled: true,
            deployments: Vec::new(),
            strategy: self.table.settings.strategy,
            pool: None,
            chain: Vec::new(),
            delivery: self.table.settings.delivery,
        });
        self.add_named_deployment(model, provider, priority);
        self.known.models.insert(name.to_owned(), Some(model));
        self.places.models.insert(model, at.clone());
        self.table.names.insert(name.to_owned(), Name { model, alias: false });
    }

    /// Adds a deployment that sends the model's own name upstream.
    pub(super) fn add_named_deployment(
        &mut self,
        model: ModelId,
        provider: ProviderId,
        priority: u8,
    ) -> crate::table::DeploymentId {
        let held = &self.table.models.get(model).deployments;
        let able = held.iter().map(|id| self.table.deployments.get(*id).features);
        let features = able.reduce(Features::union).unwrap_or(FEATURES);
        self.add_deployment(&NewDeployment {
            model,
            provider,
            upstream_model: None,
            weight: 1.0,
            priority,
            features,
        })
    }
}

fn compile_names(draft: &mut Draft, name: &str, entry: &ModelEntry, at: &Pointer) {
    let model = draft.known.models.get(name).copied().flatten();
    if let Some(model) = model {
        draft.table.names.insert(name.to_owned(), Name { model, alias: false });
    }
    let at = at.key("aliases");
    for (index, alias) in entry.aliases.valid() {
        add_alias(draft, alias, model, &at.index(index));
    }
}

/// Group aliases (`router_settings.model_group_alias`): another name for a model.
pub(super) fn compile_aliases(draft: &mut Draft, aliases: &Entries<AliasTarget>) {
    let section = Pointer::root().key("router_settings").key("model_group_alias");
    for (alias, target) in aliases.iter() {
        let at = section.key(alias);
        let model = match draft.built(target, &at) {
            Some(AliasTarget::Name(name)) => draft.model(name, &at).ok(),
            Some(AliasTarget::Full(full)) => draft.model(&full.model, &at.key("model")).ok(),
            None => None,
        };
        add_alias(draft, alias, model, &at);
    }
}

fn add_alias(draft: &mut Draft, alias: &str, model: Option<ModelId>, at: &Pointer) {
    if draft.known.models.contains_key(alias) {
        let message = format!("the name `{alias}` is taken: a model or alias has it already");
        let found = Diagnostic::error("duplicate-name", at, message);
        draft.reported(found.suggest("give each model and alias a name of its own"));
        return;
    }
    draft.known.models.insert(alias.to_owned(), model);
    if let Some(model) = model {
        draft.table.names.insert(alias.to_owned(), Name { model, alias: true });
        draft.table.models.get_mut(model).aliases.push(alias.to_owned());
    }
}

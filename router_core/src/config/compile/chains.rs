//! Fallback chains (B1, B5): by model, by name, and in `LiteLLM`'s shape. A step that names a provider
//! alone sends the requested name there, until the chain's owner gives it a better meaning.

use super::{Draft, Reported};
use crate::config::diagnostics::{closest, Diagnostic};
use crate::config::pointer::Pointer;
use crate::config::schema::chains::{ChainEntry, FallbackEntry, FullChain, FullStep, StepEntry};
use crate::config::schema::containers::{Items, Names};
use crate::config::schema::scalars::Milliseconds;
use crate::config::schema::Document;
use crate::policies::ChainPlaces;
use crate::table::{CapabilityId, ChainStep, ModelId, NamedChain, ProviderId, Target};

const DEFAULT: &str = "default";

pub(super) fn compile(draft: &mut Draft, document: &Document) {
    let section = Pointer::root().key("fallback_chains");
    for (name, entry) in document.fallback_chains.iter() {
        let at = section.key(name);
        if let Some(entry) = draft.built(entry, &at) {
            compile_one(draft, name, entry, &at);
        } else {
            draft.known.chains.insert(name.to_owned());
        }
    }
    let top = Pointer::root();
    compile_fallbacks(draft, &document.fallbacks, &top.key("fallbacks"));
    let settings = top.key("router_settings").key("fallbacks");
    compile_fallbacks(draft, &document.router_settings.fallbacks, &settings);
}

fn compile_one(draft: &mut Draft, name: &str, entry: &ChainEntry, at: &Pointer) {
    let steps = match entry {
        ChainEntry::Steps(items) => draft.steps(items, at),
        ChainEntry::Full(chain) => full_steps(draft, chain, at),
    };
    match draft.known.models.get(name) {
        Some(Some(model)) => {
            let model = *model;
            set_chain(draft, model, name, steps, at);
        }
        Some(None) => {}
        None => name_chain(draft, name, entry, steps, at),
    }
}

fn full_steps(draft: &mut Draft, chain: &FullChain, at: &Pointer) -> Vec<Step> {
    let mut steps = Vec::new();
    for (key, entry) in ranks(chain.ranked()) {
        let at = at.key(key);
        steps.push(Step { step: draft.step(entry, &at), at });
    }
    steps.extend(draft.steps(&chain.chain, &at.key("chain")));
    steps
}

fn ranks(entries: [Option<&StepEntry>; 3]) -> impl Iterator<Item = (&'static str, &StepEntry)> {
    let keys = ["primary", "secondary", "tertiary"];
    keys.into_iter().zip(entries).filter_map(|(key, entry)| Some((key, entry?)))
}

/// One compiled step with its place; a broken one is reported already.
struct Step {
    step: Result<ChainStep, Reported>,
    at: Pointer,
}

/// What stands in a chain without a condition is tried there, and a deployment is tried once.
fn warn_of_repeats(draft: &mut Draft, chain: &[ChainStep], step: &ChainStep, at: &Pointer) {
    let same = |earlier: &ChainStep| earlier.target == step.target && earlier.condition.is_none();
    if chain.iter().any(same) {
        let message = "the chain has this before already, and tries nothing twice";
        let found = Diagnostic::warning("repeated-step", at, message);
        draft.report.add(found.suggest("take one of the two out"));
    }
}

fn set_chain(draft: &mut Draft, model: ModelId, name: &str, steps: Vec<Step>, at: &Pointer) {
    let (mut chain, mut places) = (Vec::new(), Vec::new());
    for Step { step, at } in steps {
        match step {
            Ok(step) if step.target == Target::Model(model) => {
                let message = format!("the chain of `{name}` names `{name}` itself");
                let found = Diagnostic::error("self-reference", &at, message);
                draft.reported(found.suggest("take it out of its own chain"));
            }
            Ok(step) => {
                warn_of_repeats(draft, &chain, &step, &at);
                chain.push(step);
                places.push(at);
            }
            Err(Reported) => {}
        }
    }
    let chain = draft.for_model(chain, model);
    let steps = chain.iter().map(|step| step.target).zip(places).collect();
    draft.places.chains.entry(model).or_insert_with(|| ChainPlaces { at: at.clone(), steps });
    let held = &mut draft.table.models.get_mut(model).chain;
    if held.is_empty() {
        *held = chain;
    } else {
        let message = format!("`{name}` has a chain already, which is used instead of this one");
        draft.report.add(Diagnostic::warning("duplicate-chain", at, message));
    }
}

fn name_chain(draft: &mut Draft, name: &str, entry: &ChainEntry, steps: Vec<Step>, at: &Pointer) {
    let near = closest(name, draft.known.models.keys().map(String::as_str)).map(str::to_owned);
    let (tier, retry_attempts, retry_delay) = match entry {
        ChainEntry::Steps(_) => (None, None, None),
        ChainEntry::Full(chain) => (chain.tier, chain.retry_attempts, chain.retry_delay_ms),
    };
    if tier.is_some() {
        let found = Diagnostic::error("unknown-model", at, format!("no model `{name}`")).at_key();
        draft.reported(found.suggest_name(name, near.as_deref().into_iter()));
    } else if let Some(near) = near {
        let message = format!("no model is called `{name}`: this is a chain of that name");
        let found = Diagnostic::warning("named-chain", at, message).at_key();
        draft.report.add(found.suggest(format!("did you mean `{near}`?")));
    }
    let steps: Vec<ChainStep> = steps.into_iter().filter_map(|step| step.step.ok()).collect();
    if steps.is_empty() && !draft.report.has_error_in(at) {
        let message = "the chain has no steps";
        draft.report.add(Diagnostic::warning("empty-chain", at, message));
    }
    draft.known.chains.insert(name.to_owned());
    if name == DEFAULT {
        draft.table.default_chain = steps;
    } else {
        let retry_delay_us = retry_delay.map(Milliseconds::micros);
        let chain = NamedChain { steps, retry_attempts, retry_delay_us };
        draft.table.named_chains.insert(name.to_owned(), chain);
    }
}

fn compile_fallbacks(draft: &mut Draft, entries: &Items<FallbackEntry>, section: &Pointer) {
    for (index, entry) in entries.iter().enumerate() {
        let at = section.index(index);
        match draft.built(entry, &at) {
            Some(FallbackEntry::Named(named)) => {
                let steps = draft.steps(&named.fallback_models, &at.key("fallback_models"));
                fall_back(draft, &named.model, steps, &at.key("model"));
            }
            Some(FallbackEntry::ByModel(models)) => {
                for (model, items) in models.iter() {
                    let at = at.key(model);
                    if let Some(items) = draft.built(items, &at) {
                        let steps = draft.steps(items, &at);
                        fall_back(draft, model, steps, &at);
                    }
                }
            }
            None => {}
        }
    }
}

fn fall_back(draft: &mut Draft, model: &str, steps: Vec<Step>, at: &Pointer) {
    if let Ok(id) = draft.owner(model, at) {
        set_chain(draft, id, model, steps, at);
    }
}

impl Draft {
    fn steps(&mut self, items: &Items<StepEntry>, at: &Pointer) -> Vec<Step> {
        let mut steps = Vec::new();
        for (index, item) in items.iter().enumerate() {
            let at = at.index(index);
            let item = self.built(item, &at).ok_or(Reported);
            steps.push(Step { step: item.and_then(|item| self.step(item, &at)), at });
        }
        steps
    }

    fn step(&mut self, entry: &StepEntry, at: &Pointer) -> Result<ChainStep, Reported> {
        match entry {
            StepEntry::Name(name) => {
                Ok(ChainStep { target: self.target(name, at)?, condition: None })
            }
            StepEntry::Full(full) => self.full_step(full, at),
        }
    }

    fn full_step(&mut self, entry: &FullStep, at: &Pointer) -> Result<ChainStep, Reported> {
        let ranked: Vec<_> = ranks(entry.ranked()).collect();
        let condition = self.condition(entry.condition.as_deref(), &at.key("condition"));
        let mut step = match (&entry.provider, &entry.model, ranked.as_slice()) {
            (Some(name), None, []) => self.placed_step(name, entry, &at.key("provider"), at),
            (None, Some(name), []) => {
                let target = self.model(name, &at.key("model")).map(Target::Model);
                target.map(|target| ChainStep { target, condition: None })
            }
            (None, None, [(key, StepEntry::Name(name))]) => {
                self.placed_step(name, entry, &at.key(key), at)
            }
            (None, None, [(key, StepEntry::Full(inner))]) => self.full_step(inner, &at.key(key)),
            _ if self.report.has_error_in(at) => Err(Reported),
            _ => {
                let message = "a step names exactly one provider or model";
                let found = Diagnostic::error("bad-step", at, message);
                Err(self.reported(found.suggest("write `provider:` or `model:`, one per step")))
            }
        }?;
        step.condition = condition?.or(step.condition);
        Ok(step)
    }

    /// A step onto a provider, with the model it is to use there if one is given.
    fn placed_step(
        &mut self,
        name: &str,
        entry: &FullStep,
        provider_at: &Pointer,
        at: &Pointer,
    ) -> Result<ChainStep, Reported> {
        let target = match &entry.preferred_model {
            None => self.target(name, provider_at)?,
            Some(model) => {
                let provider = self.provider(name, provider_at)?;
                Target::Deployment(self.deployment(model, provider, &at.key("preferred_model"))?)
            }
        };
        Ok(ChainStep { target, condition: None })
    }

    /// The steps of a rule's `fallback`: models, providers or named chains.
    pub(super) fn fallback(&mut self, names: &Names, at: &Pointer) -> Vec<ChainStep> {
        let mut steps = Vec::new();
        for (at, name) in names.located(at) {
            let taken = self.known.models.contains_key(name);
            match self.table.named_chains.get(name) {
                Some(chain) if !taken => steps.extend(chain.steps.iter().cloned()),
                _ if name == DEFAULT && !taken && self.known.chains.contains(name) => {
                    steps.extend(self.table.default_chain.iter().cloned());
                }
                _ if !taken && self.known.chains.contains(name) => {}
                _ => {
                    let target = self.target(name, &at);
                    steps.extend(target.map(|target| ChainStep { target, condition: None }));
                }
            }
        }
        steps
    }

    /// In a model's chain, a provider alone is the model's own deployment there, if it has one.
    pub(super) fn for_model(&self, steps: Vec<ChainStep>, model: ModelId) -> Vec<ChainStep> {
        self.replace_passthroughs(steps, |provider| {
            self.deployment_on(model, provider).map(Target::Deployment)
        })
    }

    /// Behind a capability or pool no model name is requested, so a provider alone is its first model.
    pub(super) fn for_group(
        &self,
        steps: Vec<ChainStep>,
        capability: Option<CapabilityId>,
    ) -> Vec<ChainStep> {
        self.replace_passthroughs(steps, |provider| {
            self.first_deployment(provider, capability).map(Target::Deployment)
        })
    }

    fn replace_passthroughs(
        &self,
        steps: Vec<ChainStep>,
        better: impl Fn(ProviderId) -> Option<Target>,
    ) -> Vec<ChainStep> {
        let improved = |step: &ChainStep| match step.target {
            Target::Deployment(id) => {
                let deployment = self.table.deployments.get(id);
                deployment.model.is_none().then(|| better(deployment.provider)).flatten()
            }
            Target::Model(_) => None,
        };
        steps
            .into_iter()
            .map(|step| ChainStep { target: improved(&step).unwrap_or(step.target), ..step })
            .collect()
    }
}

//! Names in the file resolved to ids in the table. A name that leads nowhere is reported once, where it
//! stands, with the closest name that would have led somewhere.

use super::{Draft, Reported};
use crate::condition::{Condition, Symbols};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::scalars::Size;
use crate::rendezvous::stable_hash;
use crate::size::parse_size;
use crate::table::{
    CapabilityId, Deployment, DeploymentId, ModelId, Provider, ProviderId, ProviderKind, Target,
};

pub(super) const KINDS: [(ProviderKind, &str); 3] = [
    (ProviderKind::Ollama, "ollama"),
    (ProviderKind::Openai, "openai"),
    (ProviderKind::Vllm, "vllm"),
];

impl Draft {
    /// A provider by id, else the active one of that kind or exclusive group.
    pub(super) fn provider(&mut self, name: &str, at: &Pointer) -> Result<ProviderId, Reported> {
        if let Some(known) = self.known.providers.get(name) {
            return known.ok_or(Reported);
        }
        if let Some(id) = self.provider_of_kind(name, at) {
            return Ok(id);
        }
        if self.known.broken_words.contains(name) {
            return Err(Reported);
        }
        let found = Diagnostic::error("unknown-provider", at, format!("no provider `{name}`"))
            .suggest_name(name, self.known.provider_words.iter().map(String::as_str));
        Err(self.reported(found))
    }

    fn provider_of_kind(&mut self, name: &str, at: &Pointer) -> Option<ProviderId> {
        let members = || self.table.providers.iter().filter(|(_, p)| goes_by(p, name));
        let mut active = members().filter(|(_, provider)| provider.active);
        let chosen = active.next().or_else(|| members().next())?;
        let others = active.count();
        if others > 0 && !self.known.ambiguous.contains(name) {
            let message = format!(
                "`{name}` names {} active providers: `{}`, the first in the file, is used",
                others + 1,
                chosen.1.id
            );
            let found = Diagnostic::warning("ambiguous-provider", at, message);
            self.report.add(found.suggest("name a provider by its id"));
            self.known.ambiguous.insert(name.to_owned());
        }
        Some(chosen.0)
    }

    /// A model that is referred to.
    pub(super) fn model(&mut self, name: &str, at: &Pointer) -> Result<ModelId, Reported> {
        let model = self.owner(name, at)?;
        self.places.references.push((model, at.clone()));
        Ok(model)
    }

    /// A model whose own entry stands here.
    pub(super) fn owner(&mut self, name: &str, at: &Pointer) -> Result<ModelId, Reported> {
        if let Some(known) = self.known.models.get(name) {
            return known.ok_or(Reported);
        }
        let found = Diagnostic::error("unknown-model", at, format!("no model `{name}`"))
            .suggest_name(name, self.known.models.keys().map(String::as_str));
        Err(self.reported(found))
    }

    pub(super) fn capability(
        &mut self,
        name: &str,
        at: &Pointer,
    ) -> Result<CapabilityId, Reported> {
        if let Some(known) = self.known.capabilities.get(name) {
            return known.ok_or(Reported);
        }
        let message = format!("no capability `{name}`");
        let found = Diagnostic::error("unknown-capability", at, message)
            .suggest_name(name, self.known.capabilities.keys().map(String::as_str));
        Err(self.reported(found))
    }

    /// A model, or a provider to which the requested name goes unchanged.
    pub(super) fn target(&mut self, name: &str, at: &Pointer) -> Result<Target, Reported> {
        if self.known.models.contains_key(name) {
            return self.model(name, at).map(Target::Model);
        }
        if self.is_provider(name) {
            let provider = self.provider(name, at)?;
            return Ok(Target::Deployment(self.table.providers.get(provider).passthrough));
        }
        let words = self.known.provider_words.iter().chain(self.known.models.keys());
        let message = format!("no model or provider `{name}`");
        let found = Diagnostic::error("unknown-model", at, message)
            .suggest_name(name, words.map(String::as_str));
        Err(self.reported(found))
    }

    fn is_provider(&self, name: &str) -> bool {
        self.known.provider_words.iter().any(|word| word == name)
    }

    /// The deployment of `model` on `provider`.
    pub(super) fn deployment_on(
        &self,
        model: ModelId,
        provider: ProviderId,
    ) -> Option<DeploymentId> {
        let deployments = &self.table.models.get(model).deployments;
        let on = |id: &&DeploymentId| self.table.deployments.get(**id).provider == provider;
        deployments.iter().find(on).copied()
    }

    /// As `deployment_on`, for a model named in the file.
    pub(super) fn deployment(
        &mut self,
        model: &str,
        provider: ProviderId,
        at: &Pointer,
    ) -> Result<DeploymentId, Reported> {
        let id = self.model(model, at)?;
        if let Some(deployment) = self.deployment_on(id, provider) {
            return Ok(deployment);
        }
        let deployments = &self.table.models.get(id).deployments;
        let held: Vec<&str> = deployments
            .iter()
            .map(|id| self.table.deployments.get(*id).provider)
            .map(|id| self.table.providers.get(id).id.as_str())
            .collect();
        let here = &self.table.providers.get(provider).id;
        let message = format!("`{model}` is not deployed on `{here}`");
        let found = Diagnostic::error("no-deployment", at, message).suggest(format!(
            "it is deployed on {}; name one of these or add a deployment to the model",
            held.join(", ")
        ));
        Err(self.reported(found))
    }

    /// The first enabled deployment on `provider`, of a model with `capability` where one has it.
    pub(super) fn first_deployment(
        &self,
        provider: ProviderId,
        capability: Option<CapabilityId>,
    ) -> Option<DeploymentId> {
        let here = || {
            let enabled = self.table.models.iter().filter(|(_, model)| model.enabled);
            enabled.filter_map(|(id, model)| Some((model, self.deployment_on(id, provider)?)))
        };
        let able = capability
            .and_then(|wanted| here().find(|(model, _)| model.capabilities.contains(wanted)));
        able.or_else(|| here().next()).map(|(_, deployment)| deployment)
    }

    /// A condition in the file; `None` is always.
    pub(super) fn condition(
        &mut self,
        source: Option<&str>,
        at: &Pointer,
    ) -> Result<Option<Condition>, Reported> {
        let Some(source) = source else {
            return Ok(None);
        };
        let words: Vec<&str> = self.known.provider_words.iter().map(String::as_str).collect();
        match Condition::compile(source, &Symbols { providers: &words }) {
            Ok(condition) => {
                let headers = condition.headers().into_iter().map(str::to_owned);
                self.table.condition_headers.extend(headers);
                Ok(Some(condition))
            }
            Err(error) => {
                let mut found = Diagnostic::error("bad-condition", at, error.message)
                    .at_offset(Some(error.offset));
                found.suggestion = error.suggestion;
                Err(self.reported(found))
            }
        }
    }

    pub(super) fn size(&mut self, size: &Size, at: &Pointer) -> Result<u64, Reported> {
        match size {
            Size::Count(count) => Ok(*count),
            Size::Written(text) => parse_size(text).ok_or_else(|| {
                let message = format!("`{text}` is no model size");
                let found = Diagnostic::error("bad-size", at, message);
                self.reported(found.suggest("write a number and a unit, such as \"13B\" or \"1T\""))
            }),
        }
    }

    /// Adds a deployment to a model; `reported` where the provider holds one already.
    pub(super) fn add_deployment(&mut self, wanted: &NewDeployment<'_>) -> DeploymentId {
        let model = self.table.models.get(wanted.model);
        let provider = self.table.providers.get(wanted.provider);
        let windows = [model.context_window, provider.context_window];
        let id = format!("{}@{}", model.name, provider.id);
        let deployment = Deployment {
            key: stable_hash(&[&id]),
            id,
            model: Some(wanted.model),
            provider: wanted.provider,
            upstream_model: wanted.upstream_model.unwrap_or(&model.name).to_owned(),
            weight: wanted.weight,
            priority: wanted.priority,
            context_window: windows.into_iter().flatten().min(),
            features: crate::facts::Features(wanted.features.0 & provider.features.0),
            enabled: model.enabled && provider.active,
        };
        let id = self.table.deployments.push(deployment);
        self.table.models.get_mut(wanted.model).deployments.push(id);
        id
    }
}

/// What the file says of a deployment; the rest follows from the model and the provider.
pub(super) struct NewDeployment<'a> {
    pub model: ModelId,
    pub provider: ProviderId,
    /// The model's own name where `None`.
    pub upstream_model: Option<&'a str>,
    pub weight: f64,
    pub priority: u8,
    /// What the model can do.
    pub features: crate::facts::Features,
}

fn goes_by(provider: &Provider, name: &str) -> bool {
    provider.exclusive_group.as_deref() == Some(name)
        || KINDS.iter().any(|(kind, word)| *kind == provider.kind && *word == name)
}

//! What keeps a deployment out of a plan (B1), with the reason kept for whoever asks why.

use crate::facts::{Facts, Features};
use crate::hold::Hold;
use crate::table::{Capability, CapabilityId, Deployment, DeploymentId, Table};
use crate::view::View;

/// Why a deployment is left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    Disabled,
    NotAllowed,
    ContextTooSmall { needed: u32, window: u32 },
    Lacks(Features),
    LacksCapability(CapabilityId),
    TooFewParameters { least: u64 },
    ContextBelowMinimum { least: u32 },
    Held(Box<Hold>),
    Out { until_us: u64 },
    ConditionFalse,
    OtherEmbedding,
}

/// What one request asks of every deployment.
#[derive(Debug, Clone, Copy)]
pub struct Needs<'a> {
    pub features: Features,
    /// Prompt and answer together, tokens.
    pub context: u32,
    pub allowed: Option<&'a [String]>,
    /// Asked for beside an exact model: a limit on its fallbacks.
    pub limit: Option<CapabilityId>,
}

impl<'a> Needs<'a> {
    #[must_use]
    pub fn of(facts: &'a Facts, limit: Option<CapabilityId>) -> Self {
        Self {
            features: facts.features,
            context: facts.prompt_tokens.saturating_add(facts.max_tokens.unwrap_or(0)),
            allowed: facts.allowed.as_deref(),
            limit,
        }
    }

    /// The first reason against a deployment, by what it is; `None` when there is none.
    #[must_use]
    pub fn refuse(&self, table: &Table, deployment: &Deployment) -> Option<Skip> {
        if !deployment.enabled {
            return Some(Skip::Disabled);
        }
        if self.allowed.is_some_and(|allowed| !allowed.contains(&deployment.id)) {
            return Some(Skip::NotAllowed);
        }
        if !deployment.features.contains(self.features) {
            return Some(Skip::Lacks(self.features));
        }
        if let Some(window) = deployment.context_window.filter(|window| *window < self.context) {
            return Some(Skip::ContextTooSmall { needed: self.context, window });
        }
        self.limit
            .filter(|capability| !has_capability(table, deployment, *capability))
            .map(Skip::LacksCapability)
    }
}

/// Whether a deployment's model declares a capability; a passthrough declares none.
#[must_use]
pub fn has_capability(table: &Table, deployment: &Deployment, capability: CapabilityId) -> bool {
    let model = deployment.model.map(|model| table.models.get(model));
    model.is_some_and(|model| model.capabilities.contains(capability))
}

/// What a capability's own entry demands of its candidates.
#[must_use]
pub fn below_minimum(table: &Table, deployment: &Deployment, entry: &Capability) -> Option<Skip> {
    let parameters = deployment.model.and_then(|model| table.models.get(model).parameters);
    let small = entry.min_parameters.filter(|least| parameters.is_some_and(|known| known < *least));
    let short = entry
        .min_context
        .filter(|least| deployment.context_window.is_some_and(|window| window < *least));
    small
        .map(|least| Skip::TooFewParameters { least })
        .or_else(|| short.map(|least| Skip::ContextBelowMinimum { least }))
}

/// Whether an operator holds a deployment's provider, or either of them is out at this time.
#[must_use]
pub fn out(table: &Table, view: &impl View, id: DeploymentId, now_us: u64) -> Option<Skip> {
    let provider = table.deployments.get(id).provider;
    let whole = view.provider(provider);
    if let Some(hold) = whole.held(now_us) {
        return Some(Skip::Held(Box::new(hold.clone())));
    }
    let until_us = view.deployment(id).standing.out_until_us.max(whole.standing.out_until_us);
    (until_us > now_us).then_some(Skip::Out { until_us })
}

/// Whether the deployment and its provider can take one more request now: no hold, a free slot, and
/// while they come back from a cooldown not more than they are trusted with.
#[must_use]
pub fn has_room(table: &Table, view: &impl View, id: DeploymentId, now_us: u64) -> bool {
    let provider = table.deployments.get(id).provider;
    let capacity = table.providers.get(provider).capacity;
    let (whole, part) = (view.provider(provider), view.deployment(id));
    let settings = &table.settings;
    whole.held(now_us).is_none()
        && whole.standing.has_room(whole.in_flight, capacity, settings, now_us)
        && part.standing.has_room(part.in_flight, capacity, settings, now_us)
}

impl Skip {
    /// The reason in plain words.
    #[must_use]
    pub fn reason(&self, table: &Table, deployment: &Deployment, now_us: u64) -> String {
        match self {
            Self::Disabled => disabled_reason(table, deployment),
            Self::NotAllowed => "not among the deployments the caller allows".to_owned(),
            Self::ContextTooSmall { needed, window } => {
                format!("needs {needed} tokens of context (prompt and answer), has {window}")
            }
            Self::Lacks(needed) => {
                format!("does not support {}", needed.missing_from(deployment.features).join(", "))
            }
            Self::LacksCapability(id) => {
                format!("lacks the capability {}", table.capabilities.get(*id).name)
            }
            Self::TooFewParameters { least } => {
                format!("has fewer than the {} B parameters asked for", *least as f64 / 1e9)
            }
            Self::ContextBelowMinimum { least } => {
                format!("has less than the {least} tokens of context asked for")
            }
            Self::Held(hold) => {
                let provider = &table.providers.get(deployment.provider).id;
                format!("provider {provider} is {}", hold.text(now_us))
            }
            Self::Out { until_us } => format!(
                "out for another {:.1} s after errors or a rate limit",
                until_us.saturating_sub(now_us) as f64 / 1e6
            ),
            Self::OtherEmbedding => {
                "another model's embeddings do not compare with those of the one asked for"
                    .to_owned()
            }
            Self::ConditionFalse => "its condition does not hold".to_owned(),
        }
    }
}

fn disabled_reason(table: &Table, deployment: &Deployment) -> String {
    let provider = table.providers.get(deployment.provider);
    match &provider.exclusive_group {
        Some(group) if !provider.active => {
            format!("provider {} is an inactive member of the exclusive group {group}", provider.id)
        }
        _ if !provider.active => format!("provider {} is disabled", provider.id),
        _ => "the model is disabled".to_owned(),
    }
}

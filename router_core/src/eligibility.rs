//! What keeps a deployment out of a plan (B1), with the reason kept for whoever asks why.

use crate::allowance::{Allowance, Shortfall};
use crate::facts::{Facts, Features};
use crate::hold::Hold;
use crate::settings::Settings;
use crate::table::{Capability, CapabilityId, Deployment, DeploymentId, Provider, Table};
use crate::view::{DeploymentFigures, ProviderFigures, View};

/// Why a deployment is left out.
#[derive(Debug, Clone, PartialEq)]
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
    BudgetSpent(Shortfall),
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
    #[inline]
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

/// A deployment and its provider with the figures of both, looked up once for all that is asked of them.
#[derive(Clone, Copy)]
pub struct Subject<'a> {
    pub id: DeploymentId,
    pub deployment: &'a Deployment,
    pub provider: &'a Provider,
    pub part: &'a DeploymentFigures,
    pub whole: &'a ProviderFigures,
    /// What the request may still spend; `None` is without limit.
    pub allowance: Option<&'a Allowance>,
}

impl<'a> Subject<'a> {
    #[must_use]
    #[inline]
    pub fn of(table: &'a Table, view: &'a impl View, id: DeploymentId) -> Self {
        let deployment = table.deployments.get(id);
        Self {
            id,
            deployment,
            provider: table.providers.get(deployment.provider),
            part: view.deployment(id),
            whole: view.provider(deployment.provider),
            allowance: view.allowance(),
        }
    }

    /// Whether an operator holds the provider, either of them is out at this time, or it costs more
    /// than is left.
    #[must_use]
    #[inline]
    pub fn out(&self, now_us: u64) -> Option<Skip> {
        if let Some(hold) = self.whole.held(now_us) {
            return Some(Skip::Held(Box::new(hold.clone())));
        }
        let until_us = self.part.standing.out_until_us.max(self.whole.standing.out_until_us);
        if until_us > now_us {
            return Some(Skip::Out { until_us });
        }
        self.allowance?.refuse(self.provider, self.id).map(Skip::BudgetSpent)
    }

    /// Whether both can take one more request now: no hold, a free slot, and while they come back
    /// from a cooldown not more than they are trusted with.
    #[must_use]
    #[inline]
    pub fn has_room(&self, settings: &Settings, now_us: u64) -> bool {
        let (whole, part, capacity) = (self.whole, self.part, self.provider.capacity);
        whole.held(now_us).is_none()
            && whole.standing.has_room(whole.in_flight, capacity, settings, now_us)
            && part.standing.has_room(part.in_flight, capacity, settings, now_us)
    }
}

/// As `Subject::out`, for one question alone.
#[must_use]
pub fn out(table: &Table, view: &impl View, id: DeploymentId, now_us: u64) -> Option<Skip> {
    Subject::of(table, view, id).out(now_us)
}

/// As `Subject::has_room`, for one question alone.
#[must_use]
pub fn has_room(table: &Table, view: &impl View, id: DeploymentId, now_us: u64) -> bool {
    Subject::of(table, view, id).has_room(&table.settings, now_us)
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
            Self::BudgetSpent(shortfall) => shortfall.to_string(),
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

//! The compiled routing config: every name resolved, every pattern and condition compiled, nothing
//! left to look up by text on the hot path. A table is immutable; a reload builds a new one.

mod fleet;
mod rules;

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;

use crate::allowance::Budgets;
use crate::choose::Choice;
use crate::complexity::ComplexityParameters;
use crate::condition::{Condition, Variable};
use crate::config::diagnostics::Diagnostic;
use crate::experiment::{Experiment, QueryClasses};
use crate::ids::{Arena, Id};
use crate::settings::Settings;

pub use fleet::{
    AttemptLimits, CapabilitySet, Deployment, Location, Model, Provider, ProviderKind, Tier,
};
pub use rules::{
    Capability, CapabilityName, ChainStep, Member, MetadataRule, Name, NamedChain, PatternRule,
    Patterns, Pool, SizeBound, SizeRule, StrategyParameters, Target,
};

pub type ProviderId = Id<Provider>;
pub type ModelId = Id<Model>;
pub type DeploymentId = Id<Deployment>;
pub type CapabilityId = Id<Capability>;
pub type PoolId = Id<Pool>;

/// The whole compiled config.
#[derive(Debug, Clone)]
pub struct Table {
    /// Hash of the canonical config, 16 hex digits: the same text gives the same version anywhere.
    pub version: String,
    pub providers: Arena<Provider>,
    pub models: Arena<Model>,
    pub deployments: Arena<Deployment>,
    /// Exact names and aliases.
    pub names: FxHashMap<String, Name>,
    pub patterns: Patterns,
    pub capabilities: Arena<Capability>,
    /// Capability names, the deprecated ones included.
    pub capability_names: FxHashMap<String, CapabilityName>,
    pub pools: Arena<Pool>,
    /// Pools that are not a model's own redundancy, by name.
    pub pool_names: FxHashMap<String, PoolId>,
    pub size_rules: Vec<SizeRule>,
    /// R7, in file order.
    pub metadata_rules: Vec<MetadataRule>,
    /// R8: where a name goes that nothing else knows; `None` refuses it (`unknown_model: reject`).
    pub default_provider: Option<ProviderId>,
    /// B5 `default`: serves R6, R8 and whatever has no chain of its own.
    pub default_chain: Vec<ChainStep>,
    /// B5, by name; `default` is not among them.
    pub named_chains: BTreeMap<String, NamedChain>,
    pub complexity: ComplexityParameters,
    /// R14, in file order.
    pub experiments: Arena<Experiment>,
    /// R15.
    pub query_classes: Option<QueryClasses>,
    pub settings: Settings,
    /// S5; `None` limits nothing.
    pub budgets: Option<Budgets>,
    /// Lower-cased names of the headers that conditions read; facts carry no others.
    pub condition_headers: Vec<String>,
    /// By model, what is chosen for it on an idle fleet, as policies and analyses judge it; `None` where
    /// nothing can serve it.
    pub idle_choices: Vec<Option<Choice>>,
    pub warnings: Vec<Diagnostic>,
    /// Findings that the config accepts.
    pub accepted: Vec<Diagnostic>,
}

impl Table {
    /// The deployments behind a target.
    #[must_use]
    pub fn deployments_of<'t>(&'t self, target: &'t Target) -> &'t [DeploymentId] {
        match target {
            Target::Model(model) => &self.models.get(*model).deployments,
            Target::Deployment(deployment) => std::slice::from_ref(deployment),
        }
    }

    /// Names of the capabilities a model carries.
    #[must_use]
    pub fn labels_of(&self, model: &Model) -> Vec<&str> {
        let carried = self.capabilities.iter().filter(|(id, _)| model.capabilities.contains(*id));
        carried.map(|(_, entry)| entry.name.as_str()).collect()
    }

    /// Whether a model has an active deployment of its own.
    #[must_use]
    pub fn is_public(&self, model: &Model) -> bool {
        model.deployments.iter().any(|own| self.deployments.get(*own).enabled)
    }

    /// What is tried for a model on an idle fleet: its plan up to the attempt limit.
    #[must_use]
    pub fn tried(&self, model: ModelId) -> Vec<DeploymentId> {
        let choice = self.idle_choices.get(model.index()).and_then(Option::as_ref);
        let hops = choice.into_iter().flat_map(|choice| &choice.plan);
        hops.map(|hop| hop.deployment).take(usize::from(self.settings.max_attempts)).collect()
    }

    /// Where a deployment is.
    #[must_use]
    pub fn provider_of(&self, deployment: DeploymentId) -> &Provider {
        self.providers.get(self.deployments.get(deployment).provider)
    }

    /// The largest token count any rule can tell apart: counting further changes no decision.
    #[must_use]
    pub fn token_limit(&self) -> u32 {
        let windows = self.deployments.iter().filter_map(|(_, d)| d.context_window);
        let thresholds =
            self.capabilities.iter().map(|(_, entry)| entry.parameters.context_threshold);
        let compared = self.conditions().filter_map(largest_token_figure);
        let largest = windows.chain(thresholds).chain(compared).max().unwrap_or(0);
        largest.max(LEAST_TOKEN_LIMIT).saturating_add(1)
    }

    /// Every condition of the config.
    fn conditions(&self) -> impl Iterator<Item = &Condition> {
        let pools = self.pools.iter().flat_map(|(_, pool)| &pool.members);
        let capabilities = self.capabilities.iter().flat_map(|(_, entry)| &entry.members);
        let members = pools.chain(capabilities).filter_map(|member| member.condition.as_ref());
        let named = self.named_chains.values().flat_map(|chain| &chain.steps);
        let models = self.models.iter().flat_map(|(_, model)| &model.chain);
        let steps = named.chain(models).chain(&self.default_chain);
        members
            .chain(steps.filter_map(|step| step.condition.as_ref()))
            .chain(self.metadata_rules.iter().map(|rule| &rule.condition))
    }
}

/// Tokens that are always counted, so that what callers are told of their prompts is exact up to
/// here.
const LEAST_TOKEN_LIMIT: u32 = 65_536;

/// The largest number of tokens a condition compares with.
fn largest_token_figure(condition: &Condition) -> Option<u32> {
    let variables =
        [Variable::TokenCount, Variable::PromptTokens, Variable::ContextTokens, Variable::Length];
    let figures = variables.iter().filter_map(|variable| condition.threshold(variable));
    // Saturates, as a float-to-integer cast does; negative figures tell nothing apart.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    figures.map(|figure| figure as u32).max()
}

//! The compiled routing config: every name resolved, every pattern and condition compiled, nothing
//! left to look up by text on the hot path. A table is immutable; a reload builds a new one.

use std::collections::BTreeMap;

use regex::RegexSet;
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::allowance::Budgets;
use crate::choose::Choice;
use crate::complexity::ComplexityParameters;
use crate::condition::{Condition, Variable};
use crate::config::diagnostics::Diagnostic;
use crate::delivery::Delivery;
use crate::experiment::{Experiment, QueryClasses};
use crate::facts::Features;
use crate::ids::{Arena, Id};
use crate::price::Price;
use crate::settings::Settings;
use crate::state::SATURATED_AT;
use crate::strategy::{Strategy, WeightFactors};

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

/// Wire protocol of a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ProviderKind {
    /// Ollama's own API (`/api/chat`, newline-delimited JSON).
    Ollama,
    /// Any server that speaks the OpenAI API.
    Openai,
    /// The OpenAI API plus vLLM's metrics.
    Vllm,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Location {
    Local,
    Cloud,
}

/// Quality tiers, best first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    CloudPremium,
    CloudStandard,
    CloudEntry,
    Local,
}

/// One server requests can be sent to.
#[derive(Debug, Clone)]
pub struct Provider {
    pub id: String,
    pub kind: ProviderKind,
    pub base_url: String,
    pub location: Location,
    pub failure_domain: String,
    /// Prior probability of being up, 0…1.
    pub availability: f64,
    /// Prior time to first token, microseconds.
    pub ttft_prior_us: u64,
    /// Most requests at once.
    pub capacity: u32,
    /// Tokens; `None` where the model decides.
    pub context_window: Option<u32>,
    /// Nothing on one's own machines.
    pub price: Price,
    /// Where the key is: an environment variable's name, or a file's path (with a `/`); never the key.
    pub credential: Option<String>,
    pub features: Features,
    /// Goes on from the text an assistant message at the end begins with.
    pub prefill: bool,
    /// Whole answers of plain text are asked for as streams, so that silence is noticed early.
    pub stream_whole: bool,
    /// False for an inactive member of an exclusive group or `enabled: false`.
    pub active: bool,
    pub exclusive_group: Option<String>,
    pub limits: AttemptLimits,
    /// The deployment that passes the requested name upstream unchanged (patterns, size, default).
    pub passthrough: DeploymentId,
}

impl Provider {
    #[must_use]
    pub fn is_in_cloud(&self) -> bool {
        self.location == Location::Cloud
    }
}

/// Time limits of one attempt, microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptLimits {
    pub connect_us: u64,
    pub first_token_us: u64,
    pub idle_us: u64,
    /// For all of an attempt; `None` leaves it to the request's deadline.
    pub total_us: Option<u64>,
}

/// A public model name.
#[derive(Debug, Clone)]
pub struct Model {
    pub name: String,
    pub aliases: Vec<String>,
    /// Parameter count (not billions); `None` where unknown.
    pub parameters: Option<u64>,
    pub tier: Tier,
    pub capabilities: CapabilitySet,
    /// Tokens; `None` leaves it to the provider.
    pub context_window: Option<u32>,
    pub enabled: bool,
    /// In file order; weights and priorities already merged from pools and `redundant_models`.
    pub deployments: Vec<DeploymentId>,
    /// How deployments of this model are ordered among each other.
    pub strategy: Strategy,
    /// The pool of the same name, where conditions and parameters of its strategy live.
    pub pool: Option<PoolId>,
    /// B1: members' own chains are not followed.
    pub chain: Vec<ChainStep>,
    pub delivery: Delivery,
}

/// Bit i is the capability whose `CapabilityId` has index i; at most 64 capabilities.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CapabilitySet(pub u64);

impl CapabilitySet {
    pub fn insert(&mut self, id: CapabilityId) {
        self.0 |= 1_u64.checked_shl(u32::try_from(id.index()).unwrap_or(64)).unwrap_or(0);
    }

    #[must_use]
    pub fn contains(self, id: CapabilityId) -> bool {
        let mut single = Self::default();
        single.insert(id);
        self.0 & single.0 != 0
    }
}

/// The thing that is finally chosen: a model on a provider.
#[derive(Debug, Clone)]
pub struct Deployment {
    /// Stable id, `model@provider`; `*@provider` for a passthrough.
    pub id: String,
    /// Stable hash of the id.
    pub key: u64,
    /// `None` for a passthrough: the requested name is the model.
    pub model: Option<ModelId>,
    pub provider: ProviderId,
    /// Name sent upstream; empty for a passthrough.
    pub upstream_model: String,
    /// Wanted traffic share among the model's eligible deployments, renormalised; > 0.
    pub weight: f64,
    /// 0 is primary; a larger number is only used after every smaller one.
    pub priority: u8,
    /// The smaller of the model's and the provider's window, or whichever is known.
    pub context_window: Option<u32>,
    pub features: Features,
    /// Both the model and the provider are enabled and active.
    pub enabled: bool,
}

/// What an exact name stands for.
#[derive(Debug, Clone)]
pub struct Name {
    pub model: ModelId,
    /// True when the name is an alias of the model's own.
    pub alias: bool,
}

#[derive(Debug, Clone, Default)]
pub struct Patterns {
    /// All patterns, anchored at both ends, in file order.
    pub set: RegexSet,
    pub rules: Vec<PatternRule>,
}

#[derive(Debug, Clone)]
pub struct PatternRule {
    /// As written in the file.
    pub pattern: String,
    pub target: Target,
    pub fallback: Vec<ChainStep>,
    pub delivery: Delivery,
}

/// Where a rule or a chain step sends to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// All deployments of a model.
    Model(ModelId),
    /// One deployment; a passthrough sends the requested name unchanged.
    Deployment(DeploymentId),
}

#[derive(Debug, Clone)]
pub struct ChainStep {
    pub target: Target,
    /// `None` is always.
    pub condition: Option<Condition>,
}

/// What a request may name as its chain; the pace holds for such requests.
#[derive(Debug, Clone)]
pub struct NamedChain {
    pub steps: Vec<ChainStep>,
    /// Distinct deployments tried.
    pub retry_attempts: Option<u8>,
    /// Before each further one, microseconds.
    pub retry_delay_us: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Capability {
    pub name: String,
    pub description: String,
    pub strategy: Strategy,
    /// Preference order (R4).
    pub members: Vec<Member>,
    /// The entry's own fallback, after the chosen model's chain.
    pub fallback: Vec<ChainStep>,
    /// Parameter count below which a model is not used.
    pub min_parameters: Option<u64>,
    /// Context window, tokens, below which a deployment is not used.
    pub min_context: Option<u32>,
    pub parameters: StrategyParameters,
    pub delivery: Delivery,
}

#[derive(Debug, Clone)]
pub struct CapabilityName {
    pub capability: CapabilityId,
    pub deprecated: bool,
}

/// One candidate of a capability or a pool.
#[derive(Debug, Clone)]
pub struct Member {
    pub target: Target,
    /// Share among equals, renormalised over the eligible; a missing weight is 1.
    pub weight: f64,
    pub condition: Option<Condition>,
}

#[derive(Debug, Clone)]
pub struct Pool {
    pub name: String,
    pub strategy: Strategy,
    pub members: Vec<Member>,
    pub parameters: StrategyParameters,
    pub fallback: Vec<ChainStep>,
    pub delivery: Delivery,
}

/// Parameters a capability or pool gives its strategy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrategyParameters {
    /// Share of capacity at which a provider counts as saturated.
    pub saturation_threshold: f64,
    /// `context_based`: prompts longer than this, tokens, go to the longest context.
    pub context_threshold: u32,
    /// `adaptive_weighted`: local members are told apart by the request's complexity.
    pub by_complexity: bool,
    /// Share of traffic for members that are not measured yet or not loaded, 0…0.5.
    pub exploration: f64,
    /// `usage_based`: what the score is made of.
    pub weight_factors: WeightFactors,
}

impl Default for StrategyParameters {
    fn default() -> Self {
        Self {
            saturation_threshold: SATURATED_AT,
            context_threshold: 4096,
            by_complexity: false,
            exploration: 0.05,
            weight_factors: WeightFactors::default(),
        }
    }
}

/// R6. Bounds are parameter counts.
#[derive(Debug, Clone)]
pub struct SizeRule {
    /// As written: `< 8B`, `8B - 13B`, `> 13B`.
    pub size: String,
    pub min: SizeBound,
    pub max: SizeBound,
    pub target: Target,
    pub fallback: Vec<ChainStep>,
    pub reason: String,
    pub delivery: Delivery,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SizeBound {
    Open,
    Inclusive(u64),
    Exclusive(u64),
}

impl SizeRule {
    #[must_use]
    pub fn covers(&self, parameters: u64) -> bool {
        let above = match self.min {
            SizeBound::Open => true,
            SizeBound::Inclusive(bound) => parameters >= bound,
            SizeBound::Exclusive(bound) => parameters > bound,
        };
        let below = match self.max {
            SizeBound::Open => true,
            SizeBound::Inclusive(bound) => parameters <= bound,
            SizeBound::Exclusive(bound) => parameters < bound,
        };
        above && below
    }
}

#[derive(Debug, Clone)]
pub struct MetadataRule {
    pub name: String,
    pub provider: ProviderId,
    pub condition: Condition,
}

impl ProviderKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ollama => "ollama",
            Self::Openai => "openai",
            Self::Vllm => "vllm",
        }
    }
}

impl Location {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Local => "local",
            Self::Cloud => "cloud",
        }
    }
}

impl Tier {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudPremium => "cloud_premium",
            Self::CloudStandard => "cloud_standard",
            Self::CloudEntry => "cloud_entry",
            Self::Local => "local",
        }
    }
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

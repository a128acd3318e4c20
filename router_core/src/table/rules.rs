//! What names and requests match, and where that leads: names, patterns, capabilities, pools, sizes,
//! metadata and chains.

use regex::RegexSet;

use super::{CapabilityId, DeploymentId, ModelId, ProviderId};
use crate::condition::Condition;
use crate::delivery::Delivery;
use crate::state::SATURATED_AT;
use crate::strategy::{Strategy, WeightFactors};
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

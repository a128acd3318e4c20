//! The rules that match a request, as they are written: patterns, capabilities, pools, sizes and
//! request metadata. Doc comments here are the descriptions that editors show.

use schemars::JsonSchema;
use serde::Deserialize;

use super::containers::{Items, Names};
use super::scalars::{Size, StrategyName, Weight};
use super::settings::{DeliveryEntry, WeightFactors};

/// A regular expression over whole model names.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PatternEntry {
    pub pattern: String,
    pub provider: String,
    #[serde(default)]
    pub fallback: Names,
    pub delivery: Option<DeliveryEntry>,
}

/// What a caller can ask for instead of a model.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct CapabilityEntry {
    pub description: Option<String>,
    /// Models in order of preference.
    #[serde(default)]
    pub preferred_models: Items<PreferredModel>,
    /// Without `preferred_models`: the models with this capability on this provider.
    #[serde(default)]
    pub provider: Names,
    /// As `provider`, several.
    #[serde(default)]
    pub providers: Names,
    /// A model, provider or named chain.
    #[serde(default)]
    pub fallback: Names,
    /// Default: direct.
    pub routing_strategy: Option<StrategyName>,
    /// Smaller models are not used.
    pub min_model_size: Option<Size>,
    /// Tokens; deployments with a smaller context window are not used.
    #[schemars(range(min = 1))]
    pub min_context: Option<u32>,
    pub parameters: Option<ParametersEntry>,
    pub delivery: Option<DeliveryEntry>,
}

/// A model name, or a model with a condition.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum PreferredModel {
    Name(String),
    Conditional(ConditionalModel),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ConditionalModel {
    pub model: String,
    /// When the model is picked, for instance `complexity == 'high'`.
    pub condition: Option<String>,
    /// Default: 1.
    pub weight: Option<Weight>,
}

/// A load-balancing group.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PoolEntry {
    pub providers: Items<PoolMember>,
    /// Default: weighted.
    pub strategy: Option<StrategyName>,
    pub parameters: Option<ParametersEntry>,
    /// A model, provider or named chain.
    #[serde(default)]
    pub fallback: Names,
    pub delivery: Option<DeliveryEntry>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct PoolMember {
    pub provider: String,
    /// Wanted share of traffic. Default: 1.
    pub weight: Option<Weight>,
    pub condition: Option<String>,
    /// The model used on this provider. Default: the pool's own, if it is named like a model.
    pub preferred_model: Option<String>,
}

/// What a strategy can be told.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ParametersEntry {
    /// Share of capacity at which a provider counts as saturated. Default: 0.8.
    #[schemars(range(min = 0, max = 1))]
    pub saturation_threshold: Option<f64>,
    /// `context_based`: longer prompts, in tokens, go to the longest context. Default: 4096.
    pub context_threshold: Option<u32>,
    /// How complexity is measured. `adaptive_weighted`: its local members are told apart by it.
    pub complexity_detection: Option<ComplexityDetection>,
    /// Share of the traffic for members not measured yet or not loaded. Default: 0.05.
    #[schemars(range(min = 0, max = 0.5))]
    pub exploration: Option<f64>,
    /// `usage_based`: what the score is made of. Default: those of `usage_based`.
    pub weight_factors: Option<WeightFactors>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ComplexityDetection {
    TokenCount,
}

/// The wanted shares of one model's deployments.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RedundancyEntry {
    pub providers: Items<RedundantProvider>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RedundantProvider {
    pub provider: String,
    /// Wanted share of traffic. Default: 1.
    pub weight: Option<Weight>,
}

/// Where names that nothing else knows go, by the size they carry.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct SizeEntry {
    /// `< 8B`, `<= 8B`, `8B - 13B` (both included), `> 13B`, `>= 13B` or `7B`.
    pub size: String,
    pub provider: String,
    #[serde(default)]
    pub fallback: Names,
    pub reason: Option<String>,
    pub delivery: Option<DeliveryEntry>,
}

/// A preference among equals, by what the request says of itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct MetadataEntry {
    pub provider: String,
    /// For instance `header.x-priority == "high"`.
    pub condition: String,
}

//! Fallback chains in every shape that is in use: by model, by name, and as `LiteLLM` writes them. Doc
//! comments here are the descriptions that editors show.

use schemars::JsonSchema;
use serde::Deserialize;

use super::containers::{Entries, Items};
use super::scalars::Milliseconds;
use crate::table::Tier;

/// The chain of a model, if the key is a model's name, else a chain with a name of its own.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum ChainEntry {
    Steps(Items<StepEntry>),
    Full(Box<FullChain>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FullChain {
    #[serde(default)]
    pub chain: Items<StepEntry>,
    pub primary: Option<StepEntry>,
    pub secondary: Option<StepEntry>,
    pub tertiary: Option<StepEntry>,
    /// Tier of the model, where the model does not say.
    pub tier: Option<Tier>,
    /// Tries in all.
    #[schemars(range(min = 1, max = 20))]
    pub retry_attempts: Option<u8>,
    pub retry_delay_ms: Option<Milliseconds>,
}

impl FullChain {
    /// The first three steps, where they are written one by one.
    #[must_use]
    pub fn ranked(&self) -> [Option<&StepEntry>; 3] {
        [self.primary.as_ref(), self.secondary.as_ref(), self.tertiary.as_ref()]
    }
}

/// A model, a provider, or one of them under a condition.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum StepEntry {
    Name(String),
    Full(Box<FullStep>),
}

/// Exactly one of provider, model, primary, secondary and tertiary says where to.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FullStep {
    pub provider: Option<String>,
    pub model: Option<String>,
    /// The model used on `provider`. Default: the requested one.
    pub preferred_model: Option<String>,
    /// When the step is taken. Default: always.
    pub condition: Option<String>,
    pub primary: Option<StepEntry>,
    pub secondary: Option<StepEntry>,
    pub tertiary: Option<StepEntry>,
}

impl FullStep {
    #[must_use]
    pub fn ranked(&self) -> [Option<&StepEntry>; 3] {
        [self.primary.as_ref(), self.secondary.as_ref(), self.tertiary.as_ref()]
    }
}

/// `{model, fallback_models}`, or `{<model>: [<model>, …]}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FallbackEntry {
    Named(NamedFallback),
    ByModel(Entries<Items<StepEntry>>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct NamedFallback {
    pub model: String,
    pub fallback_models: Items<StepEntry>,
}

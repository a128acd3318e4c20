//! Providers and models as they are written (section F of the reference fleet). Doc comments here are
//! the descriptions that editors show.

use schemars::JsonSchema;
use serde::Deserialize;

use super::containers::{Items, Names};
use super::scalars::{FeatureName, Milliseconds, Size, Weight};
use super::settings::DeliveryEntry;
use crate::price::Price;
use crate::table::{Location, ProviderKind, Tier};

/// One server requests can be sent to.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ProviderEntry {
    /// Wire protocol.
    pub kind: ProviderKind,
    /// Where the API starts, for instance `http://127.0.0.1:8000/v1`.
    pub base_url: String,
    /// Default: local.
    pub location: Option<Location>,
    /// What fails together carries the same name. Default: the exclusive group, else the id.
    pub failure_domain: Option<String>,
    /// Expected share of time up, 0 to 1. Default: 0.99.
    #[schemars(range(min = 0, max = 1))]
    pub availability: Option<f64>,
    /// Expected time to first token. Default: 200.
    pub ttft_prior_ms: Option<Milliseconds>,
    /// Requests at once. Default: 8.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub capacity: Option<u32>,
    /// Tokens; for models that do not say their own, and an upper bound for those that do.
    #[schemars(range(min = 1))]
    pub context_window: Option<u32>,
    /// Only one member of a group is active at a time.
    pub exclusive_group: Option<String>,
    /// False for the members of an exclusive group that are not running now. Default: true.
    pub active: Option<bool>,
    /// Default: true.
    pub enabled: Option<bool>,
    /// Name of the environment variable that holds the key.
    pub credential_env: Option<String>,
    /// Path of the file that holds the key, instead of an environment variable.
    pub credential_file: Option<String>,
    /// US dollars. Default: nothing.
    pub price: Option<Price>,
    /// What the server can do. Default: everything its kind can.
    pub features: Option<Vec<FeatureName>>,
    /// Default: 2000.
    pub connect_timeout_ms: Option<Milliseconds>,
    /// Default: 10000.
    pub first_token_timeout_ms: Option<Milliseconds>,
    /// Longest silence between two pieces of an answer. Default: 15000.
    pub idle_timeout_ms: Option<Milliseconds>,
    /// For all of an attempt. Default: what is left of the request's deadline.
    pub total_timeout_ms: Option<Milliseconds>,
    /// Whether the server goes on from the text of an assistant message at the end (vLLM and
    /// llama.cpp: `continue_final_message`). Default: false.
    pub prefill: Option<bool>,
    /// Whether whole answers of plain text are asked for as streams, so that a silent server is
    /// noticed by its first-token limit. False for servers that count no tokens in streams.
    /// Default: true.
    pub stream_whole_answers: Option<bool>,
}

/// A public model name and where it is deployed: `deployments`, or `provider` for a single one.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ModelEntry {
    /// Parameter count, such as "671B". Default: what the name says.
    pub parameters: Option<Size>,
    /// Default: local, or by size for a model in the cloud.
    pub tier: Option<Tier>,
    #[serde(default)]
    pub capabilities: Items<String>,
    /// Tokens. Default: the provider's.
    #[schemars(range(min = 1))]
    pub context_window: Option<u32>,
    #[serde(default)]
    pub aliases: Items<String>,
    /// What the model can do. Default: everything but vision, as far as its provider offers it.
    pub features: Option<Vec<FeatureName>>,
    /// Default: true.
    pub enabled: Option<bool>,
    #[serde(default)]
    pub deployments: Items<DeploymentEntry>,
    /// Short for one deployment.
    pub provider: Option<String>,
    /// With `provider`: the name it knows the model by. Default: the model's name.
    pub upstream_model: Option<String>,
    pub delivery: Option<DeliveryEntry>,
}

/// A model on a provider.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DeploymentEntry {
    pub provider: String,
    /// The name the provider knows the model by. Default: the model's name.
    pub upstream_model: Option<String>,
    /// Wanted share of traffic among the model's deployments. Default: 1.
    pub weight: Option<Weight>,
    /// 0 is primary; a larger number is used only after every smaller one. Default: 0.
    pub priority: Option<u8>,
}

/// One exact name.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ExactEntry {
    pub provider: String,
    /// Default: primary.
    pub priority: Option<Priority>,
    /// A provider, model or named chain to use when the provider fails.
    #[serde(default)]
    pub fallback: Names,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    Primary,
    Secondary,
    Tertiary,
}

impl Priority {
    #[must_use]
    pub fn rank(self) -> u8 {
        match self {
            Self::Primary => 0,
            Self::Secondary => 1,
            Self::Tertiary => 2,
        }
    }
}

//! What there is to send to: providers, models, and the deployments that join them.

use serde::{Deserialize, Serialize};

use super::{CapabilityId, ChainStep, DeploymentId, ModelId, PoolId, ProviderId};
use crate::delivery::Delivery;
use crate::facts::Features;
use crate::price::Price;
use crate::strategy::Strategy;
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

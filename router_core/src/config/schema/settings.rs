//! Router-wide settings and the sections that are read but not acted on yet. `x-unused` marks the
//! latter: whoever sets one is warned.

use schemars::JsonSchema;
use serde::Deserialize;

use super::chains::FallbackEntry;
use super::containers::{Entries, Items};
use super::scalars::{Deadline, Dollars, Milliseconds, Seconds, StrategyName, Weight};
use crate::delivery::{Commit, StreamBreak};

/// What happens to a name that no rule knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum UnknownModel {
    Default,
    Reject,
}

/// Unknown keys are warned of, not refused: files written for other routers carry many.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RouterSettings {
    /// Strategy among the deployments of one model. Default: weighted.
    pub routing_strategy: Option<StrategyName>,
    /// Whether requests of one session keep to one deployment among equals. Default: true.
    pub session_affinity: Option<bool>,
    /// Share of the traffic for members not measured yet or not loaded. Default: 0.05.
    #[schemars(range(min = 0, max = 0.5))]
    pub exploration: Option<f64>,
    /// Whether a request may name a strategy (x-routing-strategy). Default: false.
    pub allow_strategy_override: Option<bool>,
    /// Other names of models.
    pub model_group_alias: Entries<AliasTarget>,
    /// Errors within the window before a cooldown. Default: 3.
    pub allowed_fails: Option<u8>,
    /// Repeats on the same provider. Default: 2.
    pub num_retries: Option<u8>,
    /// Different deployments tried for one request. Default: 5.
    #[schemars(range(min = 1, max = 20))]
    pub max_attempts: Option<u8>,
    /// Deadline of a request, seconds. Default: 30.
    pub timeout: Option<Deadline>,
    /// First cooldown, seconds. Default: 60.
    pub cooldown_time: Option<Seconds>,
    /// How answers are delivered where a rule does not say.
    pub delivery: Option<DeliveryEntry>,
    /// Longest Retry-After that is waited for. Default: 3.
    pub short_retry_after_seconds: Option<Seconds>,
    /// Whether a content-policy refusal moves on to the next deployment. Default: false.
    pub content_policy_fallback: Option<bool>,
    /// Life of a permit that is never reported, seconds. Default: `timeout`.
    pub permit_ttl_seconds: Option<Deadline>,
    /// Default: default.
    pub unknown_model: Option<UnknownModel>,
    /// Where unknown names go. Default: ollama, else the first active provider.
    pub default_provider: Option<String>,
    pub fallbacks: Items<FallbackEntry>,
    /// Checks of context and features before a call; always on.
    pub enable_pre_call_checks: Option<bool>,
    #[schemars(extend("x-unused" = "state is not shared between replicas yet"))]
    pub redis_host: Option<String>,
    #[schemars(extend("x-unused" = "state is not shared between replicas yet"))]
    pub redis_port: Option<u16>,
}

/// How an answer reaches its caller. What is left out is as in `router_settings.delivery`.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct DeliveryEntry {
    /// When a stream breaks off after part of it was sent: `error`, or `continue`, where another
    /// deployment goes on from the text already sent, if it is plain text. Default: error.
    pub stream_break: Option<StreamBreak>,
    /// When the first bytes of a stream leave: with the `first_token`, or `buffered`, with the last
    /// one, so that every break is repaired unseen. Default: `first_token`.
    pub commit: Option<Commit>,
    /// Whether a second deployment may race for the first token when the first one takes longer than
    /// its 95th percentile. Default: false.
    pub hedge: Option<bool>,
}

/// A model's name, alone or as `LiteLLM` writes it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum AliasTarget {
    Name(String),
    Full(FullAlias),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FullAlias {
    pub model: String,
    #[schemars(extend("x-unused" = "aliases are always listed"))]
    pub hidden: Option<bool>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct RateLimitedFallback {
    /// Default: true.
    pub enabled: Option<bool>,
    /// Out after a 429 without Retry-After. Default: 60.
    pub fallback_duration_seconds: Option<Seconds>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct ErrorBasedRouting {
    /// Default: true.
    pub enabled: Option<bool>,
    /// Errors within the window before a cooldown; `router_settings.allowed_fails` goes before it.
    pub error_threshold: Option<u8>,
    /// Longest cooldown. Default: 300.
    pub cooldown_seconds: Option<Seconds>,
    /// Requests at once that test whether something works again. Default: 1.
    #[schemars(range(min = 1, max = 1000))]
    pub half_open_probes: Option<u32>,
    /// From the first sign of life after a cooldown to the full share of traffic. Default: 30.
    pub recovery_seconds: Option<Seconds>,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct FirstRequestRouting {
    /// Default: `prefer_warm_providers`.
    pub strategy: Option<FirstRequestStrategy>,
    /// How long a provider may take to say which models are loaded. Default: 100.
    pub warm_check_timeout_ms: Option<Milliseconds>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FirstRequestStrategy {
    /// A deployment whose model is loaded goes before one whose model is not.
    PreferWarmProviders,
    None,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct UsageBased {
    pub weight_factors: Option<WeightFactors>,
}

/// Shares of the score, or the older list of names.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum WeightFactors {
    Shares(FactorShares),
    Names(Items<FactorItem>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum FactorItem {
    Name(String),
    Share(Entries<Weight>),
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct FactorShares {
    pub latency: Option<Weight>,
    pub success_rate: Option<Weight>,
    pub cost: Option<Weight>,
}

/// Limits on what requests may cost in the cloud, and on how many may fall back to it. Days are UTC.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct BudgetsEntry {
    /// For all requests together. Default: no limit.
    pub cloud_usd_per_day: Option<Dollars>,
    /// For each caller, by the name its API key has. Default: no limit.
    pub cloud_usd_per_day_per_caller: Option<Dollars>,
    /// Other limits for single callers, by name.
    pub callers: Entries<Dollars>,
    /// Most of the last ten minutes' requests, 0 to 1, that fallback and overflow may take to the
    /// cloud; ten are always allowed, unless it is 0. Default: no limit.
    #[schemars(range(min = 0, max = 1))]
    pub cloud_fallback_share: Option<f64>,
    /// Tokens an answer is expected to have at most where its request sets no limit to it. Default:
    /// 1000.
    #[schemars(range(min = 1, max = 10_000_000))]
    pub assumed_answer_tokens: Option<u32>,
}

/// Notes for people; nothing is read from here.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Metadata {
    pub version: Option<serde_json::Value>,
    pub architecture: Option<serde_json::Value>,
    pub last_updated: Option<serde_json::Value>,
}

//! Models of providers as they are written: how many requests each serves at once, how fast, and how
//! it fails. Doc comments here are the descriptions that editors show.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::draws::Distribution;

/// How one provider behaves.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct ProviderModel {
    /// Requests really served at once. Default: the configured capacity.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub slots: Option<u32>,
    /// Requests that wait inside the provider, first come first served; more are answered 503.
    /// Default: 512.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub queue: Option<u32>,
    pub speed: Speed,
    /// How both times vary from request to request. Default: fixed.
    pub distribution: Distribution,
    /// How much longer a token takes when every slot is busy: 0.5 is half as long again, in
    /// proportion with fewer. Default: 0.
    #[schemars(range(min = 0, max = 1000))]
    pub slowdown: f64,
    /// Speeds of single models there, by public name, over the provider's own.
    pub models: BTreeMap<String, Speed>,
    pub faults: Faults,
    /// Times during which new requests are not served.
    pub dead: Vec<DeadInterval>,
    pub rate_limit: Option<RateLimit>,
}

/// How fast a model answers.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct Speed {
    /// Milliseconds to the first token. Default: the configured `ttft_prior_ms`.
    #[schemars(range(min = 0, max = 31_536_000_000_u64))]
    pub ttft_ms: Option<f64>,
    /// Milliseconds more to the first token for each token of the prompt. Default: 0.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub ms_per_prompt_token: Option<f64>,
    /// Milliseconds between two tokens of the answer. Default: 20.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub ms_per_output_token: Option<f64>,
}

impl Speed {
    /// This speed where it says something, else the other's.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            ttft_ms: self.ttft_ms.or(other.ttft_ms),
            ms_per_prompt_token: self.ms_per_prompt_token.or(other.ms_per_prompt_token),
            ms_per_output_token: self.ms_per_output_token.or(other.ms_per_output_token),
        }
    }
}

/// Shares of requests that fail, 0 to 1, whatever the load.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct Faults {
    /// Answered 500.
    #[schemars(range(min = 0, max = 1))]
    pub server_error: f64,
    /// Answered 503.
    #[schemars(range(min = 0, max = 1))]
    pub unavailable: f64,
    /// Never answered.
    #[schemars(range(min = 0, max = 1))]
    pub hang: f64,
    /// Milliseconds until an error is answered, the 429 and the 503 of a full queue too. Default: 5.
    #[schemars(range(min = 0, max = 31_536_000_000_u64))]
    pub after_ms: f64,
}

impl Default for Faults {
    fn default() -> Self {
        Self { server_error: 0.0, unavailable: 0.0, hang: 0.0, after_ms: 5.0 }
    }
}

/// A provider that is away for a while. Requests it has begun are answered to their end.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DeadInterval {
    /// Seconds from the start, included.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub from_s: f64,
    /// Seconds from the start, excluded. Default: to the end.
    #[schemars(range(min = 0, max = 31_536_000))]
    pub until_s: Option<f64>,
    /// Default: refused.
    #[serde(default)]
    pub answer: DeadAnswer,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeadAnswer {
    /// The connection is refused.
    #[default]
    Refused,
    /// 503.
    Unavailable,
    /// No answer at all.
    Hang,
}

/// A token bucket; a request past it is answered 429.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct RateLimit {
    #[schemars(range(min = 0.001, max = 1_000_000_000))]
    pub requests_per_minute: f64,
    /// Requests admitted at once after a rest. Default: 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    #[serde(default)]
    pub burst: Option<u32>,
    /// Whether the 429 says when to come back, in whole seconds. Default: false.
    #[serde(default)]
    pub retry_after: bool,
}

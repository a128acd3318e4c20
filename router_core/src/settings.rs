//! Router-wide settings: times, counts and switches that belong to no single rule. Times are
//! microseconds.

use crate::delivery::Delivery;
use crate::strategy::Strategy;
use crate::table::StrategyParameters;

/// Router-wide settings, from `router_settings` and the sections R13 names.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::struct_excessive_bools)] // independent switches of one config section
pub struct Settings {
    /// Strategy among deployments of one model where nothing more specific is given.
    pub strategy: Strategy,
    /// What strategies are told where nothing more specific is given.
    pub parameters: StrategyParameters,
    /// Whether a request may name a strategy (x-routing-strategy).
    pub allow_strategy_override: bool,
    /// Default deadline of a request, microseconds (`timeout`).
    pub timeout_us: u64,
    /// Same-provider repeats of one request (`num_retries`).
    pub num_retries: u8,
    /// Distinct deployments tried for one request (E1).
    pub max_attempts: u8,
    /// Errors within a minute: the last of these halves the weight, one more starts a cooldown (R13).
    /// `None` counts none.
    pub allowed_fails: Option<u8>,
    /// First cooldown after repeated errors, microseconds (`cooldown_time`).
    pub cooldown_us: u64,
    /// Longest cooldown, microseconds (`error_based_routing.cooldown_seconds`).
    pub max_cooldown_us: u64,
    /// Requests at once that test whether something works again after a cooldown.
    pub half_open_probes: u32,
    /// From the first sign of life to the full share of traffic, microseconds.
    pub recovery_us: u64,
    /// Requests of one session keep to one deployment among equals (R11).
    pub session_affinity: bool,
    /// A deployment whose model is loaded goes before one whose model is not (R13).
    pub prefer_warm: bool,
    /// How long a provider may take to say which models are loaded, microseconds.
    pub warm_check_timeout_us: u64,
    /// Out after a 429 without Retry-After, microseconds (`fallback_duration_seconds`).
    /// `None` takes nothing out after a 429, whatever it says.
    pub rate_limited_us: Option<u64>,
    /// Longest Retry-After that is waited for (E2), microseconds.
    pub short_retry_after_us: u64,
    /// How answers are delivered where a rule does not say.
    pub delivery: Delivery,
    /// A content-policy refusal may go to the next deployment.
    pub content_policy_fallback: bool,
    /// Life of a permit that is never reported (E5), microseconds.
    pub permit_ttl_us: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            strategy: Strategy::Weighted,
            parameters: StrategyParameters::default(),
            allow_strategy_override: false,
            timeout_us: 30_000_000,
            num_retries: 2,
            max_attempts: 5,
            allowed_fails: Some(3),
            cooldown_us: 60_000_000,
            max_cooldown_us: 300_000_000,
            half_open_probes: 1,
            recovery_us: 30_000_000,
            session_affinity: true,
            prefer_warm: true,
            warm_check_timeout_us: 100_000,
            rate_limited_us: Some(60_000_000),
            short_retry_after_us: 3_000_000,
            delivery: Delivery::default(),
            content_policy_fallback: false,
            permit_ttl_us: 30_000_000,
        }
    }
}

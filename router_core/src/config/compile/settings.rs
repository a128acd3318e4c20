//! Router-wide settings, gathered from `router_settings` and the sections on rate limits and errors.
//! Times that contradict each other are settled here: the first cooldown, the longest, and the 429's.

use super::Draft;
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::scalars::{Deadline, Milliseconds, Seconds};
use crate::config::schema::settings::{DeliveryEntry, FirstRequestStrategy};
use crate::config::schema::Document;
use crate::delivery::Delivery;
use crate::settings::Settings;
use crate::table::StrategyParameters;

pub(super) fn compile(draft: &mut Draft, document: &Document) {
    let written = &document.router_settings;
    let standard = Settings::default();
    let timeout_us = written.timeout.map_or(standard.timeout_us, Deadline::micros);
    let strategy = written.routing_strategy.map_or(standard.strategy, |name| name.0);
    let section = Pointer::root().key("router_settings");
    if written.enable_pre_call_checks == Some(false) {
        let message = "context and features are always checked before a call";
        let at = section.key("enable_pre_call_checks");
        let found = Diagnostic::warning("unused-key", &at, message);
        draft.report.add(found.about("enable_pre_call_checks").suggest("take it out"));
    }
    let errors = &document.error_based_routing;
    let first = &document.first_request_routing;
    let cooldown_us = written.cooldown_time.map_or(standard.cooldown_us, Seconds::micros);
    draft.table.settings = Settings {
        strategy,
        parameters: parameters(draft, document, standard.parameters),
        allow_strategy_override: written
            .allow_strategy_override
            .unwrap_or(standard.allow_strategy_override),
        timeout_us,
        num_retries: written.num_retries.unwrap_or(standard.num_retries),
        max_attempts: written.max_attempts.unwrap_or(standard.max_attempts),
        allowed_fails: allowed_fails(draft, document, standard.allowed_fails),
        cooldown_us,
        max_cooldown_us: max_cooldown(draft, document, cooldown_us, standard.max_cooldown_us),
        rate_limited_us: rate_limited(document, standard.rate_limited_us),
        half_open_probes: errors.half_open_probes.unwrap_or(standard.half_open_probes),
        recovery_us: errors.recovery_seconds.map_or(standard.recovery_us, Seconds::micros),
        session_affinity: written.session_affinity.unwrap_or(standard.session_affinity),
        prefer_warm: !matches!(first.strategy, Some(FirstRequestStrategy::None)),
        warm_check_timeout_us: first
            .warm_check_timeout_ms
            .map_or(standard.warm_check_timeout_us, Milliseconds::micros),
        delivery: delivered(written.delivery, Delivery::default()),
        short_retry_after_us: written
            .short_retry_after_seconds
            .map_or(standard.short_retry_after_us, Seconds::micros),
        content_policy_fallback: written
            .content_policy_fallback
            .unwrap_or(standard.content_policy_fallback),
        // By then whoever got the permit has its answer or has given up.
        permit_ttl_us: written.permit_ttl_seconds.map_or(timeout_us, Deadline::micros),
    };
    complexity(draft, document);
}

/// What an entry says, and the rest as it is elsewhere.
fn delivered(entry: Option<DeliveryEntry>, standard: Delivery) -> Delivery {
    let entry = entry.unwrap_or_default();
    Delivery {
        stream_break: entry.stream_break.unwrap_or(standard.stream_break),
        commit: entry.commit.unwrap_or(standard.commit),
        hedge: entry.hedge.unwrap_or(standard.hedge),
    }
}

impl Draft {
    /// How a rule's answers are delivered.
    pub(super) fn delivery(&self, entry: Option<DeliveryEntry>) -> Delivery {
        delivered(entry, self.table.settings.delivery)
    }
}

fn parameters(
    draft: &mut Draft,
    document: &Document,
    standard: StrategyParameters,
) -> StrategyParameters {
    let at = Pointer::root().key("usage_based").key("weight_factors");
    let factors = document.usage_based.weight_factors.as_ref();
    StrategyParameters {
        exploration: document.router_settings.exploration.unwrap_or(standard.exploration),
        weight_factors: factors
            .map_or(standard.weight_factors, |written| draft.weight_factors(written, &at)),
        ..standard
    }
}

fn complexity(draft: &mut Draft, document: &Document) {
    if let Some((key, message)) = document.complexity.problem() {
        draft.error("out-of-range", &Pointer::root().key("complexity").key(key), message);
    }
    draft.table.complexity = document.complexity.clone();
}

/// Time out after a 429 without Retry-After; `None` where the section is switched off.
fn rate_limited(document: &Document, standard: Option<u64>) -> Option<u64> {
    let written = &document.rate_limited_fallback;
    match written.enabled {
        Some(false) => None,
        _ => written.fallback_duration_seconds.map(Seconds::micros).or(standard),
    }
}

fn allowed_fails(draft: &mut Draft, document: &Document, standard: Option<u8>) -> Option<u8> {
    let errors = &document.error_based_routing;
    if errors.enabled == Some(false) {
        return None;
    }
    let settings = document.router_settings.allowed_fails;
    if let (Some(allowed), Some(threshold)) = (settings, errors.error_threshold) {
        if allowed != threshold {
            let at = Pointer::root().key("error_based_routing").key("error_threshold");
            let message = format!("router_settings.allowed_fails, {allowed}, is used instead");
            draft.report.add(Diagnostic::warning("contradiction", &at, message));
        }
    }
    settings.or(errors.error_threshold).or(standard)
}

/// Cooldowns grow from the first to this; it is never shorter than the first.
fn max_cooldown(draft: &mut Draft, document: &Document, first: u64, standard: u64) -> u64 {
    let written = document.error_based_routing.cooldown_seconds.map(Seconds::micros);
    if written.is_some_and(|longest| longest < first) {
        let at = Pointer::root().key("error_based_routing").key("cooldown_seconds");
        let message =
            "the longest cooldown is shorter than the first (cooldown_time), which is used";
        draft.report.add(Diagnostic::warning("contradiction", &at, message));
    }
    written.unwrap_or(standard).max(first)
}

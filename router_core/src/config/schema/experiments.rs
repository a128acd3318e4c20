//! Named A/B tests and the classes of queries one of them serves. Times of a schedule are absolute, so
//! that the same table, facts and time give the same arm.

use schemars::JsonSchema;
use serde::Deserialize;

use super::containers::{Entries, Items};
use super::scalars::Milliseconds;
use crate::complexity::Band;
use crate::experiment::Unit;
use crate::query_class::Vocabulary;
use crate::resolve::Rule;

/// A named A/B test.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ExperimentEntry {
    /// Default: false.
    pub enabled: Option<bool>,
    /// Which requests take part: all that is given must hold.
    #[serde(default)]
    pub r#match: ExperimentMatch,
    /// What keeps its arm. Default: prompt.
    pub unit: Option<Unit>,
    /// The arms, by name.
    pub arms: Entries<ArmEntry>,
    /// The arm the others are measured against, and the one served after a rollback. Default: the
    /// first.
    pub control: Option<String>,
    /// Shares of the first arm that is not the control, from given times on.
    #[serde(default)]
    pub schedule: Items<StageEntry>,
    #[serde(default)]
    pub guardrail: GuardrailEntry,
}

#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct ExperimentMatch {
    /// The capability asked for.
    pub capability: Option<String>,
    /// The rule that matched.
    pub rule: Option<Rule>,
    /// How much work the request looks like.
    pub complexity: Option<Band>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct ArmEntry {
    pub model: String,
    /// Share of the traffic, 0 to 1; shares are renormalised. Default: an even part of the rest.
    #[schemars(range(min = 0, max = 1))]
    pub share: Option<f64>,
}

#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct StageEntry {
    /// RFC 3339, such as `2026-03-01T09:00:00Z`.
    pub from: String,
    /// Share of the traffic, 0 to 1.
    #[schemars(range(min = 0, max = 1))]
    pub share: f64,
}

/// When an experiment is rolled back.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct GuardrailEntry {
    /// Errors per request. Default: 0.05.
    #[schemars(range(min = 0, max = 1))]
    pub max_error_rate: Option<f64>,
    /// Loss of quality against the control, as a share of the control's. Default: 0.1.
    #[schemars(range(min = 0, max = 1))]
    pub max_quality_loss: Option<f64>,
    /// Loss of quality from which a person should look. Default: 0.05.
    #[schemars(range(min = 0, max = 1))]
    pub review_quality_loss: Option<f64>,
    /// Samples of an arm below which nothing is judged. Default: 100.
    #[schemars(range(min = 1))]
    pub min_samples: Option<u32>,
}

/// How queries are classified and which arm serves which class.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct QueryClassesEntry {
    /// The experiment that serves classified queries, and nothing else.
    pub experiment: String,
    /// The arm of simple queries.
    pub simple: String,
    /// The arm of complex queries. Medium ones are what the experiment tests.
    pub complex: String,
    /// The arm of queries that could not be classified. Default: that of complex queries.
    pub on_error: Option<String>,
    /// Mean time of an answer without the experiment, which the statistics compare with.
    pub baseline_latency_ms: Milliseconds,
    pub vocabulary: Vocabulary,
}

//! The load as it is written: when requests arrive, and what they ask for. Doc comments here are the
//! descriptions that editors show.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use super::super::draws::Distribution;
use crate::query_class::QueryClass;
use crate::table::Table;

/// When requests arrive.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct Arrivals {
    /// Default: poisson.
    pub process: Process,
    /// Mean requests a second.
    #[schemars(range(min = 0.000_001, max = 1_000_000))]
    pub rate_per_s: Option<f64>,
    /// Instead of a rate: share of what the modelled fleet can serve. Default: 0.7.
    #[schemars(range(min = 0.000_001, max = 1000))]
    pub load: Option<f64>,
    /// Burst: mean length, seconds, of a time with requests. Default: 10.
    #[schemars(range(min = 0.001, max = 31_536_000))]
    pub on_s: Option<f64>,
    /// Burst: mean length, seconds, of a time without. Default: 20.
    #[schemars(range(min = 0.001, max = 31_536_000))]
    pub off_s: Option<f64>,
    /// Recorded requests, beside this file: CSV with the columns `timestamp` (seconds), `prompt_tokens`
    /// and `output_tokens`.
    pub file: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Process {
    /// Independent of each other.
    #[default]
    Poisson,
    /// Poisson while it is on, nothing while it is off; the mean rate over both is the one given.
    Burst,
}

/// One kind of request.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct RequestKind {
    /// Share of the requests, against the other kinds' shares. Default: 1.
    #[schemars(range(min = 0, max = 1_000_000))]
    pub share: f64,
    /// Model, capability or pool asked for.
    pub model: String,
    /// As the header X-Capability.
    pub capability: Option<String>,
    /// A number, or a mean with a distribution. Default: 200.
    pub prompt_tokens: Amount,
    /// As `prompt_tokens`; never more than `max_tokens`. Default: 150.
    pub output_tokens: Amount,
    #[schemars(range(min = 1))]
    pub max_tokens: Option<u32>,
    /// Share of the requests that are streamed, 0 to 1. Default: 1.
    #[schemars(range(min = 0, max = 1))]
    pub streamed: f64,
    /// Number of conversations the requests belong to. Default: none.
    #[schemars(range(min = 1))]
    pub sessions: Option<u32>,
    pub priority: Option<String>,
    pub quality_tier: Option<String>,
    /// What kind of question it is, as `POST /v1/generate` would find it. Default: not classified.
    pub query_class: Option<QueryClass>,
    /// Headers that conditions of the config read.
    pub headers: BTreeMap<String, String>,
}

impl Default for RequestKind {
    fn default() -> Self {
        Self {
            share: 1.0,
            model: String::new(),
            capability: None,
            prompt_tokens: Amount::Fixed(200),
            output_tokens: Amount::Fixed(150),
            max_tokens: None,
            streamed: 1.0,
            sessions: None,
            priority: None,
            quality_tier: None,
            query_class: None,
            headers: BTreeMap::new(),
        }
    }
}

/// A number of tokens.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Amount {
    Fixed(u32),
    Drawn(DrawnAmount),
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct DrawnAmount {
    #[schemars(range(min = 0, max = 10_000_000))]
    pub mean: f64,
    /// Default: fixed.
    #[serde(default)]
    pub distribution: Distribution,
}

impl Amount {
    #[must_use]
    pub fn mean(self) -> f64 {
        match self {
            Self::Fixed(tokens) => f64::from(tokens),
            Self::Drawn(drawn) => drawn.mean,
        }
    }
}

/// The workload of a scenario without one, all of it asking for `target`.
pub fn mixed(target: &str) -> Vec<RequestKind> {
    let drawn =
        |mean: f64| Amount::Drawn(DrawnAmount { mean, distribution: Distribution::LogNormal });
    let kind = |share: f64, prompt: f64, output: f64, streamed: f64| RequestKind {
        share,
        model: target.to_owned(),
        prompt_tokens: drawn(prompt),
        output_tokens: drawn(output),
        streamed,
        ..RequestKind::default()
    };
    let question = kind(0.6, 150.0, 120.0, 1.0);
    let conversation = RequestKind { sessions: Some(50), ..kind(0.3, 1_000.0, 200.0, 1.0) };
    let document = kind(0.1, 2_000.0, 300.0, 0.5);
    vec![question, conversation, document]
}

/// The capability `chat`, else the model with the most deployments.
pub fn default_target(table: &Table) -> String {
    if table.capability_names.contains_key("chat") {
        return "chat".to_owned();
    }
    let models = table.models.iter().filter(|(_, model)| model.enabled);
    let widest = models.min_by_key(|(_, model)| Reverse(model.deployments.len()));
    widest.map(|(_, model)| model.name.clone()).unwrap_or_default()
}

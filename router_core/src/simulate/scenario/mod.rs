//! A scenario as it is written, declared once as the routing config is: serde builds it, and the schema
//! derived from the same types finds every mistake at its place.

mod checks;
mod fleet;
mod load;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::pointer::Pointer;
use crate::config::{remove, validate};
use crate::strategy::Strategy;
use crate::table::Table;

pub use fleet::{DeadAnswer, ProviderModel, Speed};
pub use load::{Amount, Arrivals, Process, RequestKind};

/// What the report calls the config's own strategies, and how they are asked for.
pub const CONFIGURED: &str = "configured";
/// Compared where a scenario names none: those that choose among equals by load, share or speed.
const COMPARED: [Strategy; 7] = [
    Strategy::RoundRobin,
    Strategy::Weighted,
    Strategy::SimpleShuffle,
    Strategy::LeastLoaded,
    Strategy::UsageBased,
    Strategy::FastestResponse,
    Strategy::MostCapacity,
];

/// A load on a modelled fleet, and what counts as a good answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct Scenario {
    pub description: Option<String>,
    /// Seconds during which requests arrive. Default: 600, or the whole of a recording.
    #[schemars(range(min = 0.001, max = 31_536_000))]
    pub duration_s: Option<f64>,
    /// The same seed gives the same report, byte for byte. Default: 1.
    pub seed: u64,
    /// Longest time to first token, milliseconds, that a streamed answer may take and still be good.
    /// Default: 2000.
    #[schemars(range(min = 0, max = 31_536_000_000_u64))]
    pub slo_ttft_ms: f64,
    /// Deadline of every request, seconds. Default: the config's `timeout`.
    #[schemars(range(min = 0.001, max = 31_536_000))]
    pub deadline_s: Option<f64>,
    /// Strategies to compare; `configured` is the config's own. Default: `configured` and each that
    /// chooses by load, share or speed.
    pub strategies: Vec<String>,
    pub arrivals: Arrivals,
    /// Model, capability or pool asked for by kinds of requests that name none. Default: `chat`, for
    /// the default workload.
    pub model: Option<String>,
    /// Kinds of requests. Default: a mix of short questions, conversations and documents.
    pub workload: Vec<RequestKind>,
    /// Models of providers, by id. Each is served at its configured capacity and prior time to first
    /// token where nothing else is said.
    pub providers: BTreeMap<String, ProviderModel>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            description: None,
            duration_s: None,
            seed: 1,
            slo_ttft_ms: 2_000.0,
            deadline_s: None,
            strategies: Vec::new(),
            arrivals: Arrivals::default(),
            model: None,
            workload: Vec::new(),
            providers: BTreeMap::new(),
        }
    }
}

impl Scenario {
    /// Reads a scenario given as JSON and checks it against the table it is for. `Err` holds every
    /// error, each with the place it is about.
    pub fn read(json: &[u8], table: &Table) -> Result<Self, Vec<Diagnostic>> {
        let root = Pointer::root();
        let refuse = |message: String| vec![Diagnostic::error("invalid-json", &root, message)];
        let mut written: Value = serde_json::from_slice(json)
            .map_err(|error| refuse(format!("the scenario is not valid JSON: {error}")))?;
        if written.is_null() {
            written = Value::Object(serde_json::Map::new());
        }
        let mut report = Report::default();
        let schema = schemars::schema_for!(Self).to_value();
        for place in validate::validate(&written, &schema, &mut report) {
            remove(&mut written, &place);
        }
        if report.has_errors() {
            return Err(report.into_diagnostics());
        }
        let mut scenario: Self = serde_json::from_value(written)
            .map_err(|error| refuse(format!("the scenario cannot be read: {error}")))?;
        scenario.fill(table);
        checks::check(&scenario, table, &mut report);
        if report.has_errors() {
            return Err(report.into_diagnostics());
        }
        Ok(scenario)
    }

    fn fill(&mut self, table: &Table) {
        if self.strategies.is_empty() {
            let compared = COMPARED.iter().map(|strategy| strategy.as_str());
            self.strategies =
                std::iter::once(CONFIGURED).chain(compared).map(str::to_owned).collect();
        }
        if self.workload.is_empty() {
            let target = self.model.clone().unwrap_or_else(|| load::default_target(table));
            self.workload = load::mixed(&target);
        }
        let silent = |kind: &&mut RequestKind| kind.model.is_empty() && kind.capability.is_none();
        for kind in self.workload.iter_mut().filter(silent) {
            kind.model = self.model.clone().unwrap_or_default();
        }
    }
}

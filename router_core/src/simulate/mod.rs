//! The fleet in virtual time: the real router against modelled providers, under a load that is the same
//! for every strategy. One direction of data: scenario, arrivals, run, report.

mod agenda;
mod arrivals;
mod draws;
mod drive;
mod provider;
mod reach;
mod report;
mod scenario;
mod tally;
mod workload;

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::router::Router;
use crate::table::Table;
use arrivals::Times as ArrivalTimes;
use draws::micros;
use drive::{drive, Setup};
use provider::ModelledProvider;
use reach::{capacity_per_s, reach, wanted_shares};
use report::LoadReport;
use scenario::{Scenario, CONFIGURED};
use tally::Frame;
use workload::Workload;

pub use arrivals::Recorded;
pub use provider::MS_PER_OUTPUT_TOKEN;
pub use report::{DeploymentReport, ModelReport, ProviderReport, Report, Times};

/// Most requests of one run: some minutes of work, and a gigabyte of figures.
pub const MOST_REQUESTS: u64 = 10_000_000;
const DURATION_S: f64 = 600.0;
/// Share of the fleet's modelled capacity where no rate is given.
const LOAD: f64 = 0.7;

/// A scenario on a table, ready to run under one strategy after another.
#[derive(Debug)]
pub struct Simulation {
    table: Arc<Table>,
    scenario: Scenario,
    recorded: Option<Arc<[Recorded]>>,
    rate_per_s: Option<f64>,
    capacity_per_s: f64,
    duration_s: f64,
    wanted: FxHashMap<usize, f64>,
}

impl Simulation {
    /// Reads and checks a scenario given as JSON. `recorded` are the requests of its recording. `Err` holds every error, each with the place in the scenario it is about.
    pub fn new(
        table: &Table,
        scenario: &[u8],
        recorded: Option<Vec<Recorded>>,
    ) -> Result<Self, Vec<Diagnostic>> {
        let mut table = table.clone();
        table.settings.allow_strategy_override = true;
        let table = Arc::new(table);
        let scenario = Scenario::read(scenario, &table)?;
        let workload = Workload::new(scenario.workload.clone(), scenario.seed);
        let mut router = Router::new(table.clone(), String::new());
        let reach = reach(&mut router, &workload).map_err(|(kind, refused)| {
            let at = Pointer::root().key("workload").index(kind);
            vec![Diagnostic::error("refused", &at, refused.message)]
        })?;
        let capacity = capacity_per_s(&reach, &workload, &fleet(&table, &scenario), &table);
        let wanted = wanted_shares(&reach, &table);
        let asked = &scenario.arrivals;
        let drawn = asked.rate_per_s.unwrap_or_else(|| asked.load.unwrap_or(LOAD) * capacity);
        let rate_per_s = recorded.is_none().then_some(drawn);
        let recorded = recorded.map(arrivals::from_the_first);
        let duration_s = scenario.duration_s.unwrap_or_else(|| recording_s(recorded.as_deref()));
        check_size(recorded.as_deref(), rate_per_s, duration_s)?;
        Ok(Self {
            table,
            scenario,
            recorded,
            rate_per_s,
            capacity_per_s: capacity,
            duration_s,
            wanted,
        })
    }

    /// The strategies to compare, in the order given.
    #[must_use]
    pub fn strategies(&self) -> &[String] {
        &self.scenario.strategies
    }

    /// Runs one of them.
    #[must_use]
    pub fn run(&self, strategy: &str) -> Report {
        let scenario = &self.scenario;
        let workload = Workload::new(scenario.workload.clone(), scenario.seed);
        let end_us = micros(self.duration_s * 1_000.0);
        let deadline_us = scenario
            .deadline_s
            .map_or(self.table.settings.timeout_us, |seconds| micros(seconds * 1_000.0));
        let setup = Setup {
            table: self.table.clone(),
            workload: &workload,
            times: self.times(end_us),
            fleet: fleet(&self.table, scenario),
            strategy: (strategy != CONFIGURED).then_some(strategy),
            seed: scenario.seed,
            deadline_us,
            slo_ttft_us: micros(scenario.slo_ttft_ms),
            end_us,
        };
        let ran = drive(setup);
        ran.tally.report(Frame {
            strategy,
            table: &self.table,
            fleet: &ran.fleet,
            wanted: &self.wanted,
            in_flight_at_end: ran.held,
            load: LoadReport {
                seed: scenario.seed,
                table_version: self.table.version.clone(),
                duration_s: self.duration_s,
                deadline_s: deadline_us as f64 / 1e6,
                slo_ttft_ms: scenario.slo_ttft_ms,
                rate_per_s: self.rate_per_s.map(report::rounded),
                capacity_per_s: report::rounded(self.capacity_per_s),
            },
        })
    }

    fn times(&self, end_us: u64) -> ArrivalTimes {
        match (&self.recorded, self.rate_per_s) {
            (None, Some(rate)) => {
                ArrivalTimes::drawn(&self.scenario.arrivals, rate, self.scenario.seed, end_us)
            }
            (recorded, _) => ArrivalTimes::recorded(recorded.clone().unwrap_or_default(), end_us),
        }
    }
}

fn fleet(table: &Table, scenario: &Scenario) -> Vec<ModelledProvider> {
    let model = |id: &str| scenario.providers.get(id).cloned().unwrap_or_default();
    let providers = table.providers.iter();
    providers.map(|(_, provider)| ModelledProvider::new(provider, model(&provider.id))).collect()
}

/// The whole of a recording, its last request included; a span of its own for what is drawn.
fn recording_s(recorded: Option<&[Recorded]>) -> f64 {
    recorded.map_or(DURATION_S, |rows| rows.last().map_or(0.0, |row| row.at_s) + 0.001)
}

fn check_size(
    recorded: Option<&[Recorded]>,
    rate_per_s: Option<f64>,
    duration_s: f64,
) -> Result<(), Vec<Diagnostic>> {
    let drawn = rate_per_s.map_or(0.0, |rate| rate * duration_s);
    let count = recorded.map_or(drawn, |rows| rows.len() as f64);
    if count <= MOST_REQUESTS as f64 {
        return Ok(());
    }
    let message = format!("about {count:.0} requests; one run takes at most {MOST_REQUESTS}");
    let found = Diagnostic::error("too-large", &Pointer::root().key("arrivals"), message);
    Err(vec![found.suggest("shorten the duration, or lower the rate")])
}

//! What a config promises before anything is sent: the graph of its fallback chains, the plan of every
//! model on an idle fleet, and what each provider or failure domain takes along when it goes. Reads only.

mod assumptions;
mod availability;
mod cost;
mod cycles;
mod graph;
mod losses;
mod monte_carlo;
mod paths;
mod plans;
mod queueing;
mod report;
mod scenarios;
mod traffic;

use std::borrow::Borrow;

use crate::table::{ModelId, Table};
use graph::{chain_graph, Graph};
use monte_carlo::monte_carlo;
use plans::{plans, Plan};
use queueing::queueing;
use scenarios::Scenarios;
use traffic::{flows, traffic};

pub use assumptions::{Assumptions, MOST_SAMPLES};
pub use cost::{ExpectedReport, FallbackCost, WorstReport};
pub use monte_carlo::{Estimate, ModelCheck, MonteCarloReport};
pub(crate) use plans::idle_choices;
pub use queueing::{Load, LoadReport, LossReport, QueueingReport};
pub use report::{
    BlastRadius, DomainReport, GraphReport, HopReport, LongestPathReport, ModelNode, ModelReport,
    PlaceKind, Point, Positions, ProviderNode, Report, SystemPoint, SystemReport, TerminalProvider,
};
pub use scenarios::{DownReport, ModelLeft, ScenarioReport};
pub use traffic::{ProviderShare, SpreadReport, TrafficReport};

/// Analyses a compiled config.
#[must_use]
pub fn analyze(table: &Table, assumptions: &Assumptions) -> Report {
    let plans = plans(table);
    let public: Vec<&Plan> = plans.iter().filter(|plan| plan.public).collect();
    let graph = chain_graph(table);
    let components = graph.components();
    let cycles = cycles::cycles(&graph, &components);
    let names = Names::of(table);
    let models: Vec<ModelReport> = plans.iter().map(|plan| plan.report(assumptions)).collect();
    let flows = flows(&public, assumptions);
    let scenarios = Scenarios { table, plans: &public, flows: &flows };
    let blast_radius = losses::blast_radius(table, &public);
    Report {
        table_version: table.version.clone(),
        attempt_limit: table.settings.max_attempts,
        nodes: graph.len(),
        edges: graph.edge_count(),
        cycles: cycles.iter().map(|way| names.told(way.iter().chain(way.first()))).collect(),
        longest_path: longest_path(&names, &graph, &components),
        terminal_models: names.told((0..graph.len()).filter(|node| graph.next(*node).is_empty())),
        terminal_providers: losses::terminal_providers(table, &public),
        system: system(&models, &blast_radius),
        models,
        positions: losses::positions(table, &public),
        blast_radius,
        traffic: traffic(table, &flows),
        fallback_cost: cost::fallback_cost(assumptions),
        scenarios: scenarios.built_in(),
        down: (!assumptions.down.is_empty()).then(|| scenarios.down(&assumptions.down)),
        queueing: assumptions.rate_per_s.map(|rate| queueing(table, &flows, rate, assumptions)),
        monte_carlo: assumptions
            .monte_carlo
            .map(|samples| monte_carlo(table, &public, samples, assumptions.seed)),
        assumptions: assumptions.clone(),
        graph: GraphReport::new(table, &graph),
    }
}

fn longest_path(names: &Names<'_>, graph: &Graph, components: &[Vec<usize>]) -> LongestPathReport {
    let found = paths::longest_path(graph, components);
    LongestPathReport {
        exact: found.nodes.len() == found.at_most,
        edges: found.nodes.len().saturating_sub(1),
        edges_at_most: found.at_most.saturating_sub(1),
        models: names.told(&found.nodes),
    }
}

fn system(models: &[ModelReport], blast_radius: &[BlastRadius]) -> SystemReport {
    let public: Vec<&ModelReport> = models.iter().filter(|model| model.public).collect();
    let lowest = public.iter().min_by(|one, other| one.availability.total_cmp(&other.availability));
    SystemReport {
        public_models: public.len(),
        lowest_availability: lowest.map(|model| model.availability),
        lowest_availability_model: lowest.map(|model| model.model.clone()),
        single_points_of_failure: losses::system_points(blast_radius, public.len()),
    }
}

/// The cycles of the chain graph, as the models on the way round.
pub(crate) fn cycles_of(table: &Table) -> Vec<Vec<ModelId>> {
    let graph = chain_graph(table);
    let ids: Vec<ModelId> = table.models.iter().map(|(id, _)| id).collect();
    let models = |way: &Vec<usize>| way.iter().filter_map(|node| ids.get(*node).copied()).collect();
    cycles::cycles(&graph, &graph.components()).iter().map(models).collect()
}

/// What the nodes of the chain graph are called.
struct Names<'t>(Vec<&'t str>);

impl<'t> Names<'t> {
    fn of(table: &'t Table) -> Self {
        Self(table.models.iter().map(|(_, model)| model.name.as_str()).collect())
    }

    fn told<N: Borrow<usize>>(&self, nodes: impl IntoIterator<Item = N>) -> Vec<String> {
        let name = |node: N| self.0.get(*node.borrow()).map(|name| (*name).to_owned());
        nodes.into_iter().filter_map(name).collect()
    }
}

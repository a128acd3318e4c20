//! What an analysis tells: plain figures, by the names of the config. Plans and what follows from them are
//! of public models only where not said otherwise; shares are 0…1.

use serde::Serialize;

use super::assumptions::Assumptions;
use super::cost::{ExpectedReport, FallbackCost, WorstReport};
use super::graph::Graph;
use super::monte_carlo::MonteCarloReport;
use super::queueing::QueueingReport;
use super::scenarios::{DownReport, ScenarioReport};
use super::traffic::TrafficReport;
use crate::table::{Location, ModelId, Table, Tier};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    pub table_version: String,
    /// Deployments of a plan that are tried.
    pub attempt_limit: u8,
    /// Models, and the edges of the chain graph.
    pub nodes: usize,
    pub edges: usize,
    /// Each as the way round, which ends where it began: for each edge on a cycle the shortest.
    pub cycles: Vec<Vec<String>>,
    pub longest_path: LongestPathReport,
    /// Models that lead to no other.
    pub terminal_models: Vec<String>,
    pub terminal_providers: Vec<TerminalProvider>,
    pub system: SystemReport,
    /// All models, public or not.
    pub models: Vec<ModelReport>,
    pub positions: Vec<Positions>,
    pub blast_radius: Vec<BlastRadius>,
    pub traffic: TrafficReport,
    pub fallback_cost: FallbackCost,
    pub scenarios: Vec<ScenarioReport>,
    /// What was assumed to be down, where anything was.
    pub down: Option<DownReport>,
    pub queueing: Option<QueueingReport>,
    pub monte_carlo: Option<MonteCarloReport>,
    pub assumptions: Assumptions,
    pub graph: GraphReport,
}

/// The longest simple path of the chain graph.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LongestPathReport {
    pub models: Vec<String>,
    pub edges: usize,
    /// False where the search ended at its bound: then the longest is one of `edges..=edges_at_most`.
    pub exact: bool,
    pub edges_at_most: usize,
}

/// A provider that plans end on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TerminalProvider {
    pub provider: String,
    pub models: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemReport {
    /// With an active deployment of their own.
    pub public_models: usize,
    pub lowest_availability: Option<f64>,
    pub lowest_availability_model: Option<String>,
    pub single_points_of_failure: Vec<SystemPoint>,
}

/// What leaves at least one public model without a deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemPoint {
    pub kind: PlaceKind,
    pub name: String,
    pub models: Vec<String>,
    /// Every public model is among them.
    pub all: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PlaceKind {
    Provider,
    FailureDomain,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    pub kind: PlaceKind,
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelReport {
    pub model: String,
    pub tier: Tier,
    /// It has an active deployment of its own.
    pub public: bool,
    pub availability: f64,
    /// Seconds in 30 days.
    pub downtime_s_per_month: f64,
    pub single_points_of_failure: Vec<Point>,
    pub failure_domains: Vec<DomainReport>,
    pub expected: ExpectedReport,
    pub worst: WorstReport,
    pub plan: Vec<HopReport>,
    /// Deployments of the plan past the attempt limit, which are left out here.
    pub beyond_attempt_limit: usize,
}

/// A failure domain of a plan, and the share of time in which it serves the plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DomainReport {
    pub failure_domain: String,
    pub up: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct HopReport {
    pub model: String,
    pub provider: String,
    pub failure_domain: String,
    pub tier: Option<Tier>,
    /// The probability that this hop is the first that is up.
    pub answers: f64,
    /// Change of the parameter count against the first hop, per cent.
    pub param_change_pct: Option<f64>,
    /// The same against the hop before.
    pub param_step_pct: Option<f64>,
    /// Of the capabilities of the model asked for.
    pub capabilities_kept: Vec<String>,
    pub capabilities_lost: Vec<String>,
}

/// How many plans have a provider first, second, and so on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Positions {
    pub provider: String,
    pub plans: Vec<usize>,
}

/// The models that lose a deployment of their plan with a provider or a failure domain, and those that
/// lose all of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BlastRadius {
    pub kind: PlaceKind,
    pub name: String,
    pub touched: Vec<String>,
    pub lost: Vec<String>,
}

/// What a drawing needs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GraphReport {
    pub providers: Vec<ProviderNode>,
    pub models: Vec<ModelNode>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ProviderNode {
    pub provider: String,
    pub failure_domain: String,
    pub location: Location,
    pub active: bool,
    pub availability: f64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelNode {
    pub model: String,
    pub tier: Tier,
    pub providers: Vec<String>,
    /// The members of its chain, in order.
    pub chain: Vec<String>,
}

impl GraphReport {
    pub(super) fn new(table: &Table, graph: &Graph) -> Self {
        let name = |id: ModelId| table.models.get(id).name.clone();
        let ids: Vec<ModelId> = table.models.iter().map(|(id, _)| id).collect();
        let chain = |node: usize| {
            let members = graph.next(node).iter().filter_map(|member| ids.get(*member));
            members.map(|member| name(*member)).collect()
        };
        let models = table.models.iter().map(|(id, model)| {
            let providers = model.deployments.iter().map(|own| table.provider_of(*own).id.clone());
            let providers = providers.collect();
            ModelNode { model: name(id), tier: model.tier, providers, chain: chain(id.index()) }
        });
        let providers = table.providers.iter().map(|(_, provider)| ProviderNode {
            provider: provider.id.clone(),
            failure_domain: provider.failure_domain.clone(),
            location: provider.location,
            active: provider.active,
            availability: provider.availability,
        });
        Self { providers: providers.collect(), models: models.collect() }
    }
}

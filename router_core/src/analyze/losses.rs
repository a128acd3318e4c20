//! What goes when a provider or a failure domain goes: which models lose a deployment of their plan, which
//! lose all of it; and where providers stand in the plans.

use rustc_hash::FxHashSet;

use super::plans::Plan;
use super::report::{BlastRadius, PlaceKind, Point, Positions, SystemPoint, TerminalProvider};
use crate::table::{DeploymentId, Provider, ProviderId, Table};

/// What can go: one provider, or all of a failure domain.
#[derive(Clone, Copy)]
pub enum Place<'t> {
    Provider(ProviderId, &'t Provider),
    FailureDomain(&'t str),
}

impl Place<'_> {
    pub fn holds(self, table: &Table, hop: DeploymentId) -> bool {
        match self {
            Self::Provider(id, _) => table.deployments.get(hop).provider == id,
            Self::FailureDomain(name) => table.provider_of(hop).failure_domain == name,
        }
    }

    fn touches(self, plan: &Plan<'_>) -> bool {
        plan.hops.iter().any(|hop| self.holds(plan.table, *hop))
    }

    /// Whether nothing is left; a plan of nothing loses nothing.
    fn takes_all(self, plan: &Plan<'_>) -> bool {
        self.touches(plan) && plan.hops.iter().all(|hop| self.holds(plan.table, *hop))
    }

    pub fn kind(self) -> PlaceKind {
        match self {
            Self::Provider(..) => PlaceKind::Provider,
            Self::FailureDomain(_) => PlaceKind::FailureDomain,
        }
    }

    pub fn name(self) -> String {
        match self {
            Self::Provider(_, provider) => provider.id.clone(),
            Self::FailureDomain(name) => name.to_owned(),
        }
    }
}

/// The provider and the failure domain whose loss leaves the plan without a deployment, where there is one.
pub fn single_points(plan: &Plan<'_>) -> Vec<Point> {
    let first = plan.hops.first().map(|hop| plan.table.deployments.get(*hop).provider);
    let places = first.into_iter().flat_map(|id| {
        let provider = plan.table.providers.get(id);
        [Place::Provider(id, provider), Place::FailureDomain(&provider.failure_domain)]
    });
    places
        .filter(|place| place.takes_all(plan))
        .map(|place| Point { kind: place.kind(), name: place.name() })
        .collect()
}

/// Every provider, then every failure domain, with the models it takes something from and those it takes
/// all from.
pub fn blast_radius(table: &Table, plans: &[&Plan<'_>]) -> Vec<BlastRadius> {
    let named = |found: Vec<&&Plan<'_>>| found.iter().map(|plan| plan.name().to_owned()).collect();
    places(table)
        .into_iter()
        .map(|place| BlastRadius {
            kind: place.kind(),
            name: place.name(),
            touched: named(plans.iter().filter(|plan| place.touches(plan)).collect()),
            lost: named(plans.iter().filter(|plan| place.takes_all(plan)).collect()),
        })
        .collect()
}

/// All that can go: every provider, then every failure domain.
pub fn places(table: &Table) -> Vec<Place<'_>> {
    let providers = || table.providers.iter();
    let mut places: Vec<Place> = Vec::new();
    places.extend(providers().map(|(id, provider)| Place::Provider(id, provider)));
    let mut seen = FxHashSet::default();
    let domains = providers().map(|(_, provider)| provider.failure_domain.as_str());
    places.extend(domains.filter(|name| seen.insert(*name)).map(Place::FailureDomain));
    places
}

/// The single points of failure of the whole: what leaves at least one model without a deployment.
pub fn system_points(blast_radius: &[BlastRadius], models: usize) -> Vec<SystemPoint> {
    let points = blast_radius.iter().filter(|place| !place.lost.is_empty());
    points
        .map(|place| SystemPoint {
            kind: place.kind,
            name: place.name.clone(),
            models: place.lost.clone(),
            all: place.lost.len() == models,
        })
        .collect()
}

/// Providers that plans end on.
pub fn terminal_providers(table: &Table, plans: &[&Plan<'_>]) -> Vec<TerminalProvider> {
    let ends_on = |id: ProviderId| {
        let last = |plan: &&&Plan<'_>| {
            plan.hops.last().is_some_and(|hop| table.deployments.get(*hop).provider == id)
        };
        plans.iter().filter(last).map(|plan| plan.name().to_owned()).collect::<Vec<_>>()
    };
    let all = table.providers.iter();
    all.map(|(id, provider)| TerminalProvider {
        provider: provider.id.clone(),
        models: ends_on(id),
    })
    .filter(|terminal| !terminal.models.is_empty())
    .collect()
}

/// How many plans have each provider at each place, from the first.
pub fn positions(table: &Table, plans: &[&Plan<'_>]) -> Vec<Positions> {
    let longest = plans.iter().map(|plan| plan.hops.len()).max().unwrap_or(0);
    let all = table.providers.iter();
    all.map(|(id, provider)| {
        let at = |place: usize| {
            let hops = plans.iter().filter_map(|plan| plan.hops.get(place));
            hops.filter(|hop| table.deployments.get(**hop).provider == id).count()
        };
        Positions { provider: provider.id.clone(), plans: (0..longest).map(at).collect() }
    })
    .collect()
}

//! The live state of the fleet: what is in flight, what is out and until when, what is owed to whom.
//! Everything is keyed by stable string ids and changed by plain methods with time passed in.

pub mod budget;
pub mod experiments;
pub mod permits;
mod snapshot;

use rustc_hash::FxHashMap;

use crate::experiment::ExperimentId;
use crate::outcome::{Outcome, OutcomeClass};
use crate::table::{DeploymentId, ProviderId, Table};
use crate::view::{DeploymentFigures, ProviderFigures, ShareGroup, View};
use experiments::{Bound, Experiments};
use permits::{Permits, Reported, Reservation};

pub use snapshot::{Snapshot, SNAPSHOT_VERSION};

/// Names of models kept from providers' lists.
const MOST_LISTED: usize = 10_000;
/// Share of capacity below which a saturated provider is free again (R12).
const FREE_BELOW: f64 = 0.6;
/// Share of capacity at which a provider is saturated (R12).
pub const SATURATED_AT: f64 = 0.8;

#[derive(Debug, Clone, Default)]
struct ProviderState {
    id: String,
    capacity: u32,
    figures: ProviderFigures,
}

impl ProviderState {
    fn in_flight_changed(&mut self) {
        let used = f64::from(self.figures.in_flight);
        let capacity = f64::from(self.capacity);
        if used >= SATURATED_AT * capacity {
            self.figures.saturated = true;
        } else if used < FREE_BELOW * capacity {
            self.figures.saturated = false;
        }
    }
}

#[derive(Debug, Clone, Default)]
struct DeploymentState {
    id: String,
    figures: DeploymentFigures,
}

/// Where the entries of one table stand in the state.
#[derive(Debug, Default)]
pub struct Bindings {
    providers: Vec<usize>,
    deployments: Vec<usize>,
    pub experiments: Vec<Bound>,
}

#[derive(Debug, Default)]
pub struct State {
    pub experiments: Experiments,
    providers: Vec<ProviderState>,
    deployments: Vec<DeploymentState>,
    provider_slots: FxHashMap<String, usize>,
    deployment_slots: FxHashMap<String, usize>,
    /// By group name and deployment slot.
    credits: FxHashMap<(ShareGroup, usize), f64>,
    permits: Permits,
    /// Parameter counts by model name, as providers list them.
    listed_sizes: FxHashMap<String, u64>,
    decisions: u64,
}

impl State {
    /// Finds or makes the slots of a table's providers and deployments. Slots are never removed, so
    /// permits of an older table keep pointing at what they reserved.
    pub fn bind(&mut self, table: &Table) -> Bindings {
        // Credits belong to a table's groups; a new table starts its shares afresh.
        self.credits.clear();
        Bindings {
            providers: table
                .providers
                .iter()
                .map(|(_, provider)| self.bind_provider(&provider.id, provider.capacity))
                .collect(),
            deployments: table
                .deployments
                .iter()
                .map(|(_, deployment)| self.bind_deployment(&deployment.id))
                .collect(),
            experiments: self.experiments.bind(table),
        }
    }

    fn bind_provider(&mut self, id: &str, capacity: u32) -> usize {
        let slot = *self.provider_slots.entry(id.to_owned()).or_insert_with(|| {
            self.providers.push(ProviderState { id: id.to_owned(), ..ProviderState::default() });
            self.providers.len() - 1
        });
        if let Some(state) = self.providers.get_mut(slot) {
            state.capacity = capacity;
            state.in_flight_changed();
        }
        slot
    }

    fn bind_deployment(&mut self, id: &str) -> usize {
        *self.deployment_slots.entry(id.to_owned()).or_insert_with(|| {
            self.deployments
                .push(DeploymentState { id: id.to_owned(), ..DeploymentState::default() });
            self.deployments.len() - 1
        })
    }

    /// Takes what providers say of their models' sizes; at most `MOST_LISTED` names are kept.
    pub fn learn_sizes(&mut self, sizes: impl IntoIterator<Item = (String, u64)>) {
        for (name, parameters) in sizes {
            if self.listed_sizes.len() < MOST_LISTED || self.listed_sizes.contains_key(&name) {
                self.listed_sizes.insert(name, parameters);
            }
        }
    }

    /// The number of the next decision of this process, from 1.
    pub fn next_decision(&mut self) -> u64 {
        self.decisions += 1;
        self.decisions
    }

    /// Whether a decision was made here, and lately.
    #[must_use]
    pub fn remembers(&self, decision: u64) -> bool {
        let lately = self.decisions.saturating_sub(experiments::REMEMBERED as u64);
        (1..=self.decisions).contains(&decision) && decision > lately
    }

    /// Takes a slot; the permit gives it back exactly once.
    pub fn reserve(
        &mut self,
        bindings: &Bindings,
        provider: ProviderId,
        deployment: DeploymentId,
        expires_us: u64,
    ) -> Option<u64> {
        let provider = *bindings.providers.get(provider.index())?;
        let deployment = *bindings.deployments.get(deployment.index())?;
        let state = self.providers.get_mut(provider)?;
        state.figures.in_flight += 1;
        state.in_flight_changed();
        self.deployments.get_mut(deployment)?.figures.in_flight += 1;
        Some(self.permits.issue(Reservation { deployment, provider, expires_us }))
    }

    /// Ends a permit with what was learnt.
    pub fn finish(
        &mut self,
        permit: u64,
        outcome: &Outcome,
        out_for_us: u64,
        now_us: u64,
    ) -> Reported {
        match self.permits.end(permit) {
            Ok(reservation) => {
                self.release(reservation);
                if outcome.class == OutcomeClass::RateLimited {
                    self.take_out(reservation.deployment, now_us.saturating_add(out_for_us));
                }
                Reported::Accepted
            }
            Err(reported) => reported,
        }
    }

    /// Ends the permits whose time is up; returns how many.
    pub fn expire(&mut self, now_us: u64) -> usize {
        let expired = self.permits.expire(now_us);
        for reservation in &expired {
            self.release(*reservation);
        }
        expired.len()
    }

    fn release(&mut self, reservation: Reservation) {
        if let Some(state) = self.providers.get_mut(reservation.provider) {
            state.figures.in_flight = state.figures.in_flight.saturating_sub(1);
            state.in_flight_changed();
        }
        if let Some(state) = self.deployments.get_mut(reservation.deployment) {
            state.figures.in_flight = state.figures.in_flight.saturating_sub(1);
        }
    }

    /// A cooldown's end only moves later (R13).
    fn take_out(&mut self, deployment: usize, until_us: u64) {
        if let Some(state) = self.deployments.get_mut(deployment) {
            state.figures.out_until_us = state.figures.out_until_us.max(until_us);
        }
    }

    /// Smooth weighted round robin after a pick: everyone earns its share, the chosen pays one.
    pub fn charge(&mut self, bindings: &Bindings, charge: &Charge) {
        for (deployment, share) in &charge.shares {
            let Some(slot) = bindings.deployments.get(deployment.index()) else { continue };
            *self.credits.entry((charge.group, *slot)).or_insert(0.0) += share;
        }
        let chosen = charge.shares.first().and_then(|(id, _)| bindings.deployments.get(id.index()));
        if let Some(slot) = chosen {
            *self.credits.entry((charge.group, *slot)).or_insert(0.0) -= 1.0;
        }
    }

    #[must_use]
    pub fn in_flight(&self) -> Vec<(&str, u32)> {
        self.providers.iter().map(|state| (state.id.as_str(), state.figures.in_flight)).collect()
    }
}

/// What a weighted pick changes: each eligible member's share of one request, the chosen one first.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    pub group: ShareGroup,
    pub shares: Vec<(DeploymentId, f64)>,
}

/// The live state as a decision sees it.
#[derive(Clone, Copy)]
pub struct LiveView<'s> {
    pub state: &'s State,
    pub bindings: &'s Bindings,
}

impl View for LiveView<'_> {
    fn provider(&self, id: ProviderId) -> ProviderFigures {
        let slot = self.bindings.providers.get(id.index());
        slot.and_then(|slot| self.state.providers.get(*slot)).map(|s| s.figures).unwrap_or_default()
    }

    fn deployment(&self, id: DeploymentId) -> DeploymentFigures {
        let slot = self.bindings.deployments.get(id.index());
        slot.and_then(|slot| self.state.deployments.get(*slot))
            .map(|s| s.figures)
            .unwrap_or_default()
    }

    fn listed_size(&self, name: &str) -> Option<u64> {
        self.state.listed_sizes.get(name).copied()
    }

    fn credit(&self, group: ShareGroup, id: DeploymentId) -> f64 {
        let slot = self.bindings.deployments.get(id.index());
        slot.and_then(|slot| self.state.credits.get(&(group, *slot))).copied().unwrap_or(0.0)
    }

    fn rolled_back(&self, id: ExperimentId) -> bool {
        self.state.experiments.rolled_back(&self.bindings.experiments, id)
    }
}

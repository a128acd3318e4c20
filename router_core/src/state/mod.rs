//! The live state of the fleet: what is in flight and waiting, what was measured, what is out and until
//! when, what is owed to whom. Everything is keyed by stable string ids and changed by plain methods
//! with time passed in.

mod breaker;
pub mod budget;
mod deployment;
pub mod experiments;
mod live;
pub mod permits;
mod provider;
mod recall;
mod shares;
mod snapshot;
pub mod spending;
mod suppose;
mod traffic;
mod waiting;
mod window;

use rustc_hash::FxHashMap;

use crate::allowance::Spender;
use crate::hold::Hold;
use crate::outcome::{Outcome, OutcomeClass};
use crate::price::Price;
use crate::settings::Settings;
use crate::table::{DeploymentId, ProviderId, Table};
use crate::view::{DeploymentFigures, Patience, ProviderFigures};
use breaker::RateLimit;
use deployment::{DeploymentState, Ended};
use experiments::{Bound, Experiments};
use permits::{Gone, Permits, Probes, Reported, Reservation};
use provider::ProviderState;
use shares::Shares;
use spending::Spending;

pub(crate) use breaker::LEAST_OUT_US;
pub use live::LiveView;
pub use provider::{LoadSignal, SATURATED_AT};
pub use shares::Charge;
pub use snapshot::{group_name, Snapshot, SNAPSHOT_VERSION};
pub use suppose::Slots;

/// Names of models kept from providers' lists.
const MOST_LISTED: usize = 10_000;

/// Where the entries of one table stand in the state.
#[derive(Debug, Default)]
pub struct Bindings {
    providers: Vec<usize>,
    deployments: Vec<usize>,
    pub experiments: Vec<Bound>,
}

impl Bindings {
    #[must_use]
    pub fn provider(&self, id: ProviderId) -> Option<usize> {
        self.providers.get(id.index()).copied()
    }

    #[must_use]
    pub fn deployment(&self, id: DeploymentId) -> Option<usize> {
        self.deployments.get(id.index()).copied()
    }
}

/// What a slot is taken for.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    pub provider: ProviderId,
    pub deployment: DeploymentId,
    pub expires_us: u64,
    /// Asked for as a stream, so that its first token can be told of.
    pub stream: bool,
    /// The caller waits for the whole answer, however it is asked for.
    pub whole: bool,
    /// Its first token and end will be told of as they happen, so its wait can count. A `Route`
    /// caller tells of both only at the end.
    pub watched: bool,
    /// Number of the decision it belongs to.
    pub decision: u64,
}

#[derive(Debug, Default)]
pub struct State {
    pub experiments: Experiments,
    pub spending: Spending,
    providers: Vec<ProviderState>,
    deployments: Vec<DeploymentState>,
    provider_slots: FxHashMap<String, usize>,
    deployment_slots: FxHashMap<String, usize>,
    shares: Shares,
    permits: Permits,
    /// Parameter counts by model name, as providers list them.
    listed_sizes: FxHashMap<String, u64>,
    decisions: u64,
}

impl State {
    /// Finds or makes the slots of a table's providers and deployments. Slots are never removed, so
    /// permits of an older table keep pointing at what they reserved.
    pub fn bind(&mut self, table: &Table) -> Bindings {
        self.shares.clear();
        let providers = table.providers.iter();
        let deployments = table.deployments.iter();
        Bindings {
            providers: providers
                .map(|(_, provider)| self.bind_provider(&provider.id, provider.capacity))
                .collect(),
            deployments: deployments
                .map(|(_, deployment)| {
                    let provider = table.providers.get(deployment.provider);
                    self.bind_deployment(&deployment.id, Patience::with(provider, &table.settings))
                })
                .collect(),
            experiments: self.experiments.bind(table),
        }
    }

    fn bind_provider(&mut self, id: &str, capacity: u32) -> usize {
        let slot = *self.provider_slots.entry(id.to_owned()).or_insert_with(|| {
            self.providers.push(ProviderState::new(id));
            self.providers.len() - 1
        });
        if let Some(state) = self.providers.get_mut(slot) {
            state.capacity = capacity;
        }
        slot
    }

    fn bind_deployment(&mut self, id: &str, patience: Patience) -> usize {
        let slot = *self.deployment_slots.entry(id.to_owned()).or_insert_with(|| {
            self.deployments.push(DeploymentState::new(id));
            self.deployments.len() - 1
        });
        if let Some(state) = self.deployments.get_mut(slot) {
            state.patience = patience;
        }
        slot
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

    /// The number of the decision just made.
    #[must_use]
    pub fn last_decision(&self) -> u64 {
        self.decisions
    }

    /// The decision and the deployment of a permit that can still be reported.
    #[must_use]
    pub fn reserved_by(&self, permit: u64) -> Option<(u64, &str)> {
        let reservation = self.permits.reservation(permit)?;
        let deployment = self.deployments.get(reservation.deployment)?;
        Some((reservation.decision, &deployment.id))
    }

    /// Whether a decision was made here, and lately.
    #[must_use]
    pub fn remembers(&self, decision: u64) -> bool {
        let lately = self.decisions.saturating_sub(experiments::REMEMBERED as u64);
        (1..=self.decisions).contains(&decision) && decision > lately
    }

    // ── Slots ───────────────────────────────────────────────────────────────────────────────────

    /// Takes a slot; the permit gives it back exactly once.
    pub fn reserve(
        &mut self,
        bindings: &Bindings,
        claim: &Claim,
        settings: &Settings,
        now_us: u64,
    ) -> Option<u64> {
        let provider = bindings.provider(claim.provider)?;
        let deployment = bindings.deployment(claim.deployment)?;
        let provider_state = self.providers.get_mut(provider)?;
        let deployment_state = self.deployments.get_mut(deployment)?;
        let permit = self.permits.issue(Reservation {
            deployment,
            provider,
            decision: claim.decision,
            begun_us: now_us,
            expires_us: claim.expires_us,
            stream: claim.stream,
            whole: claim.whole,
            first_token_seen: false,
            money: None,
            probes: Probes {
                deployment: deployment_state.reserve(settings, now_us),
                provider: provider_state.reserve(settings, now_us),
            },
        });
        if claim.watched {
            deployment_state.wait(permit, claim.stream, now_us);
        }
        Some(permit)
    }

    /// Sets aside what a request under way may cost.
    pub fn set_aside(&mut self, permit: u64, spender: &Spender, price: Price, now_us: u64) {
        if let Some(reservation) = self.permits.get_mut(permit) {
            reservation.money = self.spending.set_aside(spender, price, now_us);
        }
    }

    /// The first content of a request under way; harmless for one that ended or was told before.
    pub fn first_token(&mut self, permit: u64, settings: &Settings, now_us: u64) {
        let Some(reservation) = self.permits.get_mut(permit) else { return };
        if std::mem::replace(&mut reservation.first_token_seen, true) {
            return;
        }
        let reservation = *reservation;
        let age_us = now_us.saturating_sub(reservation.begun_us);
        if let Some(state) = self.deployments.get_mut(reservation.deployment) {
            state.stop_waiting(permit, reservation.stream);
            state.first_token(reservation.stream, age_us, settings, now_us);
        }
        if let Some(state) = self.providers.get_mut(reservation.provider) {
            state.alive(settings, now_us);
        }
    }

    /// Ends a permit with what was learnt.
    pub fn finish(
        &mut self,
        permit: u64,
        outcome: &Outcome,
        settings: &Settings,
        now_us: u64,
    ) -> Reported {
        match self.permits.end(permit) {
            Ok(reservation) => {
                self.release(permit, reservation, now_us);
                self.learn(reservation, outcome, settings, now_us);
                if let Some(money) = &reservation.money {
                    self.spending.settle(money, outcome, reservation.has_begun(outcome));
                }
                Reported::Accepted
            }
            // Too late for the slot, not for what it teaches: the slowest tell last.
            Err(Gone::Expired(held)) => {
                if let Some(reservation) = held {
                    self.learn(reservation, outcome, settings, now_us);
                    if let Some(money) = &reservation.money {
                        self.spending.correct(money, outcome, reservation.has_begun(outcome));
                    }
                }
                Reported::Expired
            }
            Err(Gone::Duplicate) => Reported::Duplicate,
            Err(Gone::Unknown) => Reported::Unknown,
        }
    }

    fn learn(
        &mut self,
        reservation: Reservation,
        outcome: &Outcome,
        settings: &Settings,
        now_us: u64,
    ) {
        let Reservation { provider, deployment, .. } = reservation;
        let (Some(provider), Some(state)) =
            (self.providers.get_mut(provider), self.deployments.get_mut(deployment))
        else {
            return;
        };
        let ended = Ended {
            stream: reservation.stream,
            whole: reservation.whole,
            age_us: now_us.saturating_sub(reservation.begun_us),
            first_token_seen: reservation.first_token_seen,
            probed: reservation.probes.deployment,
        };
        state.learn(outcome, ended, settings, now_us);
        provider.learn(outcome.class, reservation.probes.provider, settings, now_us);
        if outcome.class == OutcomeClass::RateLimited {
            let retry_after_us = outcome.retry_after_us;
            let limit = RateLimit { retry_after_us, again: reservation.probes.deployment };
            state.rate_limited(limit, settings, now_us);
            provider.rate_limited(deployment, retry_after_us, settings, now_us);
        }
    }

    /// Ends the permits whose time is up; returns how many.
    pub fn expire(&mut self, now_us: u64) -> usize {
        let expired = self.permits.expire(now_us);
        for (permit, reservation) in &expired {
            self.release(*permit, *reservation, now_us);
            if let Some(money) = &reservation.money {
                self.spending.expire(money);
            }
        }
        expired.len()
    }

    /// Drops what is too old to judge by. It looks at everything, so it is no part of a decision.
    pub fn forget(&mut self, now_us: u64) {
        self.providers.iter_mut().for_each(|state| state.forget(now_us));
        self.deployments.iter_mut().for_each(|state| state.forget(now_us));
    }

    fn release(&mut self, permit: u64, reservation: Reservation, now_us: u64) {
        if let Some(state) = self.providers.get_mut(reservation.provider) {
            state.release(reservation.probes.provider, now_us);
        }
        if let Some(state) = self.deployments.get_mut(reservation.deployment) {
            state.stop_waiting(permit, reservation.stream);
            state.release(reservation.probes.deployment);
        }
    }

    /// Smooth weighted round robin after a pick.
    pub fn charge(&mut self, bindings: &Bindings, charge: &Charge) {
        self.shares.charge(bindings, charge);
    }

    // ── What providers say, and whether they can be reached ─────────────────────────────────────

    /// Takes a provider's own figures of its load.
    pub fn signal(&mut self, provider: usize, signal: &LoadSignal, until_us: u64, now_us: u64) {
        if let Some(state) = self.providers.get_mut(provider) {
            state.signal(signal, until_us, now_us);
        }
    }

    /// Takes whether a deployment's model is loaded.
    pub fn warmth(&mut self, deployment: usize, loaded: bool, until_us: u64) {
        if let Some(state) = self.deployments.get_mut(deployment) {
            state.warmth(loaded, until_us);
        }
    }

    /// What an operator wants of a provider from now on; `None` puts it back into use.
    pub fn hold(&mut self, provider: usize, hold: Option<Hold>) {
        if let Some(state) = self.providers.get_mut(provider) {
            state.hold(hold);
        }
    }

    /// Whether a provider or one of these deployments of it cools down after faults of the connection,
    /// which an active probe may end. None is sent to one that an operator holds.
    #[must_use]
    pub fn may_be_probed(&self, provider: usize, deployments: &[usize], now_us: u64) -> bool {
        let Some(whole) = self.providers.get(provider) else { return false };
        let mut parts = deployments.iter().filter_map(|slot| self.deployments.get(*slot));
        whole.figures.held(now_us).is_none()
            && (whole.may_be_probed(now_us) || parts.any(|state| state.may_be_probed(now_us)))
    }

    /// An active probe got through to a provider.
    pub fn reached(&mut self, provider: usize, deployments: &[usize], now_us: u64) {
        if let Some(state) = self.providers.get_mut(provider) {
            state.reached(now_us);
        }
        for slot in deployments {
            if let Some(state) = self.deployments.get_mut(*slot) {
                state.reached(now_us);
            }
        }
    }

    // ── Looking ─────────────────────────────────────────────────────────────────────────────────

    #[must_use]
    pub fn in_flight(&self) -> Vec<(&str, u32)> {
        self.providers.iter().map(|state| (state.id.as_str(), state.figures.in_flight)).collect()
    }

    #[must_use]
    pub fn provider_figures(&self, slot: usize) -> Option<&ProviderFigures> {
        self.providers.get(slot).map(|state| &state.figures)
    }

    #[must_use]
    pub fn deployment_figures(&self, slot: usize) -> Option<&DeploymentFigures> {
        self.deployments.get(slot).map(|state| &state.figures)
    }
}

//! Decisions with what they were made of, and what the search for the nearest change does to the state
//! of a router of its own.

use std::sync::Arc;

use super::Router;
use crate::allowance;
use crate::choose::choose_before;
use crate::explain::{Change, Explained, Scores, WeightPlace};
use crate::facts::Facts;
use crate::record::Figures;
use crate::refusal::Refused;
use crate::state::{LiveView, Slots};
use crate::table::{DeploymentId, Table};
use crate::view::{ShareGroup, View};

impl Router {
    /// The decision as `explain` makes it, with what every candidate was scored by, and a copy of the
    /// state for the questions that follow.
    pub fn explained(
        &mut self,
        facts: &Facts,
        now_us: u64,
        seed: u64,
    ) -> Result<Explained, Refused> {
        let mut scores = Scores::new(&self.table, facts.stream, now_us);
        let decision = self.weighed(facts, now_us, seed, |router, view| {
            choose_before(&mut scores, &router.table, &view, facts, now_us, seed)
        })?;
        let figures = self.figures(facts, now_us);
        Ok(Explained { decision, facts: facts.clone(), scores, figures })
    }

    /// Everything a decision on this request, or on one like it, may read.
    fn figures(&self, facts: &Facts, now_us: u64) -> Figures {
        let snapshot = self.snapshot();
        let view = LiveView::new(&self.state, &self.bindings);
        let caller = allowance::caller(facts);
        let budgets = self.table.budgets.as_ref();
        Figures {
            providers: snapshot.providers,
            deployments: snapshot.deployments,
            shares: snapshot.shares,
            listed_sizes: [(facts.model.clone(), view.listed_size(&facts.model))].into(),
            rolled_back: snapshot.rolled_back,
            tallies: budgets.map(|_| self.state.spending.tallies(caller, now_us)),
        }
    }

    /// Makes a change to the state; one to the request or the seed is none of it.
    pub(crate) fn suppose(&mut self, change: &Change, facts: &Facts, now_us: u64) {
        let Some(at) = change.deployment().and_then(|id| self.slots(id)) else { return };
        let (state, settings) = (&mut self.state, &self.table.settings);
        match change {
            Change::MoreInFlight { requests, .. } => {
                state.suppose_more(at, *requests, settings, now_us);
            }
            Change::FewerInFlight { requests, .. } => state.suppose_fewer(at, *requests, now_us),
            Change::Slower { percent, .. } => state.suppose_slower(at, u64::from(*percent)),
            Change::Silent { for_us, .. } => {
                state.suppose_silent(at, facts.stream, now_us.saturating_sub(*for_us));
            }
            Change::CooldownEnds { .. } => state.suppose_back(at, now_us),
            Change::HoldEnds { .. } => state.hold(at.provider, None),
            Change::Weight { place, weight, .. } => self.reweigh(place, *weight),
            _ => {}
        }
    }

    /// Puts another wanted share into this router's own copy of the table.
    pub(crate) fn reweigh(&mut self, place: &WeightPlace, weight: f64) {
        if let Some(known) = weight_at(Arc::make_mut(&mut self.table), place) {
            *known = weight;
        }
    }

    fn slots(&self, id: DeploymentId) -> Option<Slots> {
        let provider = self.bindings.provider(self.table.deployments.get(id).provider)?;
        Some(Slots { provider, deployment: self.bindings.deployment(id)? })
    }
}

fn weight_at<'t>(table: &'t mut Table, place: &WeightPlace) -> Option<&'t mut f64> {
    let members = match place.shares {
        ShareGroup::Capability(id) => &mut table.capabilities.get_mut(id).members,
        ShareGroup::Pool(id) => &mut table.pools.get_mut(id).members,
        ShareGroup::Model(id) => match table.models.get(id).pool {
            Some(pool) => &mut table.pools.get_mut(pool).members,
            None => return Some(&mut table.deployments.get_mut(place.deployment).weight),
        },
    };
    members.get_mut(place.member).map(|member| &mut member.weight)
}

//! What the router asks of the budgets on cloud spending: who spends on a request and where it belongs,
//! what is left to it, and what an attempt sets aside.

use super::Router;
use crate::allowance::{Allowance, Home, Spender};
use crate::choose::{choose, Choice};
use crate::facts::Facts;
use crate::state::LiveView;
use crate::table::{DeploymentId, Table};

impl Router {
    /// The choice by rule alone, that of an idle and healthy fleet, where fallback to the cloud has a
    /// limit. If that one is local, the cloud is a fallback, be it after a failure or for want of room.
    pub(super) fn by_rule(&self, facts: &Facts, now_us: u64, seed: u64) -> Option<Choice> {
        self.table.budgets.as_ref()?.fallback_share?;
        let idle = LiveView { idle: true, ..LiveView::new(&self.state, &self.bindings) };
        choose(&self.table, &idle, facts, now_us, seed).ok()
    }

    /// `None` where no budgets are configured.
    pub(super) fn spender(&self, facts: &Facts, by_rule: Option<&Choice>) -> Option<Spender> {
        let budgets = self.table.budgets.as_ref()?;
        let first = by_rule.and_then(|choice| choice.plan.first());
        let in_cloud =
            first.is_some_and(|first| self.table.provider_of(first.deployment).is_in_cloud());
        let limited = budgets.fallback_share.is_some();
        let home = if limited && !in_cloud { Home::Local } else { Home::Cloud };
        Some(Spender::of(facts, budgets, home))
    }

    pub(super) fn allowance(
        &self,
        table: &Table,
        spender: Option<&Spender>,
        now_us: u64,
    ) -> Option<Allowance> {
        let (budgets, spender) = (table.budgets.as_ref()?, spender?);
        Some(self.state.spending.allowance(budgets, spender, now_us))
    }

    /// An attempt on a deployment begins: its money is set aside, and if it is a fallback to the cloud
    /// it counts as one.
    pub(super) fn set_aside(
        &mut self,
        permit: u64,
        spender: &mut Option<Spender>,
        table: &Table,
        deployment: DeploymentId,
        now_us: u64,
    ) {
        let Some(spender) = spender else { return };
        let provider = table.provider_of(deployment);
        if provider.is_in_cloud() {
            self.state.set_aside(permit, spender, provider.price, now_us);
            if spender.home.is_away(deployment) {
                self.state.spending.fell_back(now_us);
            }
        }
        if spender.home == Home::Cloud {
            spender.home = Home::On(deployment);
        }
    }
}

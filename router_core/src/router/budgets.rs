//! What the router asks of the budgets on cloud spending: who spends on a request and where it belongs,
//! what is left to it, and what an attempt sets aside.

use super::Router;
use crate::allowance::{Allowance, Home, Spender};
use crate::choose::choose;
use crate::facts::Facts;
use crate::state::LiveView;
use crate::table::{DeploymentId, Location, Table};

impl Router {
    /// `None` where no budgets are configured.
    pub(super) fn spender(&self, facts: &Facts, now_us: u64, seed: u64) -> Option<Spender> {
        let budgets = self.table.budgets.as_ref()?;
        let home = match budgets.fallback_share {
            Some(_) => self.home(facts, now_us, seed),
            None => Home::Cloud,
        };
        Some(Spender::of(facts, budgets, home))
    }

    /// Whatever keeps a request from its first choice by rule would be gone in an idle, healthy fleet:
    /// where that one is local, the cloud is a fallback, be it after a failure or for want of room.
    fn home(&self, facts: &Facts, now_us: u64, seed: u64) -> Home {
        let idle = LiveView { idle: true, ..LiveView::new(&self.state, &self.bindings) };
        let choice = choose(&self.table, &idle, facts, now_us, seed);
        let first = choice.ok().and_then(|choice| choice.plan.first().map(|hop| hop.deployment));
        match first {
            Some(first) if is_cloud(&self.table, first) => Home::Cloud,
            _ => Home::Local,
        }
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
        if is_cloud(table, deployment) {
            let price = table.providers.get(table.deployments.get(deployment).provider).price;
            self.state.set_aside(permit, spender, price, now_us);
            if spender.home.is_away(deployment) {
                self.state.spending.fell_back(now_us);
            }
        }
        if spender.home == Home::Cloud {
            spender.home = Home::On(deployment);
        }
    }
}

fn is_cloud(table: &Table, deployment: DeploymentId) -> bool {
    let provider = table.deployments.get(deployment).provider;
    table.providers.get(provider).location == Location::Cloud
}

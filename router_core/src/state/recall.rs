//! Sets the state to what a recorded decision read, figure by figure as it stood: unlike a snapshot,
//! which may be written by hand, nothing is worked out anew.

use std::collections::BTreeMap;

use super::snapshot::{group_name, groups};
use super::{Bindings, State};
use crate::record::Figures;
use crate::table::{DeploymentId, Table};
use crate::view::ShareGroup;

impl State {
    /// What the figures do not name stays as it is, and so do names the table does not know. `caller` is
    /// whose request it was.
    pub fn recall(
        &mut self,
        figures: &Figures,
        table: &Table,
        bindings: &Bindings,
        caller: &str,
        now_us: u64,
    ) {
        for (id, of) in &figures.providers {
            let slot = self.provider_slots.get(id);
            if let Some(state) = slot.and_then(|slot| self.providers.get_mut(*slot)) {
                state.figures.clone_from(of);
            }
        }
        for (id, of) in &figures.deployments {
            let slot = self.deployment_slots.get(id);
            if let Some(state) = slot.and_then(|slot| self.deployments.get_mut(*slot)) {
                state.figures = *of;
            }
        }
        if !figures.shares.is_empty() {
            self.recall_shares(figures, table, bindings);
        }
        for (name, size) in &figures.listed_sizes {
            match size {
                Some(size) => _ = self.listed_sizes.insert(name.clone(), *size),
                None => _ = self.listed_sizes.remove(name),
            }
        }
        self.experiments.recall_rollbacks(&figures.rolled_back);
        if let Some(tallies) = &figures.tallies {
            self.spending.recall(tallies, caller, now_us);
        }
    }

    fn recall_shares(&mut self, figures: &Figures, table: &Table, bindings: &Bindings) {
        let groups: BTreeMap<String, ShareGroup> =
            groups(table).map(|group| (group_name(group, table), group)).collect();
        let ids: BTreeMap<&str, DeploymentId> =
            table.deployments.iter().map(|(id, deployment)| (deployment.id.as_str(), id)).collect();
        for (name, owed) in &figures.shares {
            let Some(group) = groups.get(name) else { continue };
            self.shares.clear_group(*group);
            for (id, credit) in owed {
                let slot = ids.get(id.as_str()).and_then(|id| bindings.deployment(*id));
                if let Some(slot) = slot {
                    self.shares.set(*group, slot, *credit);
                }
            }
        }
    }
}

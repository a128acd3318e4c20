//! Sets the state to what a recorded decision read, figure by figure as it stood: unlike a snapshot,
//! which may be written by hand, nothing is worked out anew.

use super::snapshot::group_name;
use super::{Bindings, State};
use crate::record::Figures;
use crate::table::Table;

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
            // Of a group that is named, what is left out is owed nothing.
            self.shares.forget(|group| figures.shares.contains_key(&group_name(group, table)));
            self.restore_shares(&figures.shares, table, bindings, &mut Vec::new());
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
}

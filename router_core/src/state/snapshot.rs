//! The state as versioned JSON: golden cases, the `--state` file and what replicas exchange are this
//! one shape. A figure left out counts as that of an idle, healthy fleet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::spending::SpendingFigures;
use super::{Bindings, State};
use crate::table::{DeploymentId, Table};
use crate::view::{DeploymentFigures, ProviderFigures, ShareGroup};

pub const SNAPSHOT_VERSION: u32 = 3;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub version: u32,
    #[serde(default)]
    pub providers: BTreeMap<String, ProviderFigures>,
    #[serde(default)]
    pub deployments: BTreeMap<String, DeploymentFigures>,
    /// Requests owed by group (`pool general-chat`) and deployment id.
    #[serde(default)]
    pub shares: BTreeMap<String, BTreeMap<String, f64>>,
    /// Experiments the guardrail has ended. Their figures stay behind: what follows from them for a
    /// decision is here.
    #[serde(default)]
    pub rolled_back: Vec<String>,
    #[serde(default)]
    pub spending: SpendingFigures,
}

impl State {
    #[must_use]
    pub fn snapshot(&self, table: &Table) -> Snapshot {
        let providers =
            self.providers.iter().map(|state| (state.id.clone(), state.figures.clone()));
        let deployments = self.deployments.iter().map(|state| (state.id.clone(), state.figures));
        let mut shares = BTreeMap::<String, BTreeMap<String, f64>>::new();
        for (group, slot, credit) in self.shares.iter() {
            if let Some(state) = self.deployments.get(slot) {
                let owed = shares.entry(group_name(group, table)).or_default();
                owed.insert(state.id.clone(), credit);
            }
        }
        Snapshot {
            version: SNAPSHOT_VERSION,
            providers: providers.collect(),
            deployments: deployments.collect(),
            shares,
            rolled_back: self.experiments.names_rolled_back().map(str::to_owned).collect(),
            spending: self.spending.figures(),
        }
    }

    /// Loads a snapshot as it stands, in-flight counts included: for explanations and tests, where no
    /// permit will ever give a slot back. Ids, groups and experiments the state does not know are
    /// returned.
    pub fn restore(
        &mut self,
        snapshot: &Snapshot,
        table: &Table,
        bindings: &Bindings,
    ) -> Vec<String> {
        let mut unknown = Vec::new();
        for (id, figures) in &snapshot.providers {
            let slot = self.provider_slots.get(id);
            match slot.and_then(|slot| self.providers.get_mut(*slot)) {
                Some(state) => state.restore(figures),
                None => unknown.push(id.clone()),
            }
        }
        for (id, figures) in &snapshot.deployments {
            let slot = self.deployment_slots.get(id);
            match slot.and_then(|slot| self.deployments.get_mut(*slot)) {
                Some(state) => state.figures = *figures,
                None => unknown.push(id.clone()),
            }
        }
        self.restore_shares(&snapshot.shares, table, bindings, &mut unknown);
        self.spending.restore(&snapshot.spending);
        for name in &snapshot.rolled_back {
            if !self.experiments.restore_rollback(name) {
                unknown.push(name.clone());
            }
        }
        unknown
    }

    /// Loads what groups owe; names that are not known are added to `unknown`.
    pub(super) fn restore_shares(
        &mut self,
        shares: &BTreeMap<String, BTreeMap<String, f64>>,
        table: &Table,
        bindings: &Bindings,
        unknown: &mut Vec<String>,
    ) {
        let groups: BTreeMap<String, ShareGroup> =
            groups(table).map(|group| (group_name(group, table), group)).collect();
        let ids: BTreeMap<&str, DeploymentId> =
            table.deployments.iter().map(|(id, deployment)| (deployment.id.as_str(), id)).collect();
        for (name, owed) in shares {
            let Some(group) = groups.get(name) else {
                unknown.push(name.clone());
                continue;
            };
            for (id, credit) in owed {
                match ids.get(id.as_str()).and_then(|id| bindings.deployment(*id)) {
                    Some(slot) => self.shares.set(*group, slot, *credit),
                    None => unknown.push(id.clone()),
                }
            }
        }
    }
}

fn groups(table: &Table) -> impl Iterator<Item = ShareGroup> + '_ {
    let models = table.models.iter().map(|(id, _)| ShareGroup::Model(id));
    let pools = table.pools.iter().map(|(id, _)| ShareGroup::Pool(id));
    let capabilities = table.capabilities.iter().map(|(id, _)| ShareGroup::Capability(id));
    models.chain(pools).chain(capabilities)
}

/// `pool general-chat`.
#[must_use]
pub fn group_name(group: ShareGroup, table: &Table) -> String {
    match group {
        ShareGroup::Model(id) => format!("model {}", table.models.get(id).name),
        ShareGroup::Pool(id) => format!("pool {}", table.pools.get(id).name),
        ShareGroup::Capability(id) => format!("capability {}", table.capabilities.get(id).name),
    }
}

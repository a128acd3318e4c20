//! The state as versioned JSON: golden cases, the `--state` file and what replicas exchange are this
//! one shape. In-flight counts are shown but never loaded into a live router: permits own them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::State;

pub const SNAPSHOT_VERSION: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    pub version: u32,
    #[serde(default)]
    pub providers: BTreeMap<String, Figures>,
    #[serde(default)]
    pub deployments: BTreeMap<String, Figures>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Figures {
    pub in_flight: u32,
    /// Wall-anchored microseconds.
    pub out_until_us: u64,
}

impl State {
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let providers = self.providers.iter().map(|state| {
            let figures = &state.figures;
            let row = Figures { in_flight: figures.in_flight, out_until_us: figures.out_until_us };
            (state.id.clone(), row)
        });
        let deployments = self.deployments.iter().map(|state| {
            let figures = &state.figures;
            let row = Figures { in_flight: figures.in_flight, out_until_us: figures.out_until_us };
            (state.id.clone(), row)
        });
        Snapshot {
            version: SNAPSHOT_VERSION,
            providers: providers.collect(),
            deployments: deployments.collect(),
        }
    }

    /// Loads a snapshot as it stands, in-flight counts included: for explanations and tests, where no
    /// permit will ever give a slot back. Ids the state does not know are returned.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Vec<String> {
        let mut unknown = Vec::new();
        for (id, row) in &snapshot.providers {
            let slot = self.provider_slots.get(id);
            match slot.and_then(|slot| self.providers.get_mut(*slot)) {
                Some(state) => {
                    state.figures.in_flight = row.in_flight;
                    state.figures.out_until_us = row.out_until_us;
                    state.in_flight_changed();
                }
                None => unknown.push(id.clone()),
            }
        }
        for (id, row) in &snapshot.deployments {
            let slot = self.deployment_slots.get(id);
            match slot.and_then(|slot| self.deployments.get_mut(*slot)) {
                Some(state) => {
                    state.figures.in_flight = row.in_flight;
                    state.figures.out_until_us = row.out_until_us;
                }
                None => unknown.push(id.clone()),
            }
        }
        unknown
    }
}

//! The figures a decision read, by the names of the config: the `view` of a record. What is left out
//! of an entry is at rest.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::recorder::Read;
use crate::state::group_name;
use crate::state::spending::Tallies;
use crate::table::Table;
use crate::view::{DeploymentFigures, ProviderFigures};

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Figures {
    pub providers: BTreeMap<String, ProviderFigures>,
    pub deployments: BTreeMap<String, DeploymentFigures>,
    /// Requests owed by group (`pool general-chat`) and deployment id; the rest of a group is owed
    /// nothing.
    pub shares: BTreeMap<String, BTreeMap<String, f64>>,
    /// Parameter counts as providers list them; null where none does.
    pub listed_sizes: BTreeMap<String, Option<u64>>,
    /// Experiments the guardrail had ended.
    pub rolled_back: Vec<String>,
    /// What the budgets had counted; null without budgets.
    pub tallies: Option<Tallies>,
}

impl Figures {
    #[must_use]
    pub fn of(read: &Read, table: &Table) -> Self {
        let deployment = |id| table.deployments.get(id).id.clone();
        let providers = read.providers.iter();
        let deployments = read.deployments.iter();
        let owed = |owed: &Vec<_>| owed.iter().map(|(id, owed)| (deployment(*id), *owed)).collect();
        Self {
            providers: providers
                .map(|(id, figures)| (table.providers.get(*id).id.clone(), figures.clone()))
                .collect(),
            deployments: deployments.map(|(id, figures)| (deployment(*id), *figures)).collect(),
            shares: read
                .shares
                .iter()
                .map(|(group, of_group)| (group_name(*group, table), owed(of_group)))
                .collect(),
            listed_sizes: read.listed_sizes.iter().cloned().collect(),
            rolled_back: read
                .rolled_back
                .iter()
                .map(|id| table.experiments.get(*id).name.clone())
                .collect(),
            tallies: read.tallies,
        }
    }
}

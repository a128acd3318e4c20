//! Where in the config the plans come from: kept while it is compiled, so that a finding about a plan can
//! point at the member at fault.

use rustc_hash::FxHashMap;

use crate::config::pointer::Pointer;
use crate::table::{DeploymentId, ModelId, Table, Target};

/// Places by model.
#[derive(Debug, Default)]
pub struct Places {
    /// The entries of models; of those that the file itself has.
    pub models: FxHashMap<ModelId, Pointer>,
    pub chains: FxHashMap<ModelId, ChainPlaces>,
    /// Every name that refers to a model.
    pub references: Vec<(ModelId, Pointer)>,
}

/// A model's chain and its steps.
#[derive(Debug)]
pub struct ChainPlaces {
    pub at: Pointer,
    pub steps: Vec<(Target, Pointer)>,
}

impl Places {
    /// The chain of a model, else its entry; `None` for one that the file says nothing of.
    #[must_use]
    pub fn of(&self, model: ModelId) -> Option<&Pointer> {
        self.chains.get(&model).map(|chain| &chain.at).or_else(|| self.models.get(&model))
    }

    /// The step of a model's chain that leads to a deployment.
    #[must_use]
    pub fn step(&self, table: &Table, model: ModelId, hop: DeploymentId) -> Option<&Pointer> {
        let steps = &self.chains.get(&model)?.steps;
        let leads = |(target, _): &&(Target, Pointer)| table.deployments_of(target).contains(&hop);
        steps.iter().find(leads).map(|(_, at)| at)
    }
}

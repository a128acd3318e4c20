//! The live figures with a note of which were read. Only those are copied, once the decision is made.

use std::cell::RefCell;

use crate::allowance::Allowance;
use crate::experiment::ExperimentId;
use crate::state::spending::Tallies;
use crate::state::LiveView;
use crate::table::{DeploymentId, ProviderId, Table};
use crate::view::{DeploymentFigures, ProviderFigures, ShareGroup, View};

/// What one decision read, by the ids of its table.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Read {
    pub providers: Vec<(ProviderId, ProviderFigures)>,
    pub deployments: Vec<(DeploymentId, DeploymentFigures)>,
    /// Of the deployments above; those that are owed nothing are left out.
    pub shares: Vec<(ShareGroup, Vec<(DeploymentId, f64)>)>,
    /// Names whose size only a provider's list may tell.
    pub listed_sizes: Vec<(String, Option<u64>)>,
    pub rolled_back: Vec<ExperimentId>,
    /// Where the table has budgets.
    pub tallies: Option<Tallies>,
}

impl Read {
    /// How many figures it holds, for bounds.
    #[must_use]
    pub fn len(&self) -> usize {
        let owed: usize = self.shares.iter().map(|(_, owed)| owed.len()).sum();
        self.providers.len() + self.deployments.len() + owed + self.listed_sizes.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A view that notes what is read through it.
pub struct Recorder<'s> {
    view: LiveView<'s>,
    seen: RefCell<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    /// By the index of the id.
    providers: Vec<bool>,
    deployments: Vec<bool>,
    groups: Vec<ShareGroup>,
    names: Vec<String>,
    experiments: Vec<ExperimentId>,
}

impl<'s> Recorder<'s> {
    #[must_use]
    pub fn new(view: LiveView<'s>, table: &Table) -> Self {
        let seen = Seen {
            providers: vec![false; table.providers.len()],
            deployments: vec![false; table.deployments.len()],
            ..Seen::default()
        };
        Self { view, seen: RefCell::new(seen) }
    }

    /// Copies what was read.
    #[must_use]
    pub fn read(self, table: &Table, tallies: Option<Tallies>) -> Read {
        let Self { view, seen } = self;
        let seen = seen.into_inner();
        let is_seen = |seen: &[bool], index: usize| seen.get(index).copied().unwrap_or(false);
        let providers = table.providers.iter().map(|(id, _)| id);
        let deployments = table.deployments.iter().map(|(id, _)| id);
        let read: Vec<DeploymentId> =
            deployments.filter(|id| is_seen(&seen.deployments, id.index())).collect();
        let owed = |group: ShareGroup| {
            let credit = view.credits(group);
            let owed = read.iter().map(|id| (*id, credit(*id))).filter(|(_, owed)| *owed != 0.0);
            (group, owed.collect())
        };
        Read {
            providers: providers
                .filter(|id| is_seen(&seen.providers, id.index()))
                .map(|id| (id, view.provider(id).clone()))
                .collect(),
            deployments: read.iter().map(|id| (*id, *view.deployment(*id))).collect(),
            shares: seen.groups.into_iter().map(owed).collect(),
            listed_sizes: seen
                .names
                .into_iter()
                .map(|name| (view.listed_size(&name), name))
                .map(|(size, name)| (name, size))
                .collect(),
            rolled_back: seen.experiments,
            tallies,
        }
    }
}

fn note<T: PartialEq>(known: &mut Vec<T>, new: T) {
    if !known.contains(&new) {
        known.push(new);
    }
}

impl View for Recorder<'_> {
    fn provider(&self, id: ProviderId) -> &ProviderFigures {
        if let Some(seen) = self.seen.borrow_mut().providers.get_mut(id.index()) {
            *seen = true;
        }
        self.view.provider(id)
    }

    fn deployment(&self, id: DeploymentId) -> &DeploymentFigures {
        if let Some(seen) = self.seen.borrow_mut().deployments.get_mut(id.index()) {
            *seen = true;
        }
        self.view.deployment(id)
    }

    fn listed_size(&self, name: &str) -> Option<u64> {
        let names = &mut self.seen.borrow_mut().names;
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
        self.view.listed_size(name)
    }

    fn credits(&self, group: ShareGroup) -> impl Fn(DeploymentId) -> f64 {
        note(&mut self.seen.borrow_mut().groups, group);
        self.view.credits(group)
    }

    fn rolled_back(&self, id: ExperimentId) -> bool {
        let rolled_back = self.view.rolled_back(id);
        if rolled_back {
            note(&mut self.seen.borrow_mut().experiments, id);
        }
        rolled_back
    }

    fn allowance(&self) -> Option<&Allowance> {
        self.view.allowance()
    }
}

//! The live state as a decision sees it.

use super::{Bindings, State};
use crate::allowance::Allowance;
use crate::experiment::ExperimentId;
use crate::table::{DeploymentId, ProviderId};
use crate::view::{DeploymentFigures, ProviderFigures, ShareGroup, View};

#[derive(Clone, Copy)]
pub struct LiveView<'s> {
    pub state: &'s State,
    pub bindings: &'s Bindings,
    pub allowance: Option<Allowance>,
    /// As if nothing were under way, measured, or out.
    pub idle: bool,
}

impl<'s> LiveView<'s> {
    #[must_use]
    pub fn new(state: &'s State, bindings: &'s Bindings) -> Self {
        Self { state, bindings, allowance: None, idle: false }
    }
}

static IDLE_PROVIDER: std::sync::LazyLock<ProviderFigures> =
    std::sync::LazyLock::new(ProviderFigures::default);
static IDLE_DEPLOYMENT: std::sync::LazyLock<DeploymentFigures> =
    std::sync::LazyLock::new(DeploymentFigures::default);

impl View for LiveView<'_> {
    fn provider(&self, id: ProviderId) -> &ProviderFigures {
        let slot = self.bindings.provider(id).filter(|_| !self.idle);
        slot.and_then(|slot| self.state.provider_figures(slot)).unwrap_or_else(|| &IDLE_PROVIDER)
    }

    fn deployment(&self, id: DeploymentId) -> &DeploymentFigures {
        let slot = self.bindings.deployment(id).filter(|_| !self.idle);
        slot.and_then(|slot| self.state.deployment_figures(slot))
            .unwrap_or_else(|| &IDLE_DEPLOYMENT)
    }

    fn listed_size(&self, name: &str) -> Option<u64> {
        self.state.listed_sizes.get(name).copied()
    }

    fn credits(&self, group: ShareGroup) -> impl Fn(DeploymentId) -> f64 {
        let credits = self.state.shares.of(group);
        move |id| {
            let slot = self.bindings.deployment(id);
            slot.and_then(|slot| credits.get(slot)).copied().unwrap_or(0.0)
        }
    }

    fn rolled_back(&self, id: ExperimentId) -> bool {
        self.state.experiments.rolled_back(&self.bindings.experiments, id)
    }

    fn allowance(&self) -> Option<&Allowance> {
        self.allowance.as_ref()
    }
}

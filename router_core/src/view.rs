//! The figures a decision reads. `choose` sees the live state through this alone, so that a recorded
//! view gives the same choice again.

use crate::experiment::ExperimentId;
use crate::table::{CapabilityId, DeploymentId, ModelId, PoolId, ProviderId};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ProviderFigures {
    pub in_flight: u32,
    /// Microseconds; not used before this time. 0 is never out.
    pub out_until_us: u64,
    /// Past the saturation threshold, with hysteresis (R12).
    pub saturated: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeploymentFigures {
    pub in_flight: u32,
    /// As for a provider.
    pub out_until_us: u64,
}

/// Whose traffic shares a credit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShareGroup {
    Model(ModelId),
    Pool(PoolId),
    Capability(CapabilityId),
}

pub trait View {
    fn provider(&self, id: ProviderId) -> ProviderFigures;
    fn deployment(&self, id: DeploymentId) -> DeploymentFigures;
    /// Parameter count of a name that only a provider's own list of models knows.
    fn listed_size(&self, name: &str) -> Option<u64>;
    /// Smooth weighted round robin: what this deployment is owed, in requests.
    fn credit(&self, group: ShareGroup, id: DeploymentId) -> f64;
    /// Whether the guardrail has ended an experiment (R14).
    fn rolled_back(&self, id: ExperimentId) -> bool;
}

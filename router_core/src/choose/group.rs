//! One group of candidates that a strategy orders together: the deployments of a model, the members of
//! a pool, or those of a capability where the strategy compares deployments.

use super::scene::{Candidate, Scene};
use crate::state::Charge;
use crate::strategy::{adaptive_weighted, quality_based, Entry, Scope, Strategy};
use crate::table::{Capability, CapabilityId, ModelId, Pool, PoolId, StrategyParameters};
use crate::view::{ShareGroup, View};

/// How a group is judged and ordered.
pub struct Group<'g> {
    pub shares: ShareGroup,
    pub strategy: Strategy,
    pub parameters: StrategyParameters,
    pub scope: Scope,
    pub same_model: bool,
    /// The capability entry whose minimums apply.
    pub minimum: Option<&'g Capability>,
    /// False for a member of the fallback chain.
    pub scored: bool,
    /// Local members are saturated, so cloud members go first (R12).
    pub overflows: bool,
    /// By member, for `adaptive_weighted`.
    pub ranks: Vec<u8>,
}

impl<'g> Group<'g> {
    /// The deployments of one model.
    pub fn of_model<V: View>(scene: &Scene<'_, V>, model: ModelId, strategy: Strategy) -> Self {
        let table = scene.table;
        let pool = table.models.get(model).pool.map(|pool| table.pools.get(pool).parameters);
        Self {
            shares: ShareGroup::Model(model),
            strategy,
            parameters: pool.unwrap_or(table.settings.parameters),
            scope: Scope::All,
            same_model: true,
            minimum: None,
            scored: true,
            overflows: false,
            ranks: Vec::new(),
        }
    }

    /// The members of a pool.
    pub fn of_pool<V: View>(
        scene: &Scene<'_, V>,
        id: PoolId,
        pool: &Pool,
        strategy: Strategy,
        candidates: &[Candidate],
    ) -> Self {
        let overflows = scene.local_saturated(id);
        let ranks = match strategy {
            Strategy::AdaptiveWeighted => ranks(scene, pool, overflows, candidates),
            _ => Vec::new(),
        };
        Self {
            shares: ShareGroup::Pool(id),
            strategy,
            parameters: pool.parameters,
            scope: Scope::All,
            same_model: false,
            minimum: None,
            scored: true,
            overflows,
            ranks,
        }
    }

    /// All deployments of a capability's members.
    pub fn of_capability(id: CapabilityId, entry: &'g Capability, strategy: Strategy) -> Self {
        // To measure is what the quickest is found by, so chance may decide between models there.
        let scope = match strategy {
            Strategy::FastestResponse => Scope::Measured,
            _ => Scope::Member,
        };
        Self {
            shares: ShareGroup::Capability(id),
            strategy,
            parameters: entry.parameters,
            scope,
            same_model: false,
            minimum: Some(entry),
            scored: true,
            overflows: false,
            ranks: Vec::new(),
        }
    }

    /// Before weights are looked at; smaller first.
    pub fn rank(&self, candidate: &Candidate) -> u8 {
        match self.strategy {
            Strategy::QualityBased => quality_based::rank(candidate.condition),
            _ => self.ranks.get(candidate.member).copied().unwrap_or(0),
        }
    }

    /// What choosing the first charges: shares are kept among those that stood beside it.
    pub fn charge(&self, entries: &[Entry]) -> Option<Charge> {
        let first = entries.first().filter(|_| self.strategy.keeps_shares())?;
        let class = first.class.key();
        // A class stands together.
        let beside = entries.partition_point(|entry| entry.class.key() == class);
        let sharing = entries.get(..beside).unwrap_or_default();
        let total: f64 = sharing.iter().map(|entry| entry.weight).sum();
        let share = |entry: &Entry| (entry.deployment, entry.weight / total);
        Some(Charge { group: self.shares, shares: sharing.iter().map(share).collect() })
    }
}

fn ranks<V: View>(
    scene: &Scene<'_, V>,
    pool: &Pool,
    local_saturated: bool,
    candidates: &[Candidate],
) -> Vec<u8> {
    // Each member of a pool is one deployment, so its candidates are its members.
    let member = |candidate: &Candidate| adaptive_weighted::Member {
        cloud: scene.table.provider_of(candidate.deployment).is_in_cloud(),
        condition: candidate.condition,
    };
    let members: Vec<_> = candidates.iter().map(member).collect();
    let nature = adaptive_weighted::Nature {
        band: scene.band,
        local_saturated,
        by_complexity: pool.parameters.by_complexity,
    };
    adaptive_weighted::ranks(&members, nature)
}

//! What weighted picks owe whom: the credits of smooth weighted round robin, by group and deployment.
//! Credits belong to a table's groups; a new table starts its shares afresh.

use rustc_hash::FxHashMap;

use super::Bindings;
use crate::table::DeploymentId;
use crate::view::ShareGroup;

/// What a weighted pick changes: each eligible member's share of one request, the chosen one first.
#[derive(Debug, Clone, PartialEq)]
pub struct Charge {
    pub group: ShareGroup,
    pub shares: Vec<(DeploymentId, f64)>,
}

/// By group and deployment slot, in requests.
#[derive(Debug, Default)]
pub struct Shares(FxHashMap<(ShareGroup, usize), f64>);

impl Shares {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// After a pick: everyone earns its share, the chosen pays one.
    pub fn charge(&mut self, bindings: &Bindings, charge: &Charge) {
        for (deployment, share) in &charge.shares {
            let Some(slot) = bindings.deployment(*deployment) else { continue };
            *self.0.entry((charge.group, slot)).or_insert(0.0) += share;
        }
        let chosen = charge.shares.first().and_then(|(id, _)| bindings.deployment(*id));
        if let Some(slot) = chosen {
            *self.0.entry((charge.group, slot)).or_insert(0.0) -= 1.0;
        }
    }

    #[must_use]
    pub fn credit(&self, group: ShareGroup, slot: usize) -> f64 {
        self.0.get(&(group, slot)).copied().unwrap_or(0.0)
    }

    pub fn set(&mut self, group: ShareGroup, slot: usize, credit: f64) {
        self.0.insert((group, slot), credit);
    }

    pub fn iter(&self) -> impl Iterator<Item = (ShareGroup, usize, f64)> + '_ {
        self.0.iter().map(|((group, slot), credit)| (*group, *slot, *credit))
    }
}

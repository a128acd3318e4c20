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

/// Credits in requests, by group and then by deployment slot.
#[derive(Debug, Default)]
pub struct Shares(FxHashMap<ShareGroup, Vec<f64>>);

impl Shares {
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// Takes it that these groups owe nothing.
    pub fn forget(&mut self, groups: impl Fn(ShareGroup) -> bool) {
        self.0.retain(|group, _| !groups(*group));
    }

    /// After a pick: everyone earns its share, the chosen pays one.
    pub fn charge(&mut self, bindings: &Bindings, charge: &Charge) {
        let credits = self.0.entry(charge.group).or_default();
        for (deployment, share) in &charge.shares {
            if let Some(slot) = bindings.deployment(*deployment) {
                *credit_mut(credits, slot) += share;
            }
        }
        let chosen = charge.shares.first().and_then(|(id, _)| bindings.deployment(*id));
        if let Some(slot) = chosen {
            *credit_mut(credits, slot) -= 1.0;
        }
    }

    /// A group's credits by slot; those past its end are 0.
    #[must_use]
    pub fn of(&self, group: ShareGroup) -> &[f64] {
        self.0.get(&group).map_or(&[], Vec::as_slice)
    }

    pub fn set(&mut self, group: ShareGroup, slot: usize, credit: f64) {
        *credit_mut(self.0.entry(group).or_default(), slot) = credit;
    }

    /// Everything owed or overpaid: group, deployment slot, requests.
    pub fn iter(&self) -> impl Iterator<Item = (ShareGroup, usize, f64)> + '_ {
        let owed = |(_, credit): &(usize, &f64)| **credit != 0.0;
        self.0.iter().flat_map(move |(group, credits)| {
            let slots = credits.iter().enumerate().filter(owed);
            slots.map(move |(slot, credit)| (*group, slot, *credit))
        })
    }
}

#[allow(clippy::indexing_slicing)] // made long enough first
fn credit_mut(credits: &mut Vec<f64>, slot: usize) -> &mut f64 {
    if credits.len() <= slot {
        credits.resize(slot + 1, 0.0);
    }
    &mut credits[slot]
}

//! What the budgets on cloud spending do to a finished choice: with no room for fallback, nothing in the
//! cloud follows the first hop; and the caller is told why the cloud is not used.

use super::{Choice, Note};
use crate::allowance::{Allowance, Home, Shortfall};
use crate::eligibility::Skip;
use crate::table::{DeploymentId, Location, Table};

impl Choice {
    pub(super) fn keep_within(&mut self, allowance: &Allowance, table: &Table) {
        self.keep_fallback_local(allowance, table);
        let shortfall = self.skipped.iter().find_map(|(_, skip)| match skip {
            Skip::BudgetSpent(shortfall) => Some(*shortfall),
            _ => None,
        });
        let cloud = |id: DeploymentId| {
            let provider = table.deployments.get(id).provider;
            table.providers.get(provider).location == Location::Cloud
        };
        let note = match shortfall {
            Some(shortfall @ Shortfall::Fallback { .. }) => Note::FallbackStaysLocal(shortfall),
            // Where another one in the cloud can be paid for, the skip alone tells it.
            Some(shortfall) if !self.plan.iter().any(|hop| cloud(hop.deployment)) => {
                Note::StaysLocal(shortfall)
            }
            _ => return,
        };
        self.notes.push(note);
    }

    /// A request that belongs in the cloud begins there; what follows would be a fallback.
    fn keep_fallback_local(&mut self, allowance: &Allowance, table: &Table) {
        if allowance.fallback_closed.is_none() {
            return;
        }
        let Some(first) = self.plan.first().map(|hop| hop.deployment) else { return };
        let begun = Allowance { home: Home::On(first), ..*allowance };
        let skipped = &mut self.skipped;
        self.plan.retain(|hop| {
            let provider = table.providers.get(table.deployments.get(hop.deployment).provider);
            let shortfall = begun.refuse(provider, hop.deployment);
            skipped.extend(shortfall.map(|short| (hop.deployment, Skip::BudgetSpent(short))));
            shortfall.is_none()
        });
    }
}

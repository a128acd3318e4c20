//! What the budgets on cloud spending do to a finished choice: with no room for fallback, nothing in the
//! cloud follows the first hop; and the caller is told why the cloud is not used.

use super::{Choice, Hop, Note};
use crate::allowance::{Allowance, Home, Shortfall};
use crate::eligibility::Skip;
use crate::table::Table;

impl Choice {
    pub(super) fn keep_within(&mut self, allowance: &Allowance, table: &Table) {
        self.keep_fallback_local(allowance, table);
        let shortfall = self.skipped.iter().find_map(|(_, skip)| match skip {
            Skip::BudgetSpent(shortfall) => Some(*shortfall),
            _ => None,
        });
        let cloud = |hop: &Hop| table.provider_of(hop.deployment).is_in_cloud();
        let note = match shortfall {
            Some(shortfall @ Shortfall::Fallback { .. }) => Note::FallbackStaysLocal(shortfall),
            // Where another one in the cloud can be paid for, the skip alone tells it.
            Some(shortfall) if !self.plan.iter().any(cloud) => Note::StaysLocal(shortfall),
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
            let shortfall = begun.refuse(table.provider_of(hop.deployment), hop.deployment);
            skipped.extend(shortfall.map(|short| (hop.deployment, Skip::BudgetSpent(short))));
            shortfall.is_none()
        });
    }
}

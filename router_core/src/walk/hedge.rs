//! Hedging: a second deployment races for the first token when the first one takes longer than it
//! nearly always does. Dean and Barroso, "The Tail at Scale" (2013): deferred until the 95th
//! percentile, a hedge costs some five per cent of requests and takes the tail off.

use super::{Context, Phase, Step, Walk};
use crate::view::View;

/// Fewer times to a first token than this make no percentile to go by.
const LEAST_SAMPLES: u32 = 8;
/// A provider with this share of its capacity in use is left to those who have no other.
const BUSY: f64 = 0.6;

impl Walk {
    /// After how long without a first token the running attempt may be hedged, microseconds.
    #[must_use]
    pub fn hedge_after_us(&self, view: &impl View) -> Option<u64> {
        let [running] = self.running.as_slice() else { return None };
        if !self.terms.hedge || self.is_continuing() {
            return None;
        }
        let deployment = self.plan.get(running.hop)?;
        let usual = view.deployment(*deployment).measured.first_token;
        (usual.samples >= LEAST_SAMPLES).then_some(usual.p95_us)
    }

    /// The running attempt is slow: another provider with room to spare, of no lower quality, may try
    /// as well, if the retry budget pays for it. `None` leaves it to the one.
    pub fn hedge<V: View>(&mut self, context: &mut Context<'_, V>) -> Option<Step> {
        let [running] = *self.running.as_slice() else { return None };
        let allowed = self.terms.hedge
            && self.phase == Phase::Trying
            && self.deployments < self.terms.max_attempts
            && context.now_us < self.terms.deadline_us;
        if !allowed {
            return None;
        }
        let second = (0..self.plan.len()).find(|hop| {
            self.usable(*hop, context)
                && self.ready(*hop, context)
                && self.is_idle_elsewhere(*hop, running.hop, context)
                && !self.is_worse(*hop, running.hop, context)
        })?;
        context.budget.spend(context.now_us).then(|| self.try_hop(second))
    }

    fn is_idle_elsewhere<V: View>(
        &self,
        hop: usize,
        than: usize,
        context: &Context<'_, V>,
    ) -> bool {
        let provider = |hop: usize| Some(self.deployment(hop, context)?.provider);
        provider(hop).filter(|there| provider(than) != Some(*there)).is_some_and(|there| {
            let capacity = context.table.providers.get(there).capacity;
            context.view.provider(there).load(capacity, context.now_us) < BUSY
        })
    }
}

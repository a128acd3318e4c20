//! What each class of error asks for (E2): the same deployment again, the next one, or the end.

use super::{Attempt, Context, Failure, Next, Phase, Step, Walk, ROOM_WAIT_US};
use crate::outcome::{Delivered, Outcome, OutcomeClass};
use crate::state::LEAST_OUT_US;
use crate::view::View;

/// Before a repeat on the same provider, microseconds: long enough for a restart of a worker process,
/// short enough not to be felt. Jittered, so that callers of one failure do not return together.
const REPEAT_AFTER_US: (u64, u64) = (50_000, 150_000);

impl Walk {
    /// What the end of the only attempt asks for (E2).
    pub(super) fn follow<V: View>(
        &mut self,
        attempt: Attempt,
        outcome: &Outcome,
        context: &mut Context<'_, V>,
    ) -> Step {
        let hop = attempt.hop;
        match outcome.class {
            OutcomeClass::Success => self.end(Step::Done),
            OutcomeClass::Cancelled => self.fail(Failure::Cancelled),
            OutcomeClass::Deadline => self.fail(Failure::Deadline),
            OutcomeClass::StreamBroken => self.after_break(attempt, outcome.delivered, context),
            // A refused prefill says nothing of the request itself.
            OutcomeClass::InvalidRequest if !self.is_continuing() => {
                self.fail_at(attempt, Failure::CallersFault)
            }
            OutcomeClass::ContentPolicy if !context.table.settings.content_policy_fallback => {
                self.fail_at(attempt, Failure::ContentPolicy)
            }
            OutcomeClass::RateLimited => {
                self.after_rate_limit(hop, outcome.retry_after_us, context)
            }
            OutcomeClass::ServerError | OutcomeClass::ConnectionReset => {
                self.after_server_error(hop, outcome.class, context)
            }
            OutcomeClass::Unreachable
            | OutcomeClass::Unauthorized
            | OutcomeClass::ContextLength
            | OutcomeClass::ContentPolicy
            | OutcomeClass::InvalidRequest
            | OutcomeClass::Unavailable
            | OutcomeClass::Silent
            | OutcomeClass::ModelMissing
            | OutcomeClass::Diverged => self.advance(context),
        }
    }

    /// What an attempt's end says of the hops that are left.
    pub(super) fn rule_out<V: View>(
        &mut self,
        hop: usize,
        class: OutcomeClass,
        context: &Context<'_, V>,
    ) {
        match class {
            OutcomeClass::Unreachable | OutcomeClass::Unauthorized => {
                self.drop_provider(hop, context);
            }
            OutcomeClass::ContextLength => {
                self.larger_than = self.window(hop, context).or(Some(u32::MAX));
            }
            _ => {}
        }
    }

    // ── Classes with a rule of their own ────────────────────────────────────────────────────────

    /// A short Retry-After is waited for when what comes next is of lower quality (E2).
    fn after_rate_limit<V: View>(
        &mut self,
        hop: usize,
        retry_after_us: Option<u64>,
        context: &mut Context<'_, V>,
    ) -> Step {
        let settings = &context.table.settings;
        // It is out for that long at least, whatever it says.
        let short = retry_after_us.map(|wait| wait.max(LEAST_OUT_US)).filter(|wait| {
            *wait <= settings.short_retry_after_us
                && context.now_us.saturating_add(*wait) < self.terms.deadline_us
        });
        if let Some(wait) = short {
            let worse = match self.next(context) {
                Next::Hop(next) => self.is_worse(next, hop, context),
                Next::Full | Next::Nothing => true,
            };
            if worse && self.may_repeat(context) {
                return self.repeat(hop, wait, context);
            }
        }
        self.advance(context)
    }

    /// Once more on the same provider, jittered; then on, and past the provider after a second reset.
    fn after_server_error<V: View>(
        &mut self,
        hop: usize,
        class: OutcomeClass,
        context: &mut Context<'_, V>,
    ) -> Step {
        if let Some(step) = self.once_more(hop, context) {
            return step;
        }
        if class == OutcomeClass::ConnectionReset {
            self.drop_provider(hop, context);
        }
        self.advance(context)
    }

    /// The answer broke off. Where part of it was sent on, another deployment may go on with it; where
    /// nothing was, it is as if it had never begun. The same one again only if it is the last.
    fn after_break<V: View>(
        &mut self,
        attempt: Attempt,
        delivered: Option<Delivered>,
        context: &mut Context<'_, V>,
    ) -> Step {
        match delivered {
            None => {}
            Some(Delivered::Text) if self.terms.continues => {
                self.broken = self.broken.or(Some(attempt.number));
            }
            Some(_) => return self.fail_at(attempt, Failure::StreamBroken),
        }
        let last = matches!(self.next(context), Next::Nothing);
        let repeat = if last { self.once_more(attempt.hop, context) } else { None };
        repeat.unwrap_or_else(|| self.advance(context))
    }

    /// A jittered repeat after the first fault of a hop, if there is time and budget for it.
    fn once_more<V: View>(&mut self, hop: usize, context: &mut Context<'_, V>) -> Option<Step> {
        let is_fault = |class: OutcomeClass| {
            matches!(
                class,
                OutcomeClass::ServerError
                    | OutcomeClass::ConnectionReset
                    | OutcomeClass::StreamBroken
            )
        };
        let here = self.tried.iter().filter(|tried| tried.attempt.hop == hop);
        let first = here.filter(|tried| is_fault(tried.class)).count() == 1;
        let wait = self.between(REPEAT_AFTER_US);
        let in_time = context.now_us.saturating_add(wait) < self.terms.deadline_us;
        (first && in_time && self.may_repeat(context)).then(|| self.repeat(hop, wait, context))
    }

    fn may_repeat<V: View>(&mut self, context: &mut Context<'_, V>) -> bool {
        self.repeats < context.table.settings.num_retries && context.budget.spend(context.now_us)
    }

    fn repeat<V: View>(&mut self, hop: usize, wait: u64, context: &Context<'_, V>) -> Step {
        self.repeats += 1;
        self.phase = Phase::Repeating { hop, due_us: context.now_us.saturating_add(wait) };
        Step::Wait { us: wait }
    }

    /// The wait before a repeat is over. Where the slot has gone to someone else meanwhile, or others
    /// are testing whether the provider takes requests again, another deployment serves; where there
    /// is none, or for a while where it would be a worse one, the slot is waited for.
    pub(super) fn again<V: View>(
        &mut self,
        hop: usize,
        due_us: u64,
        context: &mut Context<'_, V>,
    ) -> Step {
        if context.now_us >= self.terms.deadline_us {
            return self.fail(Failure::Deadline);
        }
        if context.now_us < due_us {
            return Step::Wait { us: due_us - context.now_us };
        }
        if !self.is_out(hop, context) && self.ready(hop, context) {
            return self.try_hop(hop);
        }
        let waited_us = context.now_us - due_us;
        let longest_us = match self.next(context) {
            Next::Nothing => ROOM_WAIT_US,
            Next::Hop(next) if self.is_worse(next, hop, context) => {
                context.table.settings.short_retry_after_us
            }
            Next::Hop(_) | Next::Full => 0,
        };
        if waited_us < longest_us && !self.is_out(hop, context) {
            return self.poll(context);
        }
        self.advance(context)
    }
}

//! The walk through a plan as a pure state machine: given how an attempt ended, what comes next. It
//! does no I/O and reads no clock; live traffic, simulation and replay drive the same code.

use crate::eligibility::{has_room, out};
use crate::outcome::OutcomeClass;
use crate::rng::Rng;
use crate::state::budget::RetryBudget;
use crate::table::{DeploymentId, ProviderId, Table};
use crate::view::View;

/// Before a repeat on the same provider, microseconds: long enough for a restart of a worker process,
/// short enough not to be felt. Jittered, so that callers of one failure do not return together.
const REPEAT_AFTER_US: (u64, u64) = (50_000, 150_000);
/// Between two looks for a free slot, microseconds.
const ROOM_POLL_US: (u64, u64) = (10_000, 30_000);
/// Longest wait for a free slot, microseconds; the deadline may end it sooner.
const ROOM_WAIT_US: u64 = 10_000_000;

/// Why a walk ends without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The caller's own fault: trying elsewhere would not help.
    CallersFault,
    ContentPolicy,
    PlanExhausted,
    AttemptLimit,
    BudgetSpent,
    NoRoom,
    Deadline,
    StreamBroken,
    Cancelled,
}

impl Failure {
    /// Stable short name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CallersFault => "callers_fault",
            Self::ContentPolicy => "content_policy",
            Self::PlanExhausted => "plan_exhausted",
            Self::AttemptLimit => "attempt_limit",
            Self::BudgetSpent => "budget_spent",
            Self::NoRoom => "no_room",
            Self::Deadline => "deadline",
            Self::StreamBroken => "stream_broken",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::CallersFault => "the provider refused the request itself; another would too",
            Self::ContentPolicy => {
                "the provider's content policy refused; content_policy_fallback is off"
            }
            Self::PlanExhausted => "no deployment of the plan is left to try",
            Self::AttemptLimit => "the limit of attempts for one request is reached",
            Self::BudgetSpent => "the retry budget is spent: too many requests are failing at once",
            Self::NoRoom => "no deployment of the plan had a free slot in time",
            Self::Deadline => "the deadline passed",
            Self::StreamBroken => "the answer broke off after part of it had been sent",
            Self::Cancelled => "the caller left",
        }
    }
}

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Try this hop of the plan now; its slot is reserved by whoever drives the walk.
    Try {
        hop: usize,
    },
    /// Come back after this long, microseconds.
    Wait {
        us: u64,
    },
    Done,
    /// `surface` is the number (from 1) of the attempt whose error the caller should see.
    Fail {
        failure: Failure,
        surface: Option<usize>,
    },
}

/// What the machine may look at.
pub struct Context<'a, V> {
    pub table: &'a Table,
    pub view: &'a V,
    pub budget: &'a mut RetryBudget,
    pub now_us: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Looking for the first hop with room, or for the next one.
    Seeking {
        since_us: u64,
    },
    Trying {
        hop: usize,
    },
    /// The same hop again after a wait that ends then.
    Repeating {
        hop: usize,
        due_us: u64,
    },
    Ended,
}

#[derive(Debug, Clone)]
pub struct Walk {
    plan: Vec<DeploymentId>,
    deadline_us: u64,
    phase: Phase,
    rng: Rng,
    /// Every attempt's hop and end, in order.
    tried: Vec<(usize, OutcomeClass)>,
    /// Distinct deployments tried.
    deployments: u8,
    repeats: u8,
    dropped_providers: Vec<ProviderId>,
    /// Only windows larger than this, tokens, after a context-length refusal.
    larger_than: Option<u32>,
}

enum Next {
    Hop(usize),
    Full,
    Nothing,
}

impl Walk {
    #[must_use]
    pub fn new(plan: Vec<DeploymentId>, now_us: u64, deadline_us: u64, seed: u64) -> Self {
        Self {
            plan,
            deadline_us,
            phase: Phase::Seeking { since_us: now_us },
            rng: Rng::new(seed),
            tried: Vec::new(),
            deployments: 0,
            repeats: 0,
            dropped_providers: Vec::new(),
            larger_than: None,
        }
    }

    /// How many attempts have begun.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.tried.len() + usize::from(matches!(self.phase, Phase::Trying { .. }))
    }

    /// The first step, and the next one after a wait.
    pub fn resume<V: View>(&mut self, context: &mut Context<'_, V>) -> Step {
        match self.phase {
            Phase::Seeking { since_us } => self.seek(since_us, context),
            Phase::Repeating { hop, due_us } => self.again(hop, due_us, context),
            Phase::Trying { hop } => Step::Try { hop },
            Phase::Ended => Step::Done,
        }
    }

    /// The running attempt ended.
    pub fn finish<V: View>(
        &mut self,
        class: OutcomeClass,
        retry_after_us: Option<u64>,
        context: &mut Context<'_, V>,
    ) -> Step {
        let Phase::Trying { hop } = self.phase else {
            return Step::Done;
        };
        self.tried.push((hop, class));
        match class {
            OutcomeClass::Success => self.end(Step::Done),
            OutcomeClass::Cancelled => self.fail(Failure::Cancelled),
            OutcomeClass::Deadline => self.fail(Failure::Deadline),
            OutcomeClass::StreamBroken => self.fail_here(Failure::StreamBroken),
            OutcomeClass::InvalidRequest => self.fail_here(Failure::CallersFault),
            OutcomeClass::ContentPolicy if !context.table.settings.content_policy_fallback => {
                self.fail_here(Failure::ContentPolicy)
            }
            OutcomeClass::RateLimited => self.after_rate_limit(hop, retry_after_us, context),
            OutcomeClass::ServerError | OutcomeClass::ConnectionReset => {
                self.after_server_error(hop, class, context)
            }
            OutcomeClass::Unreachable | OutcomeClass::Unauthorized => {
                self.drop_provider(hop, context);
                self.advance(context)
            }
            OutcomeClass::ContextLength => {
                self.larger_than = self.window(hop, context).or(Some(u32::MAX));
                self.advance(context)
            }
            OutcomeClass::ContentPolicy
            | OutcomeClass::Unavailable
            | OutcomeClass::Silent
            | OutcomeClass::ModelMissing => self.advance(context),
        }
    }

    /// The caller left; `None` where the walk had ended already.
    pub fn abandon(&mut self) -> Option<Step> {
        (self.phase != Phase::Ended).then(|| self.fail(Failure::Cancelled))
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
        let short = retry_after_us.filter(|wait| {
            *wait <= settings.short_retry_after_us
                && context.now_us.saturating_add(*wait) < self.deadline_us
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
        let first_here = self.tried.iter().filter(|(tried, _)| *tried == hop).count() == 1;
        let wait = self.between(REPEAT_AFTER_US);
        let in_time = context.now_us.saturating_add(wait) < self.deadline_us;
        if first_here && in_time && self.may_repeat(context) {
            return self.repeat(hop, wait, context);
        }
        if class == OutcomeClass::ConnectionReset {
            self.drop_provider(hop, context);
        }
        self.advance(context)
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
    fn again<V: View>(&mut self, hop: usize, due_us: u64, context: &mut Context<'_, V>) -> Step {
        if context.now_us >= self.deadline_us {
            return self.fail(Failure::Deadline);
        }
        if context.now_us < due_us {
            return Step::Wait { us: due_us - context.now_us };
        }
        if self.ready(hop, context) {
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

    // ── Moving on ───────────────────────────────────────────────────────────────────────────────

    /// To the next deployment. The first move is free; further ones are paid from the retry budget,
    /// so that a failing fleet is not asked five times for every request.
    fn advance<V: View>(&mut self, context: &mut Context<'_, V>) -> Step {
        if self.deployments >= context.table.settings.max_attempts {
            return self.fail(Failure::AttemptLimit);
        }
        if matches!(self.next(context), Next::Nothing) {
            return self.fail(Failure::PlanExhausted);
        }
        if self.deployments > 1 && !context.budget.spend(context.now_us) {
            return self.fail(Failure::BudgetSpent);
        }
        self.seek(context.now_us, context)
    }

    fn seek<V: View>(&mut self, since_us: u64, context: &Context<'_, V>) -> Step {
        if context.now_us >= self.deadline_us {
            let waited = self.tried.is_empty() && context.now_us > since_us;
            let failure = if waited { Failure::NoRoom } else { Failure::Deadline };
            return self.fail(failure);
        }
        match self.next(context) {
            Next::Hop(hop) => self.try_hop(hop),
            Next::Nothing => self.fail(Failure::PlanExhausted),
            Next::Full if context.now_us.saturating_sub(since_us) >= ROOM_WAIT_US => {
                self.fail(Failure::NoRoom)
            }
            Next::Full => {
                self.phase = Phase::Seeking { since_us };
                self.poll(context)
            }
        }
    }

    fn poll<V: View>(&mut self, context: &Context<'_, V>) -> Step {
        let us = self.between(ROOM_POLL_US);
        Step::Wait { us: us.min(self.deadline_us.saturating_sub(context.now_us)) }
    }

    fn try_hop(&mut self, hop: usize) -> Step {
        if !self.tried.iter().any(|(tried, _)| *tried == hop) {
            self.deployments = self.deployments.saturating_add(1);
        }
        self.phase = Phase::Trying { hop };
        Step::Try { hop }
    }

    /// The best hop not tried yet that could take the request now.
    fn next<V: View>(&self, context: &Context<'_, V>) -> Next {
        let mut full = false;
        for hop in 0..self.plan.len() {
            if !self.usable(hop, context) {
                continue;
            }
            if self.ready(hop, context) {
                return Next::Hop(hop);
            }
            full = true;
        }
        if full {
            Next::Full
        } else {
            Next::Nothing
        }
    }

    /// Not tried, not dropped, not out, and large enough.
    fn usable<V: View>(&self, hop: usize, context: &Context<'_, V>) -> bool {
        let Some(deployment) = self.plan.get(hop) else { return false };
        let provider = context.table.deployments.get(*deployment).provider;
        let tried = self.tried.iter().any(|(tried, _)| *tried == hop);
        let fits = self
            .larger_than
            .is_none_or(|least| self.window(hop, context).is_some_and(|window| window > least));
        !tried
            && fits
            && !self.dropped_providers.contains(&provider)
            && out(context.table, context.view, *deployment, context.now_us).is_none()
    }

    fn ready<V: View>(&self, hop: usize, context: &Context<'_, V>) -> bool {
        self.plan.get(hop).is_some_and(|deployment| {
            has_room(context.table, context.view, *deployment, context.now_us)
        })
    }

    fn is_out<V: View>(&self, hop: usize, context: &Context<'_, V>) -> bool {
        self.plan.get(hop).is_some_and(|deployment| {
            out(context.table, context.view, *deployment, context.now_us).is_some()
        })
    }

    fn window<V: View>(&self, hop: usize, context: &Context<'_, V>) -> Option<u32> {
        let deployment = self.plan.get(hop)?;
        context.table.deployments.get(*deployment).context_window
    }

    fn drop_provider<V: View>(&mut self, hop: usize, context: &Context<'_, V>) {
        if let Some(deployment) = self.plan.get(hop) {
            self.dropped_providers.push(context.table.deployments.get(*deployment).provider);
        }
    }

    /// Of a lower tier, or of fewer parameters in the same one.
    fn is_worse<V: View>(&self, next: usize, hop: usize, context: &Context<'_, V>) -> bool {
        let quality = |hop: usize| {
            let model = context.table.deployments.get(*self.plan.get(hop)?).model?;
            let model = context.table.models.get(model);
            Some((model.tier, model.parameters))
        };
        match (quality(next), quality(hop)) {
            (Some((next_tier, next_size)), Some((tier, size))) => {
                next_tier > tier || (next_tier == tier && next_size < size)
            }
            _ => false,
        }
    }

    // ── Ends ────────────────────────────────────────────────────────────────────────────────────

    fn end(&mut self, step: Step) -> Step {
        self.phase = Phase::Ended;
        step
    }

    /// Surfaces the original error: the first attempt's.
    fn fail(&mut self, failure: Failure) -> Step {
        let surface = (!self.tried.is_empty()).then_some(1);
        self.end(Step::Fail { failure, surface })
    }

    /// Surfaces the error of the attempt that just ended.
    fn fail_here(&mut self, failure: Failure) -> Step {
        let surface = Some(self.tried.len());
        self.end(Step::Fail { failure, surface })
    }

    fn between(&mut self, (least, most): (u64, u64)) -> u64 {
        least + self.rng.next_u64() % (most - least)
    }
}

//! The walk through a plan as a pure state machine: given how an attempt ended, what comes next. It
//! does no I/O and reads no clock; live traffic, simulation and replay drive the same code.

mod classes;
mod failure;
mod hedge;
mod terms;

use crate::eligibility::{has_room, out};
use crate::outcome::{Outcome, OutcomeClass};
use crate::rng::Rng;
use crate::state::budget::RetryBudget;
use crate::table::{Deployment, DeploymentId, ProviderId, Table};
use crate::view::View;

pub use failure::Failure;
pub use terms::Terms;

/// Between two looks for a free slot, microseconds.
const ROOM_POLL_US: (u64, u64) = (10_000, 30_000);
/// Longest wait for a free slot, microseconds; the deadline may end it sooner.
const ROOM_WAIT_US: u64 = 10_000_000;

/// What to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Try this hop of the plan now; its slot is reserved by whoever drives the walk.
    Try {
        hop: usize,
    },
    /// Another attempt of this request still runs; its end decides.
    Await,
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

/// Why an attempt is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    First,
    /// The same deployment again.
    Repeat,
    /// Another deployment after a failure.
    Fallback,
    /// Another deployment beside one that is slow to its first token.
    Hedge,
    /// It goes on from what was sent on of a broken stream.
    Continuation,
}

impl Kind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Repeat => "repeat",
            Self::Fallback => "fallback",
            Self::Hedge => "hedge",
            Self::Continuation => "continuation",
        }
    }
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
    /// Looking for the first hop with room, or for the next one, not before `due_us`.
    Seeking {
        since_us: u64,
        due_us: u64,
    },
    Trying,
    /// The same hop again after a wait that ends then.
    Repeating {
        hop: usize,
        due_us: u64,
    },
    Ended,
}

/// An attempt under way.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    /// From 1, in the order they began.
    number: usize,
    hop: usize,
}

#[derive(Debug, Clone, Copy)]
struct Tried {
    attempt: Attempt,
    class: OutcomeClass,
}

#[derive(Debug, Clone)]
pub struct Walk {
    plan: Vec<DeploymentId>,
    terms: Terms,
    phase: Phase,
    rng: Rng,
    /// One, or two while one is hedged.
    running: Vec<Attempt>,
    /// Every ended attempt, in the order they ended.
    tried: Vec<Tried>,
    /// Distinct deployments tried.
    deployments: u8,
    repeats: u8,
    dropped_providers: Vec<ProviderId>,
    /// Only windows larger than this, tokens, after a context-length refusal.
    larger_than: Option<u32>,
    /// The attempt that broke off after part of its answer had been sent: others go on from there.
    broken: Option<usize>,
}

enum Next {
    Hop(usize),
    Full,
    Nothing,
}

impl Walk {
    #[must_use]
    pub fn new(plan: Vec<DeploymentId>, terms: Terms, now_us: u64, seed: u64) -> Self {
        Self {
            plan,
            terms,
            phase: Phase::Seeking { since_us: now_us, due_us: now_us },
            rng: Rng::new(seed),
            running: Vec::with_capacity(2),
            tried: Vec::new(),
            deployments: 0,
            repeats: 0,
            dropped_providers: Vec::new(),
            larger_than: None,
            broken: None,
        }
    }

    /// How many attempts have begun.
    #[must_use]
    pub fn attempts(&self) -> usize {
        self.tried.len() + self.running.len()
    }

    /// Why the attempt begun last is made.
    #[must_use]
    pub fn kind(&self) -> Kind {
        let hop = self.running.last().map(|attempt| attempt.hop);
        let again = || self.tried.iter().any(|tried| Some(tried.attempt.hop) == hop);
        match self.running.as_slice() {
            _ if self.is_continuing() => Kind::Continuation,
            [_, _, ..] => Kind::Hedge,
            _ if self.tried.is_empty() => Kind::First,
            _ if again() => Kind::Repeat,
            _ => Kind::Fallback,
        }
    }

    fn is_continuing(&self) -> bool {
        self.broken.is_some()
    }

    /// The first step, and the next one after a wait.
    pub fn resume<V: View>(&mut self, context: &mut Context<'_, V>) -> Step {
        match self.phase {
            Phase::Seeking { since_us, due_us } => self.seek(since_us, due_us, context),
            Phase::Repeating { hop, due_us } => self.again(hop, due_us, context),
            Phase::Trying => Step::Await,
            Phase::Ended => Step::Done,
        }
    }

    /// An attempt ended; `None` where that changes nothing: it is unknown, or the walk is over.
    pub fn finish<V: View>(
        &mut self,
        number: usize,
        outcome: &Outcome,
        context: &mut Context<'_, V>,
    ) -> Option<Step> {
        let place = self.running.iter().position(|attempt| attempt.number == number)?;
        let attempt = self.running.remove(place);
        self.tried.push(Tried { attempt, class: outcome.class });
        if self.phase == Phase::Ended {
            return None;
        }
        if outcome.class == OutcomeClass::Success {
            return Some(self.end(Step::Done));
        }
        self.rule_out(attempt.hop, outcome.class, context);
        if self.running.is_empty() {
            Some(self.follow(attempt, outcome, context))
        } else {
            Some(Step::Await)
        }
    }

    /// The caller left; `None` where the walk had ended already.
    pub fn abandon(&mut self) -> Option<Step> {
        (self.phase != Phase::Ended).then(|| self.fail(Failure::Cancelled))
    }

    // ── Moving on ───────────────────────────────────────────────────────────────────────────────

    /// To the next deployment. The first move is free; further ones are paid from the retry budget,
    /// so that a failing fleet is not asked five times for every request.
    fn advance<V: View>(&mut self, context: &mut Context<'_, V>) -> Step {
        if self.deployments >= self.terms.max_attempts {
            return self.fail(Failure::AttemptLimit);
        }
        if matches!(self.next(context), Next::Nothing) {
            return self.fail(Failure::PlanExhausted);
        }
        if self.deployments > 1 && !context.budget.spend(context.now_us) {
            return self.fail(Failure::RetryBudgetSpent);
        }
        let due_us = context.now_us.saturating_add(self.terms.delay_us);
        self.seek(due_us, due_us, context)
    }

    fn seek<V: View>(&mut self, since_us: u64, due_us: u64, context: &Context<'_, V>) -> Step {
        if context.now_us >= self.terms.deadline_us {
            let waited = self.tried.is_empty() && context.now_us > since_us;
            let failure = if waited { Failure::NoRoom } else { Failure::Deadline };
            return self.fail(failure);
        }
        self.phase = Phase::Seeking { since_us, due_us };
        if context.now_us < due_us {
            return self.wait(due_us - context.now_us, context);
        }
        match self.next(context) {
            Next::Hop(hop) => self.try_hop(hop),
            Next::Nothing => self.fail(Failure::PlanExhausted),
            Next::Full if context.now_us.saturating_sub(since_us) >= ROOM_WAIT_US => {
                self.fail(Failure::NoRoom)
            }
            Next::Full => self.poll(context),
        }
    }

    fn poll<V: View>(&mut self, context: &Context<'_, V>) -> Step {
        let us = self.between(ROOM_POLL_US);
        self.wait(us, context)
    }

    fn wait<V: View>(&self, us: u64, context: &Context<'_, V>) -> Step {
        Step::Wait { us: us.min(self.terms.deadline_us.saturating_sub(context.now_us)) }
    }

    fn try_hop(&mut self, hop: usize) -> Step {
        if !self.tried.iter().any(|tried| tried.attempt.hop == hop) {
            self.deployments = self.deployments.saturating_add(1);
        }
        self.running.push(Attempt { number: self.attempts() + 1, hop });
        self.phase = Phase::Trying;
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

    /// Not tried, not dropped, not out, and large enough. The loser of a race was not tried in vain.
    fn usable<V: View>(&self, hop: usize, context: &Context<'_, V>) -> bool {
        let Some(deployment) = self.deployment(hop, context) else { return false };
        let failed = |tried: &Tried| tried.class != OutcomeClass::Cancelled;
        let tried = self.tried.iter().any(|tried| tried.attempt.hop == hop && failed(tried))
            || self.running.iter().any(|attempt| attempt.hop == hop);
        let fits = self
            .larger_than
            .is_none_or(|least| self.window(hop, context).is_some_and(|window| window > least));
        !tried
            && fits
            && !self.dropped_providers.contains(&deployment.provider)
            && !self.is_out(hop, context)
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

    fn deployment<'t, V>(&self, hop: usize, context: &Context<'t, V>) -> Option<&'t Deployment> {
        self.plan.get(hop).map(|id| context.table.deployments.get(*id))
    }

    fn window<V: View>(&self, hop: usize, context: &Context<'_, V>) -> Option<u32> {
        self.deployment(hop, context)?.context_window
    }

    fn drop_provider<V: View>(&mut self, hop: usize, context: &Context<'_, V>) {
        let provider = self.deployment(hop, context).map(|deployment| deployment.provider);
        self.dropped_providers.extend(provider);
    }

    /// Of a lower tier, or of fewer parameters in the same one.
    fn is_worse<V: View>(&self, next: usize, hop: usize, context: &Context<'_, V>) -> bool {
        let quality = |hop: usize| {
            let model = context.table.models.get(self.deployment(hop, context)?.model?);
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

    /// Surfaces the original error: the first attempt's that had one.
    fn fail(&mut self, failure: Failure) -> Step {
        let numbers = |kept: fn(&Tried) -> bool| {
            let tried = self.tried.iter().filter(|tried| kept(tried));
            tried.map(|tried| tried.attempt.number).min()
        };
        let surface = numbers(|tried| tried.class != OutcomeClass::Cancelled);
        self.end_with(failure, surface.or_else(|| numbers(|_| true)))
    }

    /// Surfaces the error of an attempt that just ended.
    fn fail_at(&mut self, attempt: Attempt, failure: Failure) -> Step {
        self.end_with(failure, Some(attempt.number))
    }

    /// What could not be continued is a broken stream, whatever came after the break.
    fn end_with(&mut self, failure: Failure, surface: Option<usize>) -> Step {
        let step = match self.broken {
            Some(number) if failure != Failure::Cancelled => {
                Step::Fail { failure: Failure::StreamBroken, surface: Some(number) }
            }
            _ => Step::Fail { failure, surface },
        };
        self.end(step)
    }

    fn between(&mut self, (least, most): (u64, u64)) -> u64 {
        least + self.rng.next_u64() % (most - least)
    }
}

//! One request on its way through its plan: the walk, and the slots its attempts hold.

use std::sync::Arc;

use super::Router;
use crate::allowance::Spender;
use crate::decision::Decision;
use crate::facts::Facts;
use crate::outcome::{Outcome, OutcomeClass};
use crate::refusal::Refused;
use crate::state::experiments::Trial;
use crate::state::{Bindings, Claim, LiveView};
use crate::table::{DeploymentId, Table};
use crate::walk::{Context, Failure, Kind, Step, Terms, Walk};

/// A walk's permit outlives its deadline by this much, microseconds: it is released by the outcome,
/// and by its expiry only if its driver is lost.
const WALK_GRACE_US: u64 = 60_000_000;

/// A request on its way: the decision, the walk, and what it holds.
pub struct Journey {
    pub decision: Arc<Decision>,
    pub step: NextStep,
    pub(super) table: Arc<Table>,
    /// Its part in an experiment.
    pub(super) trial: Option<Trial>,
    /// Whose money its attempts cost, where budgets limit it.
    spender: Option<Spender>,
    walk: Walk,
    /// Of its decision.
    number: u64,
    bindings: Arc<Bindings>,
    deadline_us: u64,
    asked: Asked,
    holding: Vec<Held>,
}

/// What the caller asked for, as far as attempts go by it.
#[derive(Debug, Clone, Copy)]
struct Asked {
    stream: bool,
    plain: bool,
}

/// The slot of a running attempt.
#[derive(Debug, Clone, Copy)]
struct Held {
    number: usize,
    permit: u64,
    deployment: DeploymentId,
}

/// A step with its slot reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    Try {
        number: usize,
        deployment: DeploymentId,
        permit: String,
        /// To be asked for as a stream, whatever the caller asked for.
        streamed: bool,
        kind: Kind,
        /// Without a first token by then, microseconds, `hedge` may find a second deployment.
        hedge_after_us: Option<u64>,
    },
    /// Another attempt of this request still runs.
    Await,
    Wait {
        us: u64,
    },
    Done,
    Fail {
        failure: Failure,
        surface: Option<usize>,
    },
}

// The path of a method is not general enough in its lifetimes to stand for these closures.
#[allow(clippy::redundant_closure_for_method_calls)]
impl Router {
    /// Decides and starts the walk.
    pub fn begin(
        &mut self,
        facts: &Facts,
        now_us: u64,
        seed: u64,
        deadline_us: u64,
    ) -> Result<Journey, Refused> {
        self.budget.request(now_us);
        let (decision, read) = self.chosen(facts, now_us, seed)?;
        self.charge(&decision.choice);
        let trial = self.trial(&decision);
        let plan = decision.choice.plan.iter().map(|hop| hop.deployment).collect();
        let terms = Terms::of(&self.table, facts, decision.choice.delivery, deadline_us);
        let mut journey = Journey {
            spender: decision.spender.clone(),
            number: self.state.last_decision(),
            decision: self.noted(decision, facts, read),
            step: NextStep::Done,
            walk: Walk::new(plan, terms, now_us, seed),
            table: self.table.clone(),
            bindings: self.bindings.clone(),
            deadline_us,
            asked: Asked { stream: facts.stream, plain: facts.plain },
            holding: Vec::with_capacity(2),
            trial,
        };
        self.resume(&mut journey, now_us);
        Ok(journey)
    }

    /// Goes on after a wait; sets the journey's step.
    pub fn resume(&mut self, journey: &mut Journey, now_us: u64) {
        self.state.expire(now_us);
        if journey.holding.is_empty() {
            let step = self.turn(journey, now_us, |walk, context| walk.resume(context));
            self.enter(journey, step, now_us);
        }
    }

    /// An attempt delivered its first content.
    pub fn first_token(&mut self, journey: &Journey, number: usize, now_us: u64) {
        if let Some(held) = journey.holding.iter().find(|held| held.number == number) {
            self.state.first_token(held.permit, &journey.table.settings, now_us);
        }
    }

    /// The running attempt is slow to its first token: sets the journey's step to a second one beside
    /// it, or to `Await` where none may be made.
    pub fn hedge(&mut self, journey: &mut Journey, now_us: u64) {
        self.state.expire(now_us);
        let step = self.turn(journey, now_us, |walk, context| walk.hedge(context));
        self.enter(journey, step.unwrap_or(Step::Await), now_us);
    }

    /// Ends a running attempt and sets the journey's next step.
    pub fn finish(&mut self, journey: &mut Journey, number: usize, outcome: &Outcome, now_us: u64) {
        self.state.expire(now_us);
        let Some(place) = journey.holding.iter().position(|held| held.number == number) else {
            return;
        };
        let held = journey.holding.remove(place);
        self.state.finish(held.permit, outcome, &journey.table.settings, now_us);
        self.attempted(journey, held.deployment, outcome);
        let finish = |walk: &mut Walk, context: &mut Context<'_, LiveView<'_>>| {
            walk.finish(number, outcome, context)
        };
        if let Some(step) = self.turn(journey, now_us, finish) {
            self.enter(journey, step, now_us);
        }
    }

    /// Releases whatever a journey still holds, and ends its walk.
    pub fn abandon(&mut self, journey: &mut Journey, now_us: u64) {
        let cancelled = Outcome::of(OutcomeClass::Cancelled);
        let running: Vec<usize> = journey.holding.iter().map(|held| held.number).collect();
        for number in running {
            self.finish(journey, number, &cancelled, now_us);
        }
        if let Some(step) = journey.walk.abandon() {
            self.enter(journey, step, now_us);
        }
    }

    /// One turn of the walk, with what it may look at.
    fn turn<T>(
        &mut self,
        journey: &mut Journey,
        now_us: u64,
        turn: impl FnOnce(&mut Walk, &mut Context<'_, LiveView<'_>>) -> T,
    ) -> T {
        let allowance = self.allowance(&journey.table, journey.spender.as_ref(), now_us);
        let view = LiveView { allowance, ..LiveView::new(&self.state, &journey.bindings) };
        let mut context =
            Context { table: &journey.table, view: &view, budget: &mut self.budget, now_us };
        turn(&mut journey.walk, &mut context)
    }

    /// Reserves the slot of a try.
    fn enter(&mut self, journey: &mut Journey, step: Step, now_us: u64) {
        journey.step = match step {
            Step::Try { hop } => self.enter_try(journey, hop, now_us),
            Step::Await => NextStep::Await,
            Step::Wait { us } => NextStep::Wait { us },
            Step::Done => NextStep::Done,
            Step::Fail { failure, surface } => NextStep::Fail { failure, surface },
        };
        self.over(journey);
    }

    fn enter_try(&mut self, journey: &mut Journey, hop: usize, now_us: u64) -> NextStep {
        let number = journey.walk.attempts();
        let view = LiveView::new(&self.state, &journey.bindings);
        let hedge_after_us = journey.walk.hedge_after_us(&view);
        let Some(deployment) = journey.decision.choice.plan.get(hop).map(|hop| hop.deployment)
        else {
            return NextStep::Fail { failure: Failure::PlanExhausted, surface: None };
        };
        let table = &journey.table;
        let provider = table.deployments.get(deployment).provider;
        let Asked { stream, plain } = journey.asked;
        let streamed = stream || (plain && table.providers.get(provider).stream_whole);
        let claim = Claim {
            provider,
            deployment,
            expires_us: journey.deadline_us.saturating_add(WALK_GRACE_US),
            stream: streamed,
            whole: !stream,
            watched: true,
            decision: journey.number,
        };
        let reserved = self.state.reserve(&journey.bindings, &claim, &table.settings, now_us);
        let Some(permit) = reserved else {
            return NextStep::Fail { failure: Failure::PlanExhausted, surface: None };
        };
        self.set_aside(permit, &mut journey.spender, &journey.table, deployment, now_us);
        journey.holding.push(Held { number, permit, deployment });
        NextStep::Try {
            number,
            deployment,
            permit: self.permit_name(permit),
            streamed,
            kind: journey.walk.kind(),
            hedge_after_us: hedge_after_us.filter(|_| streamed),
        }
    }
}

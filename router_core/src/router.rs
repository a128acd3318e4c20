//! A table and the live state behind one lock's worth of methods: decide and reserve, walk, report,
//! expire, swap. Callers pass the time and the seed; nothing here waits.

use std::sync::Arc;

use crate::choose::{choose, Choice};
use crate::decision::Decision;
use crate::facts::Facts;
use crate::outcome::{Outcome, OutcomeClass};
use crate::refusal::Refused;
use crate::size::parse_size;
use crate::state::budget::RetryBudget;
use crate::state::permits::Reported;
use crate::state::{Bindings, LiveView, Snapshot, State};
use crate::table::{DeploymentId, Table};
use crate::walk::{Context, Failure, Step, Walk};

/// A walk's permit outlives its deadline by this much, microseconds: it is released by the outcome,
/// and by its expiry only if its driver is lost.
const WALK_GRACE_US: u64 = 60_000_000;

pub struct Router {
    instance: String,
    table: Arc<Table>,
    bindings: Arc<Bindings>,
    state: State,
    budget: RetryBudget,
}

/// A request on its way: the decision, the walk, and what it holds.
pub struct Journey {
    pub decision: Arc<Decision>,
    pub step: NextStep,
    walk: Walk,
    table: Arc<Table>,
    bindings: Arc<Bindings>,
    deadline_us: u64,
    holding: Option<u64>,
}

/// A step with its slot reserved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NextStep {
    Try { number: usize, deployment: DeploymentId, permit: String },
    Wait { us: u64 },
    Done,
    Fail { failure: Failure, surface: Option<usize> },
}

impl Router {
    #[must_use]
    pub fn new(table: Arc<Table>, instance: String) -> Self {
        let mut state = State::default();
        let bindings = Arc::new(state.bind(&table));
        Self { instance, table, bindings, state, budget: RetryBudget::default() }
    }

    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Chooses and reserves, for a caller who talks to the provider itself. Where every deployment
    /// is full the decision says so and holds no permit: the caller may queue there or come back.
    pub fn decide(&mut self, facts: &Facts, now_us: u64, seed: u64) -> Result<Decision, Refused> {
        let mut decision = self.chosen(facts, now_us, seed)?;
        self.charge(&decision.choice);
        let Some(room) = decision.choice.plan.first().filter(|hop| !hop.full) else {
            return Ok(decision);
        };
        let deployment = room.deployment;
        let expires_us = now_us.saturating_add(self.table.settings.permit_ttl_us);
        let (bindings, table) = (self.bindings.clone(), self.table.clone());
        if let Some(permit) = self.reserve(&bindings, &table, deployment, expires_us) {
            decision.permit = self.permit_name(permit);
            decision.permit_expires_us = expires_us;
        }
        Ok(decision)
    }

    /// The decision alone: reserves nothing and moves no shares.
    pub fn explain(&mut self, facts: &Facts, now_us: u64, seed: u64) -> Result<Decision, Refused> {
        self.state.expire(now_us);
        let view = LiveView { state: &self.state, bindings: &self.bindings };
        let choice = choose(&self.table, &view, facts, now_us, seed)
            .map_err(|refusal| Refused::from_refusal(refusal, &self.table, facts, now_us))?;
        Ok(self.decision(facts, choice, String::new(), now_us, seed))
    }

    /// Decides and starts the walk.
    pub fn begin(
        &mut self,
        facts: &Facts,
        now_us: u64,
        seed: u64,
        deadline_us: u64,
    ) -> Result<Journey, Refused> {
        self.budget.request(now_us);
        let decision = self.chosen(facts, now_us, seed)?;
        self.charge(&decision.choice);
        let plan = decision.choice.plan.iter().map(|hop| hop.deployment).collect();
        let mut journey = Journey {
            decision: Arc::new(decision),
            step: NextStep::Done,
            walk: Walk::new(plan, now_us, deadline_us, seed),
            table: self.table.clone(),
            bindings: self.bindings.clone(),
            deadline_us,
            holding: None,
        };
        self.resume(&mut journey, now_us);
        Ok(journey)
    }

    /// Goes on after a wait; sets the journey's step.
    pub fn resume(&mut self, journey: &mut Journey, now_us: u64) {
        self.state.expire(now_us);
        if journey.holding.is_none() {
            self.advance(journey, None, now_us);
        }
    }

    /// Ends the running attempt and sets the journey's next step.
    pub fn finish(&mut self, journey: &mut Journey, outcome: &Outcome, now_us: u64) {
        self.state.expire(now_us);
        if let Some(permit) = journey.holding.take() {
            self.state.finish(permit, outcome, self.out_for_us(outcome), now_us);
            self.advance(journey, Some(outcome), now_us);
        }
    }

    /// The running attempt delivered its first content.
    pub fn first_token(&mut self, journey: &mut Journey, now_us: u64) {
        let _ = (journey, now_us);
        self.state.expire(now_us);
    }

    /// Releases whatever a journey still holds, and ends its walk.
    pub fn abandon(&mut self, journey: &mut Journey, now_us: u64) {
        self.finish(journey, &Outcome::of(OutcomeClass::Cancelled), now_us);
        if let Some(step) = journey.walk.abandon() {
            self.enter(journey, step);
        }
    }

    /// The outcome of a `Route` caller's own attempt.
    pub fn report(&mut self, permit: &str, outcome: &Outcome, now_us: u64) -> Reported {
        self.state.expire(now_us);
        let Some(permit) = self.permit_number(permit) else {
            return Reported::Unknown;
        };
        let out_for = self.out_for_us(outcome);
        self.state.finish(permit, outcome, out_for, now_us)
    }

    /// Expires permits; returns how many.
    pub fn tick(&mut self, now_us: u64) -> usize {
        self.state.expire(now_us)
    }

    /// Puts a new table in place. Requests under way finish on the one they started on.
    pub fn swap(&mut self, table: Arc<Table>) {
        self.bindings = Arc::new(self.state.bind(&table));
        self.table = table;
    }

    /// Takes the sizes providers list for their models: text such as `7.6B`, or a plain number.
    /// What cannot be read is left out.
    pub fn learn_sizes(&mut self, sizes: impl IntoIterator<Item = (String, String)>) {
        let read = |(name, size): (String, String)| {
            let parameters = parse_size(&size).or_else(|| size.parse().ok())?;
            Some((name, parameters))
        };
        self.state.learn_sizes(sizes.into_iter().filter_map(read));
    }

    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.state.snapshot()
    }

    /// Loads figures; returns the ids this table does not know.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Vec<String> {
        self.state.restore(snapshot)
    }

    #[must_use]
    pub fn in_flight(&self) -> Vec<(&str, u32)> {
        self.state.in_flight()
    }

    // ── Inside ──────────────────────────────────────────────────────────────────────────────────

    fn chosen(&mut self, facts: &Facts, now_us: u64, seed: u64) -> Result<Decision, Refused> {
        let mut decision = self.explain(facts, now_us, seed)?;
        decision.id = format!("{}-{:x}", self.instance, self.state.next_decision());
        Ok(decision)
    }

    fn decision(
        &self,
        facts: &Facts,
        choice: Choice,
        id: String,
        now_us: u64,
        seed: u64,
    ) -> Decision {
        Decision {
            id,
            table: self.table.clone(),
            requested: facts.model.clone(),
            choice,
            prompt_tokens: facts.prompt_tokens,
            now_us,
            seed,
            permit: String::new(),
            permit_expires_us: 0,
        }
    }

    fn charge(&mut self, choice: &Choice) {
        if let Some(charge) = &choice.charge {
            self.state.charge(&self.bindings, charge);
        }
    }

    fn reserve(
        &mut self,
        bindings: &Bindings,
        table: &Table,
        deployment: DeploymentId,
        expires_us: u64,
    ) -> Option<u64> {
        let provider = table.deployments.get(deployment).provider;
        self.state.reserve(bindings, provider, deployment, expires_us)
    }

    /// One turn of the walk: after an outcome, or after a wait.
    fn advance(&mut self, journey: &mut Journey, outcome: Option<&Outcome>, now_us: u64) {
        let view = LiveView { state: &self.state, bindings: &journey.bindings };
        let mut context =
            Context { table: &journey.table, view: &view, budget: &mut self.budget, now_us };
        let step = match outcome {
            Some(outcome) => {
                journey.walk.finish(outcome.class, outcome.retry_after_us, &mut context)
            }
            None => journey.walk.resume(&mut context),
        };
        self.enter(journey, step);
    }

    /// Reserves the slot of a try.
    fn enter(&mut self, journey: &mut Journey, step: Step) {
        journey.step = match step {
            Step::Try { hop } => self.enter_try(journey, hop),
            Step::Wait { us } => NextStep::Wait { us },
            Step::Done => NextStep::Done,
            Step::Fail { failure, surface } => NextStep::Fail { failure, surface },
        };
    }

    fn enter_try(&mut self, journey: &mut Journey, hop: usize) -> NextStep {
        let expires_us = journey.deadline_us.saturating_add(WALK_GRACE_US);
        let deployment = journey.decision.choice.plan.get(hop).map(|hop| hop.deployment);
        let reserved = deployment.and_then(|deployment| {
            let (bindings, table) = (journey.bindings.clone(), journey.table.clone());
            Some((self.reserve(&bindings, &table, deployment, expires_us)?, deployment))
        });
        journey.holding = reserved.map(|(permit, _)| permit);
        match reserved {
            Some((permit, deployment)) => NextStep::Try {
                number: journey.walk.attempts(),
                deployment,
                permit: self.permit_name(permit),
            },
            None => NextStep::Fail { failure: Failure::PlanExhausted, surface: None },
        }
    }

    /// After a 429: for as long as it says, else for the configured time (R13).
    fn out_for_us(&self, outcome: &Outcome) -> u64 {
        outcome.retry_after_us.unwrap_or(self.table.settings.rate_limited_us)
    }

    fn permit_name(&self, permit: u64) -> String {
        format!("{}.{permit:x}", self.instance)
    }

    fn permit_number(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(self.instance.as_str())?.strip_prefix('.')?;
        u64::from_str_radix(number, 16).ok()
    }
}

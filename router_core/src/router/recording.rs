//! What the router leaves for the decision log, while anybody wants it, and how it takes a recorded
//! decision's figures back.

use std::sync::Arc;

use super::Router;
use crate::allowance;
use crate::choose::{choose, Choice, Refusal};
use crate::decision::Decision;
use crate::facts::Facts;
use crate::outcome::Outcome;
use crate::record::{Entry, Figures, Read, Recorder};
use crate::refusal::Refused;
use crate::state::LiveView;

impl Router {
    /// Whether decisions and reports are kept for `take_records` from now on.
    pub fn record(&mut self, open: bool) {
        self.outbox.open = open;
    }

    /// What was decided and reported since the last call, and how many records were lost after those.
    pub fn take_records(&mut self) -> (Vec<Entry>, u64) {
        self.outbox.take()
    }

    /// Sets the state to what a recorded decision read.
    pub fn recall(&mut self, figures: &Figures, facts: &Facts, now_us: u64) {
        let caller = allowance::caller(facts);
        self.state.recall(figures, &self.table, &self.bindings, caller, now_us);
    }

    /// Lets the turns of weighted shares pass as if this had been decided.
    pub fn pass_turn(&mut self, choice: &Choice) {
        self.charge(choice);
    }

    pub(super) fn choose_recorded(
        &self,
        view: LiveView<'_>,
        facts: &Facts,
        now_us: u64,
        seed: u64,
        read: &mut Read,
    ) -> Result<Choice, Refusal> {
        let recorder = Recorder::new(view, &self.table);
        let choice = choose(&self.table, &recorder, facts, now_us, seed);
        let budgets = self.table.budgets.as_ref();
        let tallies =
            budgets.map(|_| self.state.spending.tallies(allowance::caller(facts), now_us));
        *read = recorder.read(&self.table, tallies);
        choice
    }

    pub(super) fn noted(
        &mut self,
        decision: Decision,
        facts: &Facts,
        read: Option<Read>,
    ) -> Arc<Decision> {
        let decision = Arc::new(decision);
        if let Some(read) = read {
            let (decision, facts) = (decision.clone(), facts.clone());
            self.outbox.push(Entry::Decided { decision, facts, read });
        }
        decision
    }

    pub(super) fn noted_refusal(
        &mut self,
        refused: Refused,
        facts: &Facts,
        read: Option<Read>,
        now_us: u64,
        seed: u64,
    ) -> Refused {
        if let Some(read) = read {
            let (table, facts) = (self.table.clone(), facts.clone());
            let refused = refused.clone();
            self.outbox.push(Entry::Refused { refused, table, facts, read, now_us, seed });
        }
        refused
    }

    /// A report of an attempt whose permit is known, late ones included.
    pub(super) fn note_report(&mut self, permit: u64, outcome: &Outcome, now_us: u64) {
        if !self.outbox.open {
            return;
        }
        let Some((decision, deployment)) = self.state.reserved_by(permit) else { return };
        let (decision_id, deployment) = (self.decision_name(decision), deployment.to_owned());
        let outcome = outcome.clone();
        self.outbox.push(Entry::Reported { decision_id, deployment, outcome, now_us });
    }
}

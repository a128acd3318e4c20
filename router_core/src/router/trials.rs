//! What the router tells experiments: which arm a decision named, how its attempts ended, what was said
//! of its answer.

use serde_json::Value;

use super::{Journey, NextStep, Router};
use crate::decision::Decision;
use crate::eligibility::Skip;
use crate::outcome::Outcome;
use crate::price::Price;
use crate::state::experiments::{Attempted, Trial};
use crate::state::permits::Reported;
use crate::table::{DeploymentId, ModelId, Table};

impl Router {
    /// Takes in how good the answer to a decision was, 0…1; the last judgement of a decision counts.
    /// False for a decision that was not made here, or not among the last 16,384.
    pub fn feedback(&mut self, decision_id: &str, score: f64) -> bool {
        let number = self.decision_number(decision_id);
        let Some(number) = number.filter(|number| self.state.remembers(*number)) else {
            return false;
        };
        // A decision in no experiment is known, and there is nothing to learn from it.
        self.state.experiments.feedback(number, score);
        true
    }

    /// Starts an experiment's figures anew and lifts its rollback, or all experiments'; returns the
    /// names of those that were reset.
    pub fn reset_experiments(&mut self, name: Option<&str>, now_us: u64) -> Vec<String> {
        self.state.experiments.reset(&self.bindings.experiments, name, now_us)
    }

    /// The figures of every experiment, by arm, as JSON.
    #[must_use]
    pub fn experiments(&self, now_us: u64) -> Value {
        self.state.experiments.report(&self.table, &self.bindings.experiments, now_us)
    }

    pub(super) fn trial(&mut self, decision: &Decision) -> Option<Trial> {
        let assignment = decision.choice.assignment.as_ref()?;
        let number = self.decision_number(&decision.id)?;
        let bound = &self.bindings.experiments;
        let trial = self.state.experiments.assigned(bound, assignment, number, decision.now_us);
        trial.map(|trial| if is_out(decision, trial.model) { trial.failed() } else { trial })
    }

    /// An attempt of a journey ended.
    pub(super) fn attempted(
        &mut self,
        journey: &mut Journey,
        deployment: DeploymentId,
        outcome: &Outcome,
    ) {
        let Some(trial) = &mut journey.trial else { return };
        if let Some(attempted) = attempted(&journey.table, trial, deployment, outcome) {
            self.state.experiments.attempted(trial, &attempted);
        }
    }

    /// A journey has its next step; with the last one its trial ends.
    pub(super) fn over(&mut self, journey: &mut Journey) {
        let ended = matches!(journey.step, NextStep::Done | NextStep::Fail { .. });
        if let Some(trial) = journey.trial.as_mut().filter(|_| ended) {
            self.state.experiments.over(trial);
        }
    }

    /// A Route caller holds the only permit of its decision, for the first deployment.
    pub(super) fn await_report(
        &mut self,
        permit: u64,
        trial: Option<Trial>,
        deployment: DeploymentId,
    ) {
        let Some(mut trial) = trial else { return };
        if self.table.deployments.get(deployment).model == Some(trial.model) {
            let price = price(&self.table, deployment);
            self.state.experiments.await_report(permit, trial, price);
        } else {
            self.state.experiments.over(&mut trial);
        }
    }

    pub(super) fn reported(&mut self, permit: u64, reported: Reported, outcome: &Outcome) {
        if reported == Reported::Accepted {
            self.state.experiments.reported(permit, outcome);
        }
    }

    fn decision_number(&self, id: &str) -> Option<u64> {
        let number = id.strip_prefix(self.instance.as_str())?.strip_prefix('-')?;
        u64::from_str_radix(number, 16).ok()
    }
}

/// Whether nothing of a model is in the plan because errors or a rate limit have taken it out.
fn is_out(decision: &Decision, model: ModelId) -> bool {
    let own = |id: DeploymentId| decision.table.deployments.get(id).model == Some(model);
    let choice = &decision.choice;
    !choice.plan.iter().any(|hop| own(hop.deployment))
        && choice.skipped.iter().any(|(id, skip)| own(*id) && matches!(skip, Skip::Out { .. }))
}

/// What an attempt says of the arm; `None` where another model was tried.
fn attempted(
    table: &Table,
    trial: &Trial,
    deployment: DeploymentId,
    outcome: &Outcome,
) -> Option<Attempted> {
    let own = table.deployments.get(deployment).model == Some(trial.model);
    own.then(|| Attempted::of(outcome, price(table, deployment)))
}

fn price(table: &Table, deployment: DeploymentId) -> Price {
    table.provider_of(deployment).price
}

//! The live figures of experiments (R14), by the names of experiments and arms, so that a reload keeps
//! those that still exist. The guardrail looks at them after every outcome and every feedback.

mod figures;
mod guardrail;
mod histogram;
mod recent;
mod report;

use crate::choose::assign::{Allocation, Assignment};
use crate::experiment::{Experiment, ExperimentId, Guardrail};
use crate::outcome::{Outcome, OutcomeClass};
use crate::price::Price;
use crate::table::{ModelId, Table};
use figures::Figures;
use guardrail::{judge, Verdict};
use recent::Recent;

pub use recent::REMEMBERED;

#[derive(Debug)]
struct ArmState {
    name: String,
    model: String,
    figures: Figures,
}

#[derive(Debug)]
struct ExperimentState {
    name: String,
    guardrail: Guardrail,
    control: usize,
    arms: Vec<ArmState>,
    /// Which arm the guardrail ended it for, and why.
    rolled_back: Option<(usize, Verdict)>,
    /// When the first request that counts came, or the last reset; 0 before either.
    since_us: u64,
    /// Grows with every reset: what began before one counts no more after it.
    round: u32,
}

/// Where an experiment of one table stands in the state.
#[derive(Debug, Clone)]
pub struct Bound {
    experiment: usize,
    arms: Vec<usize>,
}

/// Where a request's figures go.
#[derive(Debug, Clone, Copy)]
struct Place {
    experiment: usize,
    arm: usize,
    round: u32,
    tested: bool,
}

/// A request under way in an experiment.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    place: Place,
    /// The arm's own.
    pub model: ModelId,
    /// The arm's model failed; whether it serves yet is open.
    failed: bool,
    settled: bool,
}

impl Trial {
    /// That of an arm whose model is out after errors or a rate limit: it cannot serve what it was
    /// given, whoever else does.
    #[must_use]
    pub fn failed(self) -> Self {
        Self { failed: true, ..self }
    }
}

/// What an attempt of the arm's own model taught.
#[derive(Debug, Clone, Copy)]
pub struct Attempted {
    pub class: OutcomeClass,
    /// Time of the whole answer, microseconds.
    pub latency_us: u64,
    pub cost_usd: f64,
}

impl Attempted {
    #[must_use]
    pub fn of(outcome: &Outcome, price: Price) -> Self {
        let tokens = |count: Option<u32>| count.unwrap_or(0);
        Self {
            class: outcome.class,
            latency_us: outcome.total_us,
            cost_usd: price
                .cost_usd(tokens(outcome.prompt_tokens), tokens(outcome.completion_tokens)),
        }
    }
}

/// A decision whose answer may still be judged.
#[derive(Debug)]
struct Judged {
    place: Place,
    score: Option<f64>,
}

#[derive(Debug, Default)]
pub struct Experiments {
    states: Vec<ExperimentState>,
    decisions: Recent<Judged>,
    /// Trials whose outcome a Route caller will report, by permit, with what its provider charges.
    reports: Recent<(Trial, Price)>,
}

impl Experiments {
    /// Finds or makes the state of a table's experiments. One whose arms name other models than before
    /// starts anew.
    pub fn bind(&mut self, table: &Table) -> Vec<Bound> {
        table.experiments.iter().map(|(_, experiment)| self.bind_one(table, experiment)).collect()
    }

    fn bind_one(&mut self, table: &Table, experiment: &Experiment) -> Bound {
        let known = self.states.iter().position(|state| state.name == experiment.name);
        let index = known.unwrap_or_else(|| {
            self.states.push(ExperimentState::new(&experiment.name));
            self.states.len() - 1
        });
        let mut bound = Bound { experiment: index, arms: Vec::new() };
        let Some(state) = self.states.get_mut(index) else { return bound };
        for arm in &experiment.arms {
            bound.arms.push(state.bind_arm(&arm.name, &table.models.get(arm.model).name));
        }
        state.guardrail = experiment.guardrail;
        state.control = bound.arms.get(experiment.control).copied().unwrap_or(0);
        bound
    }

    /// A decision was made for an arm; the trial takes what comes of it.
    pub fn assigned(
        &mut self,
        bound: &[Bound],
        assignment: &Assignment,
        decision: u64,
        now_us: u64,
    ) -> Option<Trial> {
        let bound = bound.get(assignment.experiment.index())?;
        let state = self.states.get_mut(bound.experiment)?;
        let place = Place {
            experiment: bound.experiment,
            arm: *bound.arms.get(assignment.arm)?,
            round: state.round,
            tested: assignment.allocation == Allocation::Tested,
        };
        if state.since_us == 0 {
            state.since_us = now_us;
        }
        state.arms.get_mut(place.arm)?.figures.requests += 1;
        self.decisions.insert(decision, Judged { place, score: None });
        Some(Trial { place, model: assignment.model, failed: false, settled: false })
    }

    /// An attempt of the arm's own model ended.
    pub fn attempted(&mut self, trial: &mut Trial, attempt: &Attempted) {
        if trial.settled {
            return;
        }
        if attempt.class == OutcomeClass::Success {
            if let Some(figures) = self.figures(trial.place) {
                figures.latency_us = figures.latency_us.saturating_add(attempt.latency_us);
                figures.latencies.add(attempt.latency_us);
                figures.cost_usd += attempt.cost_usd;
            }
            self.settle(trial, true);
        } else if against_the_model(attempt.class) {
            trial.failed = true;
        }
    }

    /// Nothing more is tried: a model that failed and did not serve in the end has failed, even where
    /// a fallback answered. One that was never asked to the end has neither failed nor served.
    pub fn over(&mut self, trial: &mut Trial) {
        if trial.failed && !trial.settled {
            self.settle(trial, false);
        }
    }

    /// Keeps a trial until a Route caller reports on its permit.
    pub fn await_report(&mut self, permit: u64, trial: Trial, price: Price) {
        self.reports.insert(permit, (trial, price));
    }

    /// The outcome of a permit came in.
    pub fn reported(&mut self, permit: u64, outcome: &Outcome) {
        if let Some((mut trial, price)) = self.reports.take(permit) {
            self.attempted(&mut trial, &Attempted::of(outcome, price));
            self.over(&mut trial);
        }
    }

    /// How good an answer was, 0…1; of several judgements of one decision the last counts. False where
    /// the decision was part of no experiment or is forgotten.
    pub fn feedback(&mut self, decision: u64, score: f64) -> bool {
        let Some(judged) = self.decisions.get_mut(decision) else {
            return false;
        };
        let (place, before) = (judged.place, judged.score.replace(score));
        if let Some(figures) = self.figures(place) {
            let tested = place.tested.then_some(&mut figures.tested_scores);
            for scores in [Some(&mut figures.scores), tested].into_iter().flatten() {
                if let Some(before) = before {
                    scores.take_back(before);
                }
                scores.add(score);
            }
        }
        self.guard(place);
        true
    }

    /// Starts the figures anew and lifts a rollback, for the experiment named or for all of them;
    /// returns the names of those that were reset.
    pub fn reset(&mut self, bound: &[Bound], name: Option<&str>, now_us: u64) -> Vec<String> {
        let mut reset = Vec::new();
        for bound in bound {
            let Some(state) = self.states.get_mut(bound.experiment) else { continue };
            if name.is_none_or(|name| name == state.name) {
                state.reset(now_us);
                reset.push(state.name.clone());
            }
        }
        reset
    }

    #[must_use]
    pub fn rolled_back(&self, bound: &[Bound], id: ExperimentId) -> bool {
        let state = bound.get(id.index()).and_then(|bound| self.states.get(bound.experiment));
        state.is_some_and(|state| state.rolled_back.is_some())
    }

    /// The names of those that are rolled back.
    pub fn names_rolled_back(&self) -> impl Iterator<Item = &str> {
        let ended = self.states.iter().filter(|state| state.rolled_back.is_some());
        ended.map(|state| state.name.as_str())
    }

    /// Takes an experiment as rolled back elsewhere, without the figures that led to it; false for one
    /// that is not known.
    pub fn restore_rollback(&mut self, name: &str) -> bool {
        let known = self.states.iter_mut().find(|state| state.name == name);
        let restored = known.map(|state| {
            state.rolled_back.get_or_insert((state.control, Verdict::Restored));
        });
        restored.is_some()
    }

    /// Takes exactly these as rolled back.
    pub fn recall_rollbacks(&mut self, names: &[String]) {
        for state in &mut self.states {
            let ended = names.contains(&state.name);
            state.rolled_back = ended.then_some((state.control, Verdict::Restored));
        }
    }

    // ── Inside ──────────────────────────────────────────────────────────────────────────────────

    fn figures(&mut self, place: Place) -> Option<&mut Figures> {
        let state = self.states.get_mut(place.experiment)?;
        let current = state.round == place.round;
        state.arms.get_mut(place.arm).filter(|_| current).map(|arm| &mut arm.figures)
    }

    fn settle(&mut self, trial: &mut Trial, served: bool) {
        trial.settled = true;
        let place = trial.place;
        if let Some(figures) = self.figures(place) {
            figures.all.add(served);
            if place.tested {
                figures.tested.add(served);
            }
        }
        self.guard(place);
    }

    /// Ends the experiment where the arm that changed is out of bounds.
    fn guard(&mut self, place: Place) {
        let Some(state) = self.states.get_mut(place.experiment) else { return };
        if !place.tested || state.rolled_back.is_some() {
            return;
        }
        let verdict = state.verdict_of(place.arm);
        if verdict.rolls_back() {
            state.rolled_back = Some((place.arm, verdict));
        }
    }
}

impl ExperimentState {
    fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            guardrail: Guardrail::default(),
            control: 0,
            arms: Vec::new(),
            rolled_back: None,
            since_us: 0,
            round: 0,
        }
    }

    fn bind_arm(&mut self, name: &str, model: &str) -> usize {
        let Some(index) = self.arms.iter().position(|arm| arm.name == name) else {
            let (name, model) = (name.to_owned(), model.to_owned());
            self.arms.push(ArmState { name, model, figures: Figures::default() });
            return self.arms.len() - 1;
        };
        if let Some(arm) = self.arms.get_mut(index).filter(|arm| arm.model != model) {
            model.clone_into(&mut arm.model);
            self.reset(0);
        }
        index
    }

    fn reset(&mut self, now_us: u64) {
        self.rolled_back = None;
        self.since_us = now_us;
        self.round = self.round.wrapping_add(1);
        self.arms.iter_mut().for_each(|arm| arm.figures = Figures::default());
    }

    /// The control itself is only measured against.
    fn verdict_of(&self, arm: usize) -> Verdict {
        match (self.arms.get(arm), self.arms.get(self.control)) {
            (Some(judged), Some(control)) if arm != self.control => {
                judge(&self.guardrail, &judged.figures, &control.figures)
            }
            _ => Verdict::Control,
        }
    }
}

/// Failures that tell of the model or its provider. A deadline is among them: to those who wait, an
/// answer that comes too late is none.
fn against_the_model(class: OutcomeClass) -> bool {
    match class {
        OutcomeClass::RateLimited
        | OutcomeClass::ServerError
        | OutcomeClass::ConnectionReset
        | OutcomeClass::Unreachable
        | OutcomeClass::Unavailable
        | OutcomeClass::Silent
        | OutcomeClass::Unauthorized
        | OutcomeClass::ModelMissing
        | OutcomeClass::StreamBroken
        | OutcomeClass::Deadline => true,
        OutcomeClass::Success
        | OutcomeClass::ContextLength
        | OutcomeClass::ContentPolicy
        | OutcomeClass::InvalidRequest
        | OutcomeClass::Cancelled
        | OutcomeClass::Diverged => false,
    }
}

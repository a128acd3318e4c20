//! Which experiment a request takes part in, and which arm is its (R14, R15). The first enabled
//! experiment that matches decides; the arm follows from the unit by rendezvous hashing.

use super::Note;
use crate::complexity::Band;
use crate::experiment::{Experiment, ExperimentId, QueryClasses, Unit};
use crate::facts::{Facts, Features};
use crate::query_class::QueryClass;
use crate::rendezvous::{pick, stable_hash};
use crate::resolve::Resolution;
use crate::table::{ModelId, Table};
use crate::view::View;

/// How a request got its arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allocation {
    /// By its unit and the arms' shares: this is what the experiment tests.
    Tested,
    /// The class of its query has an arm of its own.
    QueryClass,
    /// Its query could not be classified.
    OnError,
    /// The guardrail has ended the experiment.
    RolledBack,
}

impl Allocation {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tested => "tested",
            Self::QueryClass => "query_class",
            Self::OnError => "on_error",
            Self::RolledBack => "rolled_back",
        }
    }
}

/// A request's place in an experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Assignment {
    pub experiment: ExperimentId,
    /// Index of the arm.
    pub arm: usize,
    pub model: ModelId,
    pub allocation: Allocation,
    /// Probability of this arm: its share where it was tested, else 1.
    pub probability: f64,
}

impl Assignment {
    /// The names of the experiment and of the arm.
    #[must_use]
    pub fn names<'t>(&self, table: &'t Table) -> (&'t str, &'t str) {
        let experiment = table.experiments.get(self.experiment);
        let arm = experiment.arms.get(self.arm).map_or("", |arm| arm.name.as_str());
        (&experiment.name, arm)
    }

    #[must_use]
    pub fn note(&self, table: &Table) -> Note {
        let (experiment, arm) = self.names(table);
        let (experiment, arm) = (experiment.to_owned(), arm.to_owned());
        Note::Experiment { experiment, arm, allocation: self.allocation }
    }
}

/// The arm of a request; `None` where no experiment takes it. Vectors of two models do not compare, so
/// requests for embeddings take part in none.
pub fn assign(
    table: &Table,
    view: &impl View,
    facts: &Facts,
    resolution: &Resolution<'_>,
    band: Band,
    now_us: u64,
    seed: u64,
) -> Option<Assignment> {
    if facts.features.contains(Features::EMBEDDINGS) {
        return None;
    }
    let takes = |id: ExperimentId| {
        let experiment = table.experiments.get(id);
        experiment.enabled && experiment.matching.holds(resolution, band)
    };
    let of_class = table.query_classes.as_ref().filter(|_| facts.query_class.is_some());
    let by_class = of_class.filter(|classes| takes(classes.experiment));
    let reserved = table.query_classes.as_ref().map(|classes| classes.experiment);
    let id = by_class.map(|classes| classes.experiment).or_else(|| {
        let mut others = table.experiments.iter().map(|(id, _)| id);
        others.find(|id| Some(*id) != reserved && takes(*id))
    })?;
    let experiment = table.experiments.get(id);
    let forced = if view.rolled_back(id) {
        Some((experiment.control, Allocation::RolledBack))
    } else {
        by_class.zip(facts.query_class).and_then(|(classes, class)| of_its_own(classes, class))
    };
    let (arm, allocation, probability) = match forced {
        Some((arm, allocation)) => (arm, allocation, 1.0),
        None => tested(experiment, facts, now_us, seed)?,
    };
    let model = experiment.arms.get(arm)?.model;
    Some(Assignment { experiment: id, arm, model, allocation, probability })
}

/// The arm of a class that is not tested.
fn of_its_own(classes: &QueryClasses, class: QueryClass) -> Option<(usize, Allocation)> {
    match class {
        QueryClass::Simple => Some((classes.simple, Allocation::QueryClass)),
        QueryClass::Complex => Some((classes.complex, Allocation::QueryClass)),
        QueryClass::Unknown => Some((classes.on_error, Allocation::OnError)),
        QueryClass::Medium => None,
    }
}

fn tested(
    experiment: &Experiment,
    facts: &Facts,
    now_us: u64,
    seed: u64,
) -> Option<(usize, Allocation, f64)> {
    let keys = experiment.arms.iter().map(|arm| arm.key);
    let arm = pick(unit(experiment.unit, facts, seed), keys.zip(experiment.shares(now_us)))?;
    let share = experiment.shares(now_us).nth(arm)?;
    Some((arm, Allocation::Tested, share))
}

/// The hash of what keeps its arm: without the unit asked for the prompt, without text the seed.
fn unit(unit: Unit, facts: &Facts, seed: u64) -> u64 {
    if facts.of_any_unit {
        return seed;
    }
    let name = match unit {
        Unit::Session => facts.session.as_deref(),
        Unit::User => facts.principal.as_deref(),
        Unit::Prompt => None,
    };
    let named = name.filter(|name| !name.is_empty()).map(|name| stable_hash(&[name]));
    named.or(facts.prompt_hash).unwrap_or(seed)
}

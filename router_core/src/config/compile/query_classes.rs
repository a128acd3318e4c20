//! Query classes (R15): the experiment that serves them, an arm for each class, and the vocabularies
//! made ready.

use super::experiments::arm_named;
use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::experiments::QueryClassesEntry;
use crate::config::schema::Document;
use crate::experiment::{Experiment, ExperimentId, QueryClasses};
use crate::query_class::Classifier;

pub(super) fn compile(draft: &mut Draft, document: &Document) {
    let Some(entry) = &document.query_classes else {
        return;
    };
    let at = Pointer::root().key("query_classes");
    let declared: Vec<&str> = document.experiments.names().collect();
    if let Ok(experiment) = experiment(draft, &declared, &entry.experiment, &at.key("experiment")) {
        draft.table.query_classes = query_classes(draft, entry, experiment, &at).ok();
    }
}

fn query_classes(
    draft: &mut Draft,
    entry: &QueryClassesEntry,
    experiment: ExperimentId,
    at: &Pointer,
) -> Result<QueryClasses, Reported> {
    let arms = draft.table.experiments.get(experiment).arms.clone();
    let simple = arm_named(draft, &arms, &entry.simple, &at.key("simple"));
    let complex = arm_named(draft, &arms, &entry.complex, &at.key("complex"));
    let on_error = match &entry.on_error {
        Some(name) => arm_named(draft, &arms, name, &at.key("on_error"))?,
        None => complex?,
    };
    Ok(QueryClasses {
        experiment,
        simple: simple?,
        complex: complex?,
        on_error,
        baseline_latency_us: entry.baseline_latency_ms.micros(),
        classifier: Classifier::new(&entry.vocabulary),
    })
}

/// A declared experiment that is missing from the table is a mistake already reported.
fn experiment(
    draft: &mut Draft,
    declared: &[&str],
    name: &str,
    at: &Pointer,
) -> Result<ExperimentId, Reported> {
    let named = |experiment: &Experiment| experiment.name == name;
    let known = draft.table.experiments.iter().find(|(_, experiment)| named(experiment));
    if let Some((id, _)) = known {
        return Ok(id);
    }
    if declared.contains(&name) {
        return Err(Reported);
    }
    let found = Diagnostic::error("unknown-experiment", at, format!("no experiment `{name}`"))
        .suggest_name(name, declared.iter().copied());
    Err(draft.reported(found))
}

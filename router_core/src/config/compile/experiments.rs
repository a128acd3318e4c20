//! Experiments (R14): arms with their models and shares, the schedule and the guardrail. A name that
//! leads nowhere and a share that cannot be given are errors at their places.

use super::{query_classes, Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::containers::Items;
use crate::config::schema::experiments::{
    ArmEntry, ExperimentEntry, ExperimentMatch, GuardrailEntry, StageEntry,
};
use crate::config::schema::Document;
use crate::config::timestamp;
use crate::experiment::{Arm, Experiment, Guardrail, Matching, Stage, Unit};
use crate::rendezvous::stable_hash;

pub(super) fn compile(draft: &mut Draft, document: &Document) {
    let section = Pointer::root().key("experiments");
    let by_class = document.query_classes.as_ref().map(|classes| classes.experiment.as_str());
    for (name, entry) in document.experiments.iter() {
        let at = section.key(name);
        let Some(entry) = draft.built(entry, &at) else { continue };
        if let Ok(experiment) = experiment(draft, name, entry, &at) {
            if by_class != Some(name) {
                warn_of_overlap(draft, &experiment, by_class, &at.key("match"));
            }
            draft.table.experiments.push(experiment);
        }
    }
    query_classes::compile(draft, document);
}

fn experiment(
    draft: &mut Draft,
    name: &str,
    entry: &ExperimentEntry,
    at: &Pointer,
) -> Result<Experiment, Reported> {
    let matching = matching(draft, &entry.r#match, &at.key("match"));
    let schedule = schedule(draft, &entry.schedule, &at.key("schedule"));
    let guardrail = guardrail(draft, &entry.guardrail, &at.key("guardrail"));
    let arms = arms(draft, name, entry, &at.key("arms"))?;
    let control = match &entry.control {
        Some(control) => arm_named(draft, &arms, control, &at.key("control"))?,
        None => 0,
    };
    Ok(Experiment {
        name: name.to_owned(),
        enabled: entry.enabled.unwrap_or(false),
        matching: matching?,
        unit: entry.unit.unwrap_or(Unit::Prompt),
        scheduled: usize::from(control == 0),
        arms,
        control,
        schedule: schedule?,
        guardrail: guardrail?,
    })
}

fn matching(
    draft: &mut Draft,
    entry: &ExperimentMatch,
    at: &Pointer,
) -> Result<Matching, Reported> {
    let capability = match &entry.capability {
        Some(name) => Some(draft.capability(name, &at.key("capability"))?),
        None => None,
    };
    Ok(Matching { capability, rule: entry.rule, band: entry.complexity })
}

// ── Arms ────────────────────────────────────────────────────────────────────────────────────────

fn arms(
    draft: &mut Draft,
    experiment: &str,
    entry: &ExperimentEntry,
    at: &Pointer,
) -> Result<Vec<Arm>, Reported> {
    let mut arms = Vec::new();
    let mut broken = false;
    for (name, entry) in entry.arms.iter() {
        let at = at.key(name);
        let model =
            draft.built(entry, &at).map(|entry| draft.model(&entry.model, &at.key("model")));
        match model {
            Some(Ok(model)) => {
                let key = stable_hash(&[experiment, name]);
                arms.push(Arm { name: name.to_owned(), model, share: 0.0, key });
            }
            _ => broken = true,
        }
    }
    if broken {
        return Err(Reported);
    }
    if arms.len() < 2 {
        let found = Diagnostic::error("too-few-arms", at, "an experiment needs at least two arms");
        return Err(draft.reported(found.suggest("add an arm, or remove the experiment")));
    }
    let written: Vec<&ArmEntry> = entry.arms.valid().map(|(_, arm)| arm).collect();
    let shares = shares(draft, &written, at)?;
    for (arm, share) in arms.iter_mut().zip(shares) {
        arm.share = share;
    }
    Ok(arms)
}

/// Renormalised; arms without a share of their own part the rest evenly.
fn shares(draft: &mut Draft, arms: &[&ArmEntry], at: &Pointer) -> Result<Vec<f64>, Reported> {
    let given: f64 = arms.iter().filter_map(|arm| arm.share).sum();
    let open = arms.iter().filter(|arm| arm.share.is_none()).count();
    if open == 0 && given <= 0.0 {
        let found = Diagnostic::error("no-share", at, "every arm has the share 0");
        return Err(draft.reported(found.suggest("give at least one arm a share above 0")));
    }
    if open > 0 && given > 1.0 {
        let message = format!("the shares given add up to {given}, which leaves none for the rest");
        let found = Diagnostic::error("no-share", at, message);
        return Err(draft.reported(found.suggest("give every arm a share, or less to each")));
    }
    let rest = if open == 0 { 0.0 } else { (1.0 - given) / open as f64 };
    let total = given + rest * open as f64;
    Ok(arms.iter().map(|arm| arm.share.unwrap_or(rest) / total).collect())
}

pub(super) fn arm_named(
    draft: &mut Draft,
    arms: &[Arm],
    name: &str,
    at: &Pointer,
) -> Result<usize, Reported> {
    arms.iter().position(|arm| arm.name == name).ok_or_else(|| {
        let found = Diagnostic::error("unknown-arm", at, format!("no arm `{name}`"))
            .suggest_name(name, arms.iter().map(|arm| arm.name.as_str()));
        draft.reported(found)
    })
}

// ── Schedule and guardrail ──────────────────────────────────────────────────────────────────────

fn schedule(
    draft: &mut Draft,
    entries: &Items<StageEntry>,
    at: &Pointer,
) -> Result<Vec<Stage>, Reported> {
    let mut stages: Vec<Stage> = Vec::new();
    let mut broken = Ok(());
    for (index, entry) in entries.iter().enumerate() {
        let at = at.index(index);
        let stage = draft.built(entry, &at).ok_or(Reported);
        match stage.and_then(|entry| stage_of(draft, entry, stages.last(), &at.key("from"))) {
            Ok(stage) => stages.push(stage),
            Err(reported) => broken = Err(reported),
        }
    }
    broken.map(|()| stages)
}

fn stage_of(
    draft: &mut Draft,
    entry: &StageEntry,
    before: Option<&Stage>,
    at: &Pointer,
) -> Result<Stage, Reported> {
    let Some(from_us) = timestamp::parse(&entry.from) else {
        let found = Diagnostic::error("bad-time", at, format!("`{}` is no time", entry.from));
        return Err(draft.reported(found.suggest("write it as 2026-03-01T09:00:00Z")));
    };
    if before.is_some_and(|before| before.from_us >= from_us) {
        let message = "this stage does not begin after the one before it";
        let found = Diagnostic::error("out-of-order", at, message);
        return Err(draft.reported(found.suggest("list the stages in rising order of time")));
    }
    Ok(Stage { from_us, share: entry.share })
}

fn guardrail(
    draft: &mut Draft,
    entry: &GuardrailEntry,
    at: &Pointer,
) -> Result<Guardrail, Reported> {
    let standard = Guardrail::default();
    let guardrail = Guardrail {
        max_error_rate: entry.max_error_rate.unwrap_or(standard.max_error_rate),
        max_quality_loss: entry.max_quality_loss.unwrap_or(standard.max_quality_loss),
        // A stricter limit than the usual one for review leaves nothing to review.
        review_quality_loss: entry.review_quality_loss.unwrap_or_else(|| {
            entry.max_quality_loss.unwrap_or(1.0).min(standard.review_quality_loss)
        }),
        min_samples: entry.min_samples.unwrap_or(standard.min_samples),
    };
    if guardrail.review_quality_loss > guardrail.max_quality_loss {
        let message = format!(
            "review_quality_loss ({}) lies above max_quality_loss ({})",
            guardrail.review_quality_loss, guardrail.max_quality_loss
        );
        return Err(draft.error("out-of-range", &at.key("review_quality_loss"), message));
    }
    Ok(guardrail)
}

/// The first in the file serves a request that several match; that of the query classes takes classified
/// queries alone.
fn warn_of_overlap(
    draft: &mut Draft,
    experiment: &Experiment,
    by_class: Option<&str>,
    at: &Pointer,
) {
    let earlier = draft.table.experiments.iter().map(|(_, earlier)| earlier);
    let mut rivals = earlier.filter(|earlier| by_class != Some(&earlier.name));
    let overlapping = rivals.find(|earlier| {
        earlier.enabled && experiment.enabled && earlier.matching.overlaps(&experiment.matching)
    });
    if let Some(earlier) = overlapping {
        let message = format!(
            "`{}` and `{}` can match the same request, which the first of them then serves",
            earlier.name, experiment.name
        );
        let found = Diagnostic::warning("overlapping-experiments", at, message);
        draft.report.add(found.suggest("give them matches that exclude each other"));
    }
}

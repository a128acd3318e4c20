//! Chains that lead round. At run time members' own chains are not followed, so whoever wants to know of
//! cycles switches this policy on.

use crate::analyze::cycles_of;
use crate::config::diagnostics::Diagnostic;
use crate::table::{ModelId, Table};

use super::catalogue::CYCLE;
use super::places::Places;

/// One finding for each cycle that `analyze` lists, at the chain of its first model.
pub fn cycles(table: &Table, places: &Places) -> Vec<Diagnostic> {
    cycles_of(table).iter().filter_map(|way| cycle(table, places, way)).collect()
}

fn cycle(table: &Table, places: &Places, way: &[ModelId]) -> Option<Diagnostic> {
    let at = way.first().and_then(|first| places.of(*first))?;
    let name = |model: &ModelId| table.models.get(*model).name.as_str();
    let round: Vec<String> =
        way.iter().chain(way.first()).map(|id| format!("`{}`", name(id))).collect();
    let message = format!("the chains lead round: {}", round.join(" -> "));
    let found = Diagnostic::warning(CYCLE, at, message).at_key();
    let found =
        found.suggest("take one of them out of the chain before it, or leave this policy off");
    Some(way.iter().fold(found, |found, model| found.about(name(model))))
}

//! What a good config keeps to beyond being a valid one (A2). Each policy judges the plans that are made
//! for every model on an idle fleet, and tells what breaks it, at its place and with what to do.

pub mod catalogue;
mod cycles;
mod domains;
mod places;
mod plan;
mod quality;
mod references;

use crate::config::diagnostics::Diagnostic;
use crate::table::Table;
use plan::Plan;

pub use places::{ChainPlaces, Places};

/// What a complete table, with its idle choices made, breaks. Models without a place are not judged: no file
/// says anything of them. Cycles alone take time to look for.
#[must_use]
pub fn judge(table: &Table, places: &Places, with_cycles: bool) -> Vec<Diagnostic> {
    let plans: Vec<Plan> = Plan::all(table, places).collect();
    let mut found = references::disabled(table, places);
    let alone = domains::of_the_fleet(table, &plans);
    for plan in &plans {
        found.extend(quality::cloud_attempts(plan));
        if alone.is_none() {
            found.extend(domains::of_plan(plan));
        }
        found.extend(quality::parameter_drop(plan));
        found.extend(quality::capabilities_lost(plan));
    }
    found.extend(alone);
    if with_cycles {
        found.extend(cycles::cycles(table, places));
    }
    found
}

//! References to models that nothing can be sent to. A missing model is found while names are resolved.

use crate::config::diagnostics::Diagnostic;
use crate::table::{Model, Table};

use super::catalogue::DISABLED_MODEL;
use super::places::Places;

/// One finding for each reference to a disabled model.
pub fn disabled(table: &Table, places: &Places) -> Vec<Diagnostic> {
    let references = places.references.iter().map(|(id, at)| (table.models.get(*id), at));
    references
        .filter_map(|(model, at)| {
            let why = reason(table, model)?;
            let message = format!("`{}` is disabled: {why}", model.name);
            let found = Diagnostic::warning(DISABLED_MODEL, at, message).about(&model.name);
            Some(found.suggest("take it out here, or enable it"))
        })
        .collect()
}

/// Why a model is disabled; `None` for one that is not, or that a switch may make active.
fn reason(table: &Table, model: &Model) -> Option<String> {
    if !model.enabled {
        return Some("it says `enabled: false`".to_owned());
    }
    let providers = || model.deployments.iter().map(|own| table.provider_of(*own));
    if providers().any(|provider| provider.active || provider.exclusive_group.is_some()) {
        return None;
    }
    let names: Vec<String> = providers().map(|provider| format!("`{}`", provider.id)).collect();
    Some(format!("no provider of it is active ({})", names.join(", ")))
}

//! The reference fleet as the default of files that name no providers or no models of their own.
//! `reference.json` is made from `config/model-mappings.yaml` by `config/embed_reference.py`.

use serde_json::{Map, Value};

use super::diagnostics::{Diagnostic, Report};
use super::pointer::Pointer;

const REFERENCE: &str = include_str!("reference.json");

/// Adds the reference fleet's providers and models where `config` has no such section.
///
/// Beside providers of its own a file gets the models that are deployed on these.
pub fn fill(config: &mut Map<String, Value>, report: &mut Report) {
    if config.contains_key("providers") && config.contains_key("models") {
        return;
    }
    let Ok(Value::Object(mut reference)) = serde_json::from_str(REFERENCE) else {
        return;
    };
    if !config.contains_key("models") {
        let mut models = reference.remove("models").unwrap_or_default();
        if let (Some(providers), Some(models)) = (config.get("providers"), models.as_object_mut()) {
            restrict(models, providers);
        }
        insert(config, "models", models, report);
    }
    if !config.contains_key("providers") {
        let providers = reference.remove("providers").unwrap_or_default();
        insert(config, "providers", providers, report);
    }
}

fn insert(config: &mut Map<String, Value>, section: &str, value: Value, report: &mut Report) {
    let message = format!("no `{section}` section: the reference fleet's {section} are used");
    let found = Diagnostic::warning("default-used", &Pointer::root(), message);
    report.add(found.suggest(format!("name your own under `{section}:`")));
    config.insert(section.to_owned(), value);
}

/// Keeps the deployments on `providers`, and the models that have one.
fn restrict(models: &mut Map<String, Value>, providers: &Value) {
    let known = |entry: &Value| {
        let id = entry.get("provider").and_then(Value::as_str);
        id.is_some_and(|id| providers.get(id).is_some())
    };
    models.retain(|_, model| match model.get_mut("deployments").and_then(Value::as_array_mut) {
        Some(deployments) => {
            deployments.retain(known);
            !deployments.is_empty()
        }
        None => known(model),
    });
}

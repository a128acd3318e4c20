//! From the config as text to a `Table`, or to everything that is wrong with it. Each entry is checked
//! and compiled by itself, so one mistake does not hide another.

mod compile;
mod defaults;
pub mod diagnostics;
pub(crate) mod pointer;
pub mod schema;
pub(crate) mod timestamp;
pub(crate) mod validate;

use serde_json::{Map, Value};

use crate::table::Table;
use diagnostics::{Diagnostic, Report};
use pointer::Pointer;
use schema::Document;

pub(crate) use compile::capabilities::current_name;
pub use schema::schema;

/// Sections whose names the rest of the file is made of.
const NAMING_SECTIONS: [&str; 4] = ["providers", "models", "capabilities", "fallback_chains"];

/// Compiles a config given as JSON.
///
/// `Table::warnings` holds the warnings of a config without errors. `Err` holds every error and every
/// warning, in the order of the stages that found them.
pub fn compile(json: &[u8]) -> Result<Table, Vec<Diagnostic>> {
    let mut report = Report::default();
    let mut config = read(json)?;
    let own_models = config.contains_key("models");
    defaults::fill(&mut config, &mut report);
    let mut config = Value::Object(config);
    let version = version(&config);
    let unfit = validate::validate(&config, &schema(), &mut report);
    if NAMING_SECTIONS.iter().any(|section| unfit.contains(&Pointer::root().key(section))) {
        return Err(report.into_diagnostics());
    }
    for place in &unfit {
        remove(&mut config, place);
    }
    match serde_json::from_value::<Document>(config) {
        Ok(document) => compile::compile(&document, version, own_models, report),
        Err(error) => {
            let message = format!("the config cannot be read: {error}");
            report.add(Diagnostic::error("wrong-type", &Pointer::root(), message));
            Err(report.into_diagnostics())
        }
    }
}

fn read(json: &[u8]) -> Result<Map<String, Value>, Vec<Diagnostic>> {
    let root = Pointer::root();
    let empty = || {
        Diagnostic::error("empty-config", &root, "the config is empty").suggest(
            "a minimal config is `default_provider: ollama`, which uses the reference fleet; name \
             your own servers under `providers` and your models under `models`",
        )
    };
    let found = match serde_json::from_slice(json) {
        Ok(Value::Null) => empty(),
        Ok(Value::Object(mut sections)) => {
            sections.retain(|_, section| !section.is_null());
            if !sections.is_empty() {
                return Ok(sections);
            }
            empty()
        }
        Ok(_) => Diagnostic::error("wrong-type", &root, "the config is not a mapping")
            .suggest("start with sections such as `providers:` and `models:`"),
        Err(error) => {
            let message = format!("the config is not valid JSON: {error}");
            Diagnostic::error("invalid-json", &root, message)
        }
    };
    Err(vec![found])
}

/// Takes out what stands at a place.
pub(crate) fn remove(config: &mut Value, place: &Pointer) {
    let Some((parent, key)) = place.as_str().rsplit_once('/') else {
        return;
    };
    if let Some(members) = config.pointer_mut(parent).and_then(Value::as_object_mut) {
        members.shift_remove(&key.replace("~1", "/").replace("~0", "~"));
    }
}

/// Hash of the config, 16 hex digits. The order of keys counts: rules are tried in file order.
fn version(config: &Value) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0100_0000_01b3;
    let hash = config
        .to_string()
        .bytes()
        .fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests;

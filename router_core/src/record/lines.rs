//! Records as JSON, a line each. docs/decision-log.md lists the fields.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{json, Value};

use super::figures::Figures;
use super::outbox::Entry;
use super::recorder::Read;
use super::RECORD_VERSION;
use crate::config::timestamp;
use crate::facts::Facts;
use crate::outcome::{Outcome, OutcomeClass};
use crate::refusal::Refused;
use crate::table::Table;

impl Entry {
    /// The line, without its end.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Decided { decision, facts, read } => {
                let table = &decision.table;
                let mut record =
                    Made { table, facts, read, now_us: decision.now_us, seed: decision.seed }
                        .record(Some(&decision.id));
                put(&mut record, "decision", decision.explain());
                record.to_string()
            }
            Self::Refused { refused, table, facts, read, now_us, seed } => {
                let made = Made { table, facts, read, now_us: *now_us, seed: *seed };
                let mut record = made.record(None);
                put(&mut record, "refused", refused_json(refused));
                record.to_string()
            }
            Self::Reported { decision_id, deployment, outcome, now_us } => {
                reported(decision_id, deployment, outcome, *now_us).to_string()
            }
        }
    }
}

/// What a decision was made of.
struct Made<'r> {
    table: &'r Table,
    facts: &'r Facts,
    read: &'r Read,
    now_us: u64,
    seed: u64,
}

impl Made<'_> {
    fn record(&self, decision_id: Option<&str>) -> Value {
        json!({
            "kind": "decision",
            "v": RECORD_VERSION,
            "time": timestamp::format(self.now_us),
            "decision_id": decision_id,
            "table_version": self.table.version,
            "now_us": self.now_us,
            "seed": self.seed,
            "facts": lean(self.facts),
            "view": view(&Figures::of(self.read, self.table)),
        })
    }
}

/// Why there is no decision, as a record has it.
pub fn refused_json(refused: &Refused) -> Value {
    json!({ "code": refused.code, "message": refused.message })
}

fn reported(decision_id: &str, deployment: &str, outcome: &Outcome, now_us: u64) -> Value {
    let (model, provider) = deployment.rsplit_once('@').unwrap_or((deployment, ""));
    let seconds = |us: u64| us as f64 / 1e6;
    let ttft_s = outcome.ttft_us.map(seconds);
    let total_s = seconds(outcome.total_us);
    let class = outcome.class.as_str();
    json!({
        "kind": "outcome",
        "v": RECORD_VERSION,
        "time": timestamp::format(now_us),
        "decision_id": decision_id,
        "operation": "report",
        "status": if outcome.class == OutcomeClass::Success { "ok" } else { class },
        "attempts": [{
            "number": 1,
            "kind": "first",
            "model": model,
            "provider": provider,
            "deployment": deployment,
            "outcome": class,
            "status": outcome.status,
            "ttft_s": ttft_s,
            "total_s": total_s,
        }],
        "ttft_s": ttft_s,
        "total_s": total_s,
        "prompt_tokens": outcome.prompt_tokens,
        "completion_tokens": outcome.completion_tokens,
    })
}

/// Of each provider and deployment only what is not at rest.
fn view(figures: &Figures) -> Value {
    let mut view = json!({
        "providers": each_lean(&figures.providers),
        "deployments": each_lean(&figures.deployments),
    });
    let rest = [
        ("shares", json!(figures.shares)),
        ("listed_sizes", json!(figures.listed_sizes)),
        ("rolled_back", json!(figures.rolled_back)),
        ("tallies", json!(figures.tallies)),
    ];
    for (name, value) in rest {
        if !is_empty(&value) {
            put(&mut view, name, value);
        }
    }
    view
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(members) = object.as_object_mut() {
        members.insert(name.to_owned(), value);
    }
}

/// Without the members that are as they are by default: every type written so reads them back as
/// that. A zero or an empty list that somebody gave is no default and stays.
fn lean<T: Serialize + Default>(value: &T) -> Value {
    without(json!(value), &json!(T::default()))
}

fn each_lean<T: Serialize + Default>(values: &BTreeMap<String, T>) -> Value {
    let rest = json!(T::default());
    values.iter().map(|(id, value)| (id.clone(), without(json!(value), &rest))).collect()
}

fn without(value: Value, rest: &Value) -> Value {
    let (Value::Object(members), Value::Object(rest)) = (&value, rest) else { return value };
    let differing = members.iter().filter(|(name, member)| rest.get(*name) != Some(member));
    let lean = |(name, member): (&String, &Value)| {
        (name.clone(), without(member.clone(), rest.get(name).unwrap_or(&Value::Null)))
    };
    Value::Object(differing.map(lean).collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(values) => values.is_empty(),
        Value::Object(members) => members.is_empty(),
        value => value.is_null(),
    }
}

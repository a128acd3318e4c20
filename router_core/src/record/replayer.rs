//! Makes recorded decisions again, with this table: the same code as live traffic, over a state set to
//! the figures of the record.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::{json, Value};

use super::figures::Figures;
use super::lines::refused_json;
use super::RECORD_VERSION;
use crate::facts::Facts;
use crate::router::Router;
use crate::table::Table;

/// As much of a record as a decision is made of.
#[derive(Debug, Deserialize)]
struct Record {
    v: u32,
    decision_id: Option<String>,
    table_version: String,
    now_us: u64,
    seed: u64,
    facts: Facts,
    view: Figures,
}

pub struct Replayer {
    router: Router,
}

impl Replayer {
    #[must_use]
    pub fn new(table: Arc<Table>) -> Self {
        Self { router: Router::new(table, "replay".to_owned()) }
    }

    /// `{"decision": …}` or `{"refused": …}`, in the form of a record. What the record says nothing of
    /// stays as an earlier one had it. Under another table than the record's, weighted shares take their
    /// turns by what is chosen here: what was owed under other weights says nothing of these.
    pub fn replay(&mut self, record: &[u8]) -> Result<Value, String> {
        let mut record = read(record)?;
        self.recall(&mut record);
        Ok(match self.router.explain(&record.facts, record.now_us, record.seed) {
            Ok(mut decision) => {
                if self.is_of_another_table(&record) {
                    self.router.pass_turn(&decision.choice);
                }
                decision.id = record.decision_id.unwrap_or_default();
                json!({ "decision": decision.explain() })
            }
            Err(refused) => json!({ "refused": refused_json(&refused) }),
        })
    }

    /// The id of the first deployment for each seed; `None` where the request is refused. An
    /// experiment's arm is drawn with the seed too, as over all units, because that is what the
    /// propensity of a record tells. No turn passes, so this comes before the record is replayed.
    pub fn draws(&mut self, record: &[u8], seeds: &[u64]) -> Result<Vec<Option<String>>, String> {
        let mut record = read(record)?;
        record.facts.of_any_unit = true;
        self.recall(&mut record);
        let first = |seed: &u64| {
            let decision = self.router.explain(&record.facts, record.now_us, *seed).ok()?;
            let chosen = decision.chosen()?;
            Some(decision.table.deployments.get(chosen).id.clone())
        };
        Ok(seeds.iter().map(first).collect())
    }

    fn recall(&mut self, record: &mut Record) {
        if self.is_of_another_table(record) {
            record.view.shares.clear();
        }
        self.router.recall(&record.view, &record.facts, record.now_us);
    }

    fn is_of_another_table(&self, record: &Record) -> bool {
        record.table_version != self.router.table().version
    }
}

/// Sets a router to what a recorded decision read; returns the request, the time and the seed.
pub fn recall(router: &mut Router, record: &[u8]) -> Result<(Facts, u64, u64), String> {
    let record = read(record)?;
    router.recall(&record.view, &record.facts, record.now_us);
    Ok((record.facts, record.now_us, record.seed))
}

fn read(record: &[u8]) -> Result<Record, String> {
    let record: Record = serde_json::from_slice(record)
        .map_err(|error| format!("not the record of a decision: {error}"))?;
    if record.v > RECORD_VERSION {
        let newer = record.v;
        return Err(format!(
            "a record of version {newer}; this router reads up to {RECORD_VERSION}"
        ));
    }
    Ok(record)
}

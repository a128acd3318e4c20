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
    /// stays as an earlier one had it.
    pub fn replay(&mut self, record: &[u8]) -> Result<Value, String> {
        let record = read(record)?;
        self.recall(&record);
        Ok(match self.router.explain(&record.facts, record.now_us, record.seed) {
            Ok(mut decision) => {
                decision.id = record.decision_id.unwrap_or_default();
                json!({ "decision": decision.explain() })
            }
            Err(refused) => json!({ "refused": refused_json(&refused) }),
        })
    }

    /// The id of the first deployment for each seed; `None` where the request is refused.
    pub fn draws(&mut self, record: &[u8], seeds: &[u64]) -> Result<Vec<Option<String>>, String> {
        let record = read(record)?;
        self.recall(&record);
        let first = |seed: &u64| {
            let decision = self.router.explain(&record.facts, record.now_us, *seed).ok()?;
            let chosen = decision.chosen()?;
            Some(decision.table.deployments.get(chosen).id.clone())
        };
        Ok(seeds.iter().map(first).collect())
    }

    fn recall(&mut self, record: &Record) {
        self.router.recall(&record.view, &record.facts, record.now_us);
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

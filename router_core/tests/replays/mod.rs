//! What the tests of recording share: every recorded decision is made again and compared.

use std::collections::BTreeMap;
use std::sync::Arc;

use router_core::record::Replayer;
use router_core::router::Router;
use router_core::table::Table;
use serde_json::Value;

/// How many records there were, and of what.
#[derive(Debug, Default, Clone, Copy)]
pub struct Counts {
    pub decided: usize,
    pub refused: usize,
    pub reported: usize,
}

/// Records from here to the end of the test, replayed with the tables they were made with.
pub struct Replays {
    replayers: BTreeMap<String, Replayer>,
    pub counts: Counts,
}

impl Replays {
    pub fn of(router: &mut Router, tables: &[Arc<Table>]) -> Self {
        router.record(true);
        let replayers = tables.iter().map(|table| {
            let replayer = Replayer::new(table.clone());
            (table.version.clone(), replayer)
        });
        Self { replayers: replayers.collect(), counts: Counts::default() }
    }

    /// Makes all again that was recorded since the last call.
    pub fn check(&mut self, router: &mut Router) {
        let (entries, lost) = router.take_records();
        assert_eq!(lost, 0);
        for entry in entries {
            let line = entry.line();
            let record: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(record["v"], 1, "{line}");
            if record["kind"] == "outcome" {
                self.counts.reported += 1;
                continue;
            }
            let version = record["table_version"].as_str().unwrap();
            let made = self.replayers.get_mut(version).unwrap().replay(line.as_bytes()).unwrap();
            for part in ["decision", "refused"] {
                let (again, was) = (&made[part], &record[part]);
                assert_eq!(again.to_string(), was.to_string(), "{line}");
                let count = usize::from(was.is_object());
                match part {
                    "decision" => self.counts.decided += count,
                    _ => self.counts.refused += count,
                }
            }
        }
    }
}

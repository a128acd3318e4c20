//! Drives one request through a router: outcomes in, the names of the steps out, waits sat out.

use std::ops::Range;
use std::sync::Arc;

use router_core::facts::Facts;
use router_core::outcome::Outcome;
use router_core::router::{Journey, NextStep, Router};
use router_core::table::Table;

use crate::support::asking;

pub const START_US: u64 = 1_000_000_000;
pub const SECOND_US: u64 = 1_000_000;
pub const MINUTE_US: u64 = 60 * SECOND_US;

/// The bounds of the walk's own waits: before a repeat, and between two looks for a free slot.
pub const JITTER_US: Range<u64> = 50_000..150_000;
pub const POLL_US: Range<u64> = 10_000..30_000;

pub struct Drive {
    pub router: Router,
    pub now_us: u64,
    pub steps: Vec<String>,
}

impl Drive {
    pub fn new(table: Arc<Table>) -> Self {
        Self { router: Router::new(table, "test".to_owned()), now_us: START_US, steps: Vec::new() }
    }

    pub fn begin(&mut self, model: &str, within_us: u64) -> Journey {
        self.begin_with(&asking(model), within_us)
    }

    pub fn begin_with(&mut self, facts: &Facts, within_us: u64) -> Journey {
        let deadline_us = self.now_us + within_us;
        self.router.begin(facts, self.now_us, 7, deadline_us).expect("a decision")
    }

    /// Notes the current step, and every one after it until the next try or the end.
    pub fn settle(&mut self, journey: &mut Journey) {
        loop {
            self.steps.push(self.name(journey));
            let NextStep::Wait { us } = journey.step else { return };
            self.now_us += us;
            self.router.resume(journey, self.now_us);
        }
    }

    /// Ends the attempt begun last.
    pub fn finish(&mut self, journey: &mut Journey, outcome: &Outcome) {
        let NextStep::Try { number, .. } = journey.step else { panic!("{:?}", journey.step) };
        self.finish_attempt(journey, number, outcome);
    }

    pub fn finish_attempt(&mut self, journey: &mut Journey, number: usize, outcome: &Outcome) {
        self.router.finish(journey, number, outcome, self.now_us);
        self.settle(journey);
    }

    /// A try by its deployment, a wait by its kind, a failure by its code and the attempt it surfaces.
    pub fn name(&self, journey: &Journey) -> String {
        match &journey.step {
            NextStep::Try { deployment, .. } => {
                self.router.table().deployments.get(*deployment).id.clone()
            }
            NextStep::Await => "await".to_owned(),
            NextStep::Wait { us } if JITTER_US.contains(us) => "jitter".to_owned(),
            NextStep::Wait { us } if POLL_US.contains(us) => "poll".to_owned(),
            NextStep::Wait { us } => format!("wait {us}"),
            NextStep::Done => "done".to_owned(),
            NextStep::Fail { failure, surface: Some(attempt) } => {
                format!("{} #{attempt}", failure.code())
            }
            NextStep::Fail { failure, surface: None } => failure.code().to_owned(),
        }
    }
}

//! Requests over minutes of virtual time: each arrives, walks its plan, and is answered as its provider
//! behaves, while others come and go.

use std::collections::BTreeMap;

use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::rng::Rng;
use router_core::router::{Journey, NextStep, Router};
use serde_json::Value;

use crate::fleet::{pool, rate_limited, SECOND_US, START_US};
use crate::support::{asking, table};

const DEADLINE_US: u64 = 30 * SECOND_US;
/// Default limit of a first token.
const FIRST_TOKEN_US: u64 = 15 * SECOND_US;

pub const SEEDS: [u64; 3] = [1, 2, 1 << 50];
pub const STRATEGIES: [&str; 7] = [
    "least_loaded",
    "weighted",
    "fastest_response",
    "usage_based",
    "most_capacity",
    "adaptive_weighted",
    "simple_shuffle",
];
pub const ANSWERS: Behaviour = Behaviour::Answers { first_us: 200_000, whole_us: SECOND_US };

/// A pool of three alike.
pub fn three(strategy: &str, capacity: u32) -> Value {
    pool(strategy, &[("a", 1.0, capacity), ("b", 1.0, capacity), ("c", 1.0, capacity)])
}

#[derive(Debug, Clone, Copy)]
pub enum Behaviour {
    /// First token and whole answer after so long.
    Answers {
        first_us: u64,
        whole_us: u64,
    },
    /// Answers, but nobody tells how fast a stream began.
    Untimed,
    /// After a few milliseconds.
    Fails(OutcomeClass),
    /// 429 with a Retry-After.
    Limited {
        retry_after_us: u64,
    },
    Hangs,
}

enum Event {
    FirstToken(u64),
    End(Outcome),
    Resume,
}

pub struct Traffic {
    pub router: Router,
    pub now_us: u64,
    pub stream: bool,
    behaviours: BTreeMap<String, Behaviour>,
    rng: Rng,
    agenda: BTreeMap<(u64, u64), (Journey, Event)>,
    events: u64,
    next_tick_us: u64,
    /// First attempts by provider since the last look.
    firsts: BTreeMap<String, u32>,
}

impl Traffic {
    pub fn new(config: &Value, seed: u64) -> Self {
        Self {
            router: Router::new(table(config), "test".to_owned()),
            now_us: START_US,
            stream: false,
            behaviours: BTreeMap::new(),
            rng: Rng::new(seed),
            agenda: BTreeMap::new(),
            events: 0,
            next_tick_us: START_US,
            firsts: BTreeMap::new(),
        }
    }

    pub fn behaves(&mut self, provider: &str, behaviour: Behaviour) {
        self.behaviours.insert(provider.to_owned(), behaviour);
    }

    /// Requests to `model` for so many seconds, on average so many a second; returns first attempts
    /// by provider.
    pub fn run(&mut self, model: &str, seconds: u64, per_second: u64) -> BTreeMap<String, u32> {
        self.run_as(&asking(model), seconds, per_second)
    }

    pub fn run_as(
        &mut self,
        facts: &Facts,
        seconds: u64,
        per_second: u64,
    ) -> BTreeMap<String, u32> {
        let facts = Facts { stream: self.stream, ..facts.clone() };
        let end_us = self.now_us + seconds * SECOND_US;
        let mean_us = SECOND_US / per_second;
        loop {
            // Uniform between nothing and twice the mean.
            let gap_us = self.rng.next_u64() % (2 * mean_us);
            let at_us = self.now_us + gap_us;
            self.settle(at_us.min(end_us));
            if at_us >= end_us {
                return std::mem::take(&mut self.firsts);
            }
            let seed = self.rng.next_u64();
            let deadline_us = at_us + DEADLINE_US;
            if let Ok(journey) = self.router.begin(&facts, at_us, seed, deadline_us) {
                self.follow(journey);
            }
        }
    }

    /// What happens until then.
    fn settle(&mut self, until_us: u64) {
        while let Some(entry) = self.agenda.first_entry() {
            let (at_us, _) = *entry.key();
            if at_us > until_us {
                break;
            }
            let (mut journey, event) = entry.remove();
            self.turn_clock(at_us);
            match event {
                Event::FirstToken(whole_us) => {
                    self.router.first_token(&journey, begun(&journey), at_us);
                    let end = Outcome::of(OutcomeClass::Success);
                    self.later(at_us + whole_us, journey, Event::End(end));
                }
                Event::End(outcome) => {
                    let number = begun(&journey);
                    self.router.finish(&mut journey, number, &outcome, at_us);
                    self.follow(journey);
                }
                Event::Resume => {
                    self.router.resume(&mut journey, at_us);
                    self.follow(journey);
                }
            }
        }
        self.turn_clock(until_us);
    }

    fn turn_clock(&mut self, to_us: u64) {
        while self.next_tick_us <= to_us {
            self.router.tick(self.next_tick_us);
            self.next_tick_us += SECOND_US;
        }
        self.now_us = to_us;
    }

    fn later(&mut self, at_us: u64, journey: Journey, event: Event) {
        self.events += 1;
        self.agenda.insert((at_us, self.events), (journey, event));
    }

    fn follow(&mut self, journey: Journey) {
        match journey.step {
            NextStep::Try { number, deployment, .. } => {
                let provider = journey.decision.provider_id(deployment).to_owned();
                if number == 1 {
                    *self.firsts.entry(provider.clone()).or_default() += 1;
                }
                self.attempt(journey, &provider);
            }
            NextStep::Wait { us } => self.later(self.now_us + us, journey, Event::Resume),
            NextStep::Await | NextStep::Done | NextStep::Fail { .. } => {}
        }
    }

    fn attempt(&mut self, journey: Journey, provider: &str) {
        let stream = self.stream;
        let (after_us, event) = match self.behaviours[provider] {
            Behaviour::Answers { first_us, whole_us } if stream => {
                (first_us, Event::FirstToken(whole_us - first_us))
            }
            Behaviour::Answers { whole_us, .. } => {
                (whole_us, Event::End(Outcome::of(OutcomeClass::Success)))
            }
            Behaviour::Untimed => (SECOND_US, Event::End(Outcome::of(OutcomeClass::Success))),
            Behaviour::Fails(class) => (5_000, Event::End(Outcome::of(class))),
            Behaviour::Limited { retry_after_us } => {
                (5_000, Event::End(rate_limited(retry_after_us)))
            }
            Behaviour::Hangs if stream => {
                (FIRST_TOKEN_US, Event::End(Outcome::of(OutcomeClass::Silent)))
            }
            Behaviour::Hangs => (DEADLINE_US, Event::End(Outcome::of(OutcomeClass::Deadline))),
        };
        self.later(self.now_us + after_us, journey, event);
    }
}

/// The number of the attempt a journey began last.
fn begun(journey: &Journey) -> usize {
    match journey.step {
        NextStep::Try { number, .. } => number,
        ref other => panic!("nothing runs: {other:?}"),
    }
}

//! Everything that can be done to a router, mixed by a seed: the same seed does the same again.

use std::sync::{Arc, LazyLock};

use router_core::facts::Facts;
use router_core::hold::{Hold, HoldKind};
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::rng::Rng;
use router_core::router::{Journey, NextStep, Router};
use router_core::state::LoadSignal;
use router_core::table::Table;
use serde_json::{json, Value};

use crate::fleet::{provider, SECOND_US, START_US};
use crate::support::{asking, table};

const DEADLINE_US: u64 = 30 * SECOND_US;
/// After this long every permit has expired, reported or not.
const ALL_EXPIRED_US: u64 = 200 * SECOND_US;

/// Two tables a router is swapped between; the first tests `x` against `y`.
static TABLES: LazyLock<[Arc<Table>; 2]> = LazyLock::new(|| {
    let pool = |strategy: &str| {
        json!({ "strategy": strategy, "providers": [
            { "provider": "a", "preferred_model": "x" }, { "provider": "b", "preferred_model": "y" }
        ] })
    };
    let first = json!({
        "providers": { "a": provider(2), "b": provider(3), "c": provider(1) },
        "models": {
            "x": { "deployments": [{ "provider": "a" }, { "provider": "b", "weight": 2 }] },
            "y": { "deployments": [{ "provider": "b" }, { "provider": "c" }] },
            "z": { "deployments": [{ "provider": "c" }, { "provider": "a" }] },
        },
        "load_balancing": { "p": pool("usage_based") },
        "fallback_chains": { "x": { "chain": ["y"] }, "z": { "chain": ["x"] } },
        "experiments": { "sizes": {
            "enabled": true, "unit": "session", "control": "two",
            "arms": { "one": { "model": "x", "share": 0.4 }, "two": { "model": "y" } },
        } },
    });
    let second = json!({
        "providers": { "d": provider(2), "b": provider(3), "a": provider(2) },
        "models": {
            "x": { "deployments": [{ "provider": "a" }, { "provider": "d" }] },
            "y": { "provider": "b" },
            "z": { "deployments": [{ "provider": "b" }, { "provider": "d" }, { "provider": "a" }] },
        },
        "load_balancing": { "p": pool("fastest_response") },
    });
    [table(&first), table(&second)]
});

/// The tables a medley swaps between.
pub fn tables() -> &'static [Arc<Table>] {
    &*TABLES
}

pub struct Medley {
    pub router: Router,
    pub now_us: u64,
    rng: Rng,
    journeys: Vec<Journey>,
    permits: Vec<String>,
}

impl Medley {
    pub fn new(seed: u64) -> Self {
        let router = Router::new(TABLES[0].clone(), "test".to_owned());
        let (journeys, permits) = (Vec::new(), Vec::new());
        Self { router, now_us: START_US, rng: Rng::new(seed), journeys, permits }
    }

    /// Does the next thing.
    pub fn act(&mut self) {
        match self.rng.below(65) {
            0..=15 => self.begin(),
            16..=19 => self.decide(),
            20..=27 => self.finish(),
            28..=35 => self.first_token(),
            36..=39 => self.abandon(),
            40..=43 => self.report(),
            44..=51 => self.pass(),
            52..=55 => self.signal(),
            56..=59 => self.resume(),
            60..=62 => {
                let id = self.any(&["a", "b", "c", "d"]);
                self.router.reachable(id, self.now_us);
            }
            63 => self.router.swap(TABLES[self.rng.below(2)].clone()),
            _ => self.hold(),
        }
    }

    /// Ends every other journey, loses the rest with all permits, and lets time pass.
    pub fn end(&mut self) {
        for (place, mut journey) in std::mem::take(&mut self.journeys).into_iter().enumerate() {
            if place % 2 == 0 {
                self.router.abandon(&mut journey, self.now_us);
            }
        }
        self.now_us += ALL_EXPIRED_US;
        self.router.tick(self.now_us);
    }

    /// Over all providers and deployments: slots in use, probes, and where somebody waits.
    pub fn under_way(&self) -> [u64; 3] {
        let snapshot = self.router.snapshot();
        let (whole, part) = (snapshot.providers.values(), snapshot.deployments.values());
        let standing = whole.clone().map(|figures| figures.standing);
        let standing = standing.chain(part.clone().map(|figures| figures.standing));
        let in_flight = whole.map(|figures| figures.in_flight);
        let in_flight = in_flight.chain(part.clone().map(|figures| figures.in_flight));
        [
            in_flight.map(u64::from).sum(),
            standing.map(|standing| u64::from(standing.probes)).sum(),
            part.map(|figures| u64::from(figures.waiting.anyone())).sum(),
        ]
    }

    /// What the next request would be told; the medley goes on as if nobody had asked.
    pub fn explained(&mut self) -> Value {
        let before = self.rng.clone();
        let (facts, seed) = (self.facts(), self.rng.next_u64());
        self.rng = before;
        match self.router.explain(&facts, self.now_us, seed) {
            Ok(decision) => decision.explain(),
            Err(refused) => json!([refused.code, refused.message, refused.details]),
        }
    }

    fn any<'n>(&mut self, names: &[&'n str]) -> &'n str {
        names[self.rng.below(names.len())]
    }

    fn facts(&mut self) -> Facts {
        let model = self.any(&["x", "y", "z", "p"]);
        let session = self.any(&["", "s-1", "s-2", "s-3"]);
        Facts {
            stream: self.rng.below(2) == 0,
            session: (!session.is_empty()).then(|| session.to_owned()),
            prompt_hash: Some(self.rng.next_u64()),
            ..asking(model)
        }
    }

    fn outcome(&mut self) -> Outcome {
        let (class, _) = OutcomeClass::NAMES[self.rng.below(OutcomeClass::NAMES.len())];
        // Connections fail more often than not, so that breakers open.
        let class = if self.rng.below(2) == 0 { OutcomeClass::Unreachable } else { class };
        let retry_after_us = (self.rng.below(2) == 0).then_some(3 * SECOND_US);
        Outcome { retry_after_us, ..Outcome::of(class) }
    }

    fn begin(&mut self) {
        let (facts, seed) = (self.facts(), self.rng.next_u64());
        let deadline_us = self.now_us + DEADLINE_US;
        if let Ok(journey) = self.router.begin(&facts, self.now_us, seed, deadline_us) {
            self.journeys.push(journey);
        }
    }

    fn decide(&mut self) {
        let (facts, seed) = (self.facts(), self.rng.next_u64());
        if let Ok(decision) = self.router.decide(&facts, self.now_us, seed) {
            self.permits.push(decision.permit.clone());
        }
    }

    fn with_journey(&mut self, turn: impl FnOnce(&mut Router, &mut Journey, u64)) {
        if self.journeys.is_empty() {
            return;
        }
        let which = self.rng.below(self.journeys.len());
        turn(&mut self.router, &mut self.journeys[which], self.now_us);
    }

    fn finish(&mut self) {
        let outcome = self.outcome();
        self.with_journey(|router, journey, now_us| {
            let NextStep::Try { number, .. } = journey.step else { return };
            router.finish(journey, number, &outcome, now_us);
        });
    }

    fn first_token(&mut self) {
        self.with_journey(|router, journey, now_us| {
            let NextStep::Try { number, .. } = journey.step else { return };
            router.first_token(journey, number, now_us);
        });
    }

    fn abandon(&mut self) {
        self.with_journey(Router::abandon);
    }

    fn resume(&mut self) {
        self.with_journey(|router, journey, now_us| {
            if matches!(journey.step, NextStep::Wait { .. }) {
                router.resume(journey, now_us);
            }
        });
    }

    fn report(&mut self) {
        if !self.permits.is_empty() {
            let which = self.rng.below(self.permits.len());
            let outcome = self.outcome();
            self.router.report(&self.permits[which], &outcome, self.now_us);
        }
    }

    /// An operator drains a provider, for a while or for good, or puts it back into use.
    fn hold(&mut self) {
        let id = self.any(&["a", "b", "c", "d"]);
        let until_us = [0, self.now_us + 30 * SECOND_US][self.rng.below(2)];
        let hold = Hold { kind: HoldKind::Draining, reason: String::new(), until_us };
        let hold = Some(hold).filter(|_| self.rng.below(3) == 0);
        // Only one of the table in use can be held.
        let _ = self.router.hold(id, hold);
    }

    fn pass(&mut self) {
        self.now_us += self.rng.next_u64() % (20 * SECOND_US);
        self.router.tick(self.now_us);
    }

    fn signal(&mut self) {
        let id = self.any(&["a", "b", "c", "d"]);
        let loaded = self.any(&["x", "y", "z"]).to_owned();
        let running = u32::try_from(self.rng.below(5)).ok();
        let signal = LoadSignal { running, ..LoadSignal::default() };
        let until_us = self.now_us + 30 * SECOND_US;
        self.router.signal(id, &signal, Some(&[loaded]), until_us, self.now_us);
    }
}

//! A router beside the plainest account of who holds which slot, and whatever can be done to it.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use router_core::hold::{Hold, HoldKind};
use router_core::outcome::{Delivered, Outcome, OutcomeClass};
use router_core::router::{Journey, NextStep, Router};
use router_core::state::permits::Reported;
use router_core::table::Table;
use serde_json::{json, Value};

use crate::support::{asking, table};

pub const START_US: u64 = 1_000_000_000;
pub const SECOND_US: u64 = 1_000_000;
/// Default life of a permit.
pub const PERMIT_US: u64 = 30 * SECOND_US;
/// What a walk's permit outlives its deadline by.
const GRACE_US: u64 = 60 * SECOND_US;

pub fn provider(capacity: u32) -> Value {
    json!({ "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": capacity })
}

/// The two tables a router is swapped between: capacities agree, everything else differs.
static TABLES: LazyLock<[Arc<Table>; 2]> = LazyLock::new(|| {
    let pool = |strategy: &str| {
        json!({ "strategy": strategy, "providers": [
            { "provider": "a", "preferred_model": "x" }, { "provider": "b", "preferred_model": "y" }
        ] })
    };
    [
        table(&json!({
            "providers": { "a": provider(1), "b": provider(2), "c": provider(3) },
            "models": {
                "x": { "deployments": [{ "provider": "a" }, { "provider": "b", "weight": 2 }] },
                "y": { "deployments": [{ "provider": "b" }, { "provider": "c" }] },
            },
            "router_settings": { "delivery": { "hedge": true, "stream_break": "continue" } },
            "load_balancing": { "p": pool("least_loaded") },
            "fallback_chains": { "x": { "chain": ["y"] } },
        })),
        table(&json!({
            "providers": { "d": provider(2), "b": provider(2), "a": provider(1) },
            "models": { "y": { "provider": "b" }, "x": { "deployments": [{ "provider": "a" }, { "provider": "d" }] } },
            "router_settings": { "delivery": { "hedge": true } },
            "load_balancing": { "p": pool("round_robin") },
            "fallback_chains": { "y": { "chain": ["x"] } },
        })),
    ]
});

const CAPACITIES: [(&str, u32); 4] = [("a", 1), ("b", 2), ("c", 3), ("d", 2)];

#[derive(Debug, Clone)]
pub enum Act {
    Decide { model: &'static str },
    Begin { model: &'static str, within_us: u64 },
    Finish { which: usize, outcome: Outcome },
    FirstToken { which: usize },
    Hedge { which: usize },
    Resume { which: usize },
    Abandon { which: usize },
    Report { which: usize, outcome: Outcome },
    ReportNonsense { permit: String },
    Pass { us: u64 },
    Swap { to: usize },
    Hold { provider: usize, for_us: Option<u64> },
}

/// A name of either table, or of none.
pub fn model() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["x", "y", "p", "unheard-of"])
}

pub fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => model().prop_map(|model| Act::Decide { model }),
        4 => (model(), 0..30 * SECOND_US).prop_map(|(model, within_us)| Act::Begin { model, within_us }),
        4 => (any::<usize>(), outcome()).prop_map(|(which, outcome)| Act::Finish { which, outcome }),
        2 => any::<usize>().prop_map(|which| Act::FirstToken { which }),
        2 => any::<usize>().prop_map(|which| Act::Hedge { which }),
        2 => any::<usize>().prop_map(|which| Act::Resume { which }),
        1 => any::<usize>().prop_map(|which| Act::Abandon { which }),
        3 => (any::<usize>(), outcome()).prop_map(|(which, outcome)| Act::Report { which, outcome }),
        1 => "test\\.[1-9a-f][0-9a-f]{0,16}|[ -~]{0,8}".prop_map(|permit| Act::ReportNonsense { permit }),
        2 => (0..50 * SECOND_US).prop_map(|us| Act::Pass { us }),
        1 => (0..2_usize).prop_map(|to| Act::Swap { to }),
        1 => (0..CAPACITIES.len(), prop::option::of(0..50 * SECOND_US))
            .prop_map(|(provider, for_us)| Act::Hold { provider, for_us }),
    ]
}

fn delivered() -> impl Strategy<Value = Option<Delivered>> {
    prop::sample::select(vec![None, Some(Delivered::Text), Some(Delivered::More)])
}

fn outcome() -> impl Strategy<Value = Outcome> {
    let class = prop::sample::select(OutcomeClass::NAMES.map(|(class, _)| class).to_vec());
    (class, prop::option::of(0..5 * SECOND_US), delivered()).prop_map(
        |(class, retry_after_us, delivered)| Outcome {
            retry_after_us,
            delivered,
            ..Outcome::of(class)
        },
    )
}

/// A request on its way, with the permits of its running attempts by number.
pub struct Underway {
    journey: Journey,
    deadline_us: u64,
    running: Vec<(usize, String)>,
}

/// Permits held and ended are written down as they are given out and given back.
pub struct Audit {
    pub router: Router,
    pub now_us: u64,
    seed: u64,
    pub journeys: Vec<Underway>,
    /// Every permit `decide` gave out, in order.
    permits: Vec<String>,
    /// By permit: the provider and when it expires.
    held: BTreeMap<String, (String, u64)>,
    ended: BTreeMap<String, Reported>,
    /// By provider an operator holds: until when, and what was in flight there when last looked at.
    drained: BTreeMap<&'static str, (u64, u32)>,
}

impl Audit {
    pub fn new() -> Self {
        let router = Router::new(TABLES[0].clone(), "test".to_owned());
        let (journeys, permits) = (Vec::new(), Vec::new());
        let (held, ended) = (BTreeMap::new(), BTreeMap::new());
        let drained = BTreeMap::new();
        Self { router, now_us: START_US, seed: 0, journeys, permits, held, ended, drained }
    }

    pub fn act(&mut self, act: Act) {
        self.seed += 1;
        match act {
            Act::Decide { model } => self.decide(model),
            Act::Begin { model, within_us } => {
                let deadline_us = self.now_us + within_us;
                if let Ok(journey) =
                    self.router.begin(&asking(model), self.now_us, self.seed, deadline_us)
                {
                    let mut underway = Underway { journey, deadline_us, running: Vec::new() };
                    self.entered(&mut underway);
                    self.journeys.push(underway);
                }
            }
            Act::Finish { which, outcome } => {
                self.finish(which, &outcome);
            }
            Act::FirstToken { which } => {
                self.drive(which, |router, underway, now_us| {
                    for (number, _) in &underway.running {
                        router.first_token(&underway.journey, *number, now_us);
                    }
                });
            }
            Act::Hedge { which } => {
                self.drive(which, |router, underway, now_us| {
                    if underway.running.len() == 1 {
                        router.hedge(&mut underway.journey, now_us);
                    }
                });
            }
            Act::Resume { which } => {
                self.drive(which, |router, underway, now_us| {
                    if matches!(underway.journey.step, NextStep::Wait { .. }) {
                        router.resume(&mut underway.journey, now_us);
                    }
                });
            }
            Act::Abandon { which } => {
                self.abandon(which);
            }
            Act::Report { which, outcome } if !self.permits.is_empty() => {
                let permit = self.permits[which % self.permits.len()].clone();
                self.report(&permit, &outcome);
            }
            Act::Report { .. } => {}
            Act::ReportNonsense { permit } => {
                self.report(&permit, &Outcome::of(OutcomeClass::Success));
            }
            Act::Pass { us } => self.now_us += us,
            Act::Swap { to } => self.router.swap(TABLES[to].clone()),
            Act::Hold { provider, for_us } => self.hold(CAPACITIES[provider].0, for_us),
        }
    }

    /// An operator drains a provider for so long, 0 for good; `None` puts it back into use.
    fn hold(&mut self, provider: &'static str, for_us: Option<u64>) {
        let until_us = for_us.map(|us| if us == 0 { 0 } else { self.now_us + us });
        let hold = until_us.map(|until_us| Hold {
            kind: HoldKind::Draining,
            reason: String::new(),
            until_us,
        });
        // Only one of the table in use can be held.
        if self.router.hold(provider, hold).is_err() {
            return;
        }
        match until_us {
            Some(until_us) => {
                let in_flight = self.router.in_flight();
                let running = in_flight.iter().find(|(id, _)| *id == provider).unwrap().1;
                self.drained.insert(provider, (until_us, running));
            }
            None => drop(self.drained.remove(provider)),
        }
    }

    fn decide(&mut self, model: &str) {
        let Ok(decision) = self.router.decide(&asking(model), self.now_us, self.seed) else {
            return;
        };
        if decision.permit.is_empty() {
            assert!(decision.choice.plan.iter().all(|hop| hop.full), "room, but no permit");
            return;
        }
        let chosen = decision.provider_id(decision.chosen().unwrap()).to_owned();
        assert_eq!(decision.permit_expires_us, self.now_us + PERMIT_US);
        self.permits.push(decision.permit.clone());
        self.held.insert(decision.permit.clone(), (chosen, decision.permit_expires_us));
    }

    /// Accounts for the attempt a journey has just begun.
    fn entered(&mut self, underway: &mut Underway) {
        let NextStep::Try { number, deployment, permit, .. } = &underway.journey.step else {
            return;
        };
        let provider = underway.journey.decision.provider_id(*deployment).to_owned();
        let expires_us = underway.deadline_us + GRACE_US;
        let known = self.held.insert(permit.clone(), (provider, expires_us));
        assert!(known.is_none(), "a permit was given out twice");
        underway.running.push((*number, permit.clone()));
        assert!(underway.running.len() <= 2, "{:?}", underway.running);
    }

    fn drive(&mut self, which: usize, turn: impl FnOnce(&mut Router, &mut Underway, u64)) {
        if self.journeys.is_empty() {
            return;
        }
        self.expire();
        let which = which % self.journeys.len();
        let mut underway = self.journeys.swap_remove(which);
        let before = underway.journey.step.clone();
        turn(&mut self.router, &mut underway, self.now_us);
        if before != underway.journey.step {
            self.entered(&mut underway);
        }
        self.journeys.push(underway);
    }

    /// Ends the older of a journey's attempts, or the younger, twice: once is enough.
    fn finish(&mut self, which: usize, outcome: &Outcome) {
        let mut ended = None;
        self.drive(which, |router, underway, now_us| {
            if !underway.running.is_empty() {
                let (number, permit) = underway.running.remove(which % underway.running.len());
                router.finish(&mut underway.journey, number, outcome, now_us);
                let step = underway.journey.step.clone();
                router.finish(&mut underway.journey, number, outcome, now_us);
                assert_eq!(step, underway.journey.step);
                ended = Some(permit);
            }
        });
        if let Some(permit) = ended {
            self.end(&permit, Reported::Duplicate);
        }
    }

    /// Twice, because the second time must change nothing; the journey is not touched again.
    pub fn abandon(&mut self, which: usize) {
        if self.journeys.is_empty() {
            return;
        }
        self.expire();
        let which = which % self.journeys.len();
        let mut underway = self.journeys.swap_remove(which);
        for (_, permit) in &underway.running {
            self.end(permit, Reported::Duplicate);
        }
        self.router.abandon(&mut underway.journey, self.now_us);
        self.router.abandon(&mut underway.journey, self.now_us);
    }

    fn report(&mut self, permit: &str, outcome: &Outcome) {
        self.expire();
        let reported = self.router.report(permit, outcome, self.now_us);
        let before = self.ended.get(permit).copied().unwrap_or(Reported::Unknown);
        let expected =
            if self.end(permit, Reported::Duplicate) { Reported::Accepted } else { before };
        assert_eq!(reported, expected, "{permit:?}");
    }

    /// Ends a permit if it is held; `then` is what a later report of it is answered.
    fn end(&mut self, permit: &str, then: Reported) -> bool {
        let held = self.held.remove(permit).is_some();
        if held {
            self.ended.insert(permit.to_owned(), then);
        }
        held
    }

    fn expire(&mut self) {
        let due = |(_, (_, expires_us)): &(&String, &(String, u64))| *expires_us <= self.now_us;
        let expired: Vec<String> =
            self.held.iter().filter(due).map(|(permit, _)| permit.clone()).collect();
        for permit in expired {
            self.end(&permit, Reported::Expired);
        }
    }

    pub fn check(&mut self) {
        self.router.tick(self.now_us);
        self.expire();
        self.drained.retain(|_, (until_us, _)| *until_us == 0 || *until_us > self.now_us);
        let mut expected: BTreeMap<&str, u32> = BTreeMap::new();
        for (provider, _) in self.held.values() {
            *expected.entry(provider).or_default() += 1;
        }
        for (provider, count) in self.router.in_flight() {
            assert_eq!(count, expected.get(provider).copied().unwrap_or(0), "{provider}");
            let capacity = CAPACITIES.iter().find(|(id, _)| *id == provider).unwrap().1;
            assert!(count <= capacity, "{count} in flight on {provider}, which takes {capacity}");
            if let Some((_, before)) = self.drained.get_mut(provider) {
                assert!(count <= *before, "{count} in flight on {provider}, drained at {before}");
                *before = count;
            }
        }
    }
}

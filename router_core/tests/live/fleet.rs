//! A router, a clock, and requests one after another, by the plainest of calls: decide and report.

use std::collections::BTreeMap;
use std::sync::Arc;

use router_core::decision::Decision;
use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::refusal::Refused;
use router_core::router::Router;
use serde_json::{json, Map, Value};

use crate::support::{asking, table};

pub const SECOND_US: u64 = 1_000_000;
pub const START_US: u64 = 1_000 * SECOND_US;

pub fn provider(capacity: u32) -> Value {
    json!({ "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": capacity })
}

/// The pool `p` of models `m-a`, `m-b` … on providers `a`, `b` …, each of a weight and a capacity.
pub fn pool(strategy: &str, members: &[(&str, f64, u32)]) -> Value {
    let providers: Map<String, Value> =
        members.iter().map(|(id, _, capacity)| ((*id).to_owned(), provider(*capacity))).collect();
    let models: Map<String, Value> =
        members.iter().map(|(id, ..)| (format!("m-{id}"), json!({ "provider": id }))).collect();
    let member = |(id, weight, _): &(&str, f64, u32)| json!({ "provider": id, "preferred_model": format!("m-{id}"), "weight": weight });
    let members: Vec<Value> = members.iter().map(member).collect();
    json!({
        "providers": providers,
        "models": models,
        "load_balancing": { "p": { "strategy": strategy, "providers": members } },
    })
}

/// A request that may go to one deployment alone.
pub fn only(model: &str, deployment: &str) -> Facts {
    Facts { allowed: Some(vec![deployment.to_owned()]), ..asking(model) }
}

pub fn in_session(model: &str, session: &str) -> Facts {
    Facts { session: Some(session.to_owned()), ..asking(model) }
}

pub fn rate_limited(retry_after_us: u64) -> Outcome {
    Outcome { retry_after_us: Some(retry_after_us), ..Outcome::of(OutcomeClass::RateLimited) }
}

pub struct Fleet {
    pub router: Router,
    pub now_us: u64,
    pub seed: u64,
}

impl Fleet {
    pub fn new(config: &Value) -> Self {
        Self { router: Router::new(table(config), "test".to_owned()), now_us: START_US, seed: 0 }
    }

    pub fn decide(&mut self, facts: &Facts) -> Result<Arc<Decision>, Refused> {
        self.seed += 1;
        self.router.decide(facts, self.now_us, self.seed)
    }

    /// The deployment a request would go to; nothing is reserved.
    pub fn first(&mut self, facts: &Facts) -> String {
        self.seed += 1;
        let decision = self.router.explain(facts, self.now_us, self.seed).unwrap();
        name(&decision)
    }

    /// Takes a slot and keeps it; returns the permit, empty where there was no room.
    pub fn hold(&mut self, facts: &Facts) -> String {
        self.decide(facts).unwrap().permit.clone()
    }

    pub fn report(&mut self, permit: &str, outcome: &Outcome) {
        self.router.report(permit, outcome, self.now_us);
    }

    /// A request that ends at once; returns the deployment it went to.
    pub fn ends(&mut self, facts: &Facts, outcome: &Outcome) -> String {
        let decision = self.decide(facts).unwrap();
        assert!(!decision.permit.is_empty(), "no room on {}", name(&decision));
        self.report(&decision.permit, outcome);
        name(&decision)
    }

    /// So many requests answered one after another at this moment, by the deployment they went to.
    pub fn counts<'f>(
        &mut self,
        requests: impl Iterator<Item = &'f Facts>,
    ) -> BTreeMap<String, u32> {
        let mut counts = BTreeMap::new();
        for facts in requests {
            let deployment = self.ends(facts, &Outcome::of(OutcomeClass::Success));
            *counts.entry(deployment).or_default() += 1;
        }
        counts
    }

    pub fn pass(&mut self, us: u64) {
        self.now_us += us;
        self.router.tick(self.now_us);
    }

    /// `section` is `providers` or `deployments`.
    pub fn figure(&self, section: &str, id: &str, figure: &str) -> Value {
        self.router.status(self.now_us)[section][id][figure].clone()
    }

    pub fn is_out(&self, section: &str, id: &str) -> bool {
        self.figure(section, id, "health") == "cooling_down"
    }

    /// How long something stays out from now, microseconds; 0 for what is not.
    pub fn out_for(&self, section: &str, id: &str) -> u64 {
        let until_us = self.figure(section, id, "out_until_us").as_u64().unwrap();
        until_us.saturating_sub(self.now_us)
    }
}

fn name(decision: &Decision) -> String {
    decision.table.deployments.get(decision.chosen().unwrap()).id.clone()
}

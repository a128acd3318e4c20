//! A local provider and two in the cloud where a token of an answer costs a tenth of a cent, and callers
//! who ask for a thousand tokens a dollar.

use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::refusal::Refused;
use router_core::router::{Journey, NextStep, Router};
use serde_json::{json, Value};

use crate::support::{asking, table};

pub const SECOND_US: u64 = 1_000_000;
pub const HOUR_US: u64 = 3_600 * SECOND_US;
/// Noon of some day.
pub const NOON_US: u64 = 20_000 * 24 * HOUR_US + 12 * HOUR_US;
pub const DEADLINE_US: u64 = 60 * SECOND_US;

pub const LOCAL: &str = "small@here";
pub const CLOUD: &str = "large@far";
pub const OTHER_CLOUD: &str = "other@farther";

/// `small` on two local slots falls back to `large` in the cloud; `large` to `other` in the cloud, then
/// to `small`; `lone` has nothing but the cloud.
pub fn config(budgets: &Value) -> Value {
    let provider = |location: &str, capacity: u32| {
        json!({
            "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": capacity,
            "location": location, "price": { "usd_per_1k_completion_tokens": 1.0 },
        })
    };
    json!({
        "providers": {
            "here": provider("local", 2),
            "far": provider("cloud", 1_000),
            "farther": provider("cloud", 1_000),
        },
        "models": {
            "small": { "provider": "here" },
            "large": { "provider": "far" },
            "other": { "provider": "farther" },
            "lone": { "provider": "far" },
        },
        "fallback_chains": {
            "small": { "chain": ["large"] },
            "large": { "chain": ["other", "small"] },
        },
        "unknown_model": "reject",
        "budgets": budgets,
    })
}

/// A request of so many tokens of answer at most, one tenth of a cent each.
pub fn wanting(model: &str, tokens: u32) -> Facts {
    Facts { max_tokens: Some(tokens), ..asking(model) }
}

pub fn by(caller: &str, facts: Facts) -> Facts {
    Facts { principal: Some(caller.to_owned()), ..facts }
}

pub fn failed(class: OutcomeClass) -> Outcome {
    Outcome::of(class)
}

/// An answer of so many tokens, as the provider counted them.
pub fn answered(tokens: u32) -> Outcome {
    Outcome { completion_tokens: Some(tokens), ..Outcome::of(OutcomeClass::Success) }
}

pub struct World {
    pub router: Router,
    pub now_us: u64,
    seed: u64,
}

impl World {
    pub fn new(budgets: &Value) -> Self {
        Self::of(&config(budgets))
    }

    pub fn of(config: &Value) -> Self {
        Self { router: Router::new(table(config), "test".to_owned()), now_us: NOON_US, seed: 0 }
    }

    pub fn begin(&mut self, facts: &Facts) -> Result<Journey, Refused> {
        self.seed += 1;
        self.router.begin(facts, self.now_us, self.seed, self.now_us + DEADLINE_US)
    }

    pub fn begun(&mut self, facts: &Facts) -> Journey {
        self.begin(facts).unwrap()
    }

    pub fn finish(&mut self, journey: &mut Journey, outcome: &Outcome) {
        let NextStep::Try { number, .. } = journey.step else { panic!("{:?}", journey.step) };
        self.router.finish(journey, number, outcome, self.now_us);
    }

    /// Begins and ends a request at this moment; returns the deployment it went to.
    pub fn ends(&mut self, facts: &Facts, outcome: &Outcome) -> String {
        let mut journey = self.begun(facts);
        let deployment = self.place(&journey);
        self.finish(&mut journey, outcome);
        deployment
    }

    /// Where a request is tried now, `waits`, or why it failed.
    pub fn place(&self, journey: &Journey) -> String {
        match &journey.step {
            NextStep::Try { deployment, .. } => {
                self.router.table().deployments.get(*deployment).id.clone()
            }
            NextStep::Wait { .. } => "waits".to_owned(),
            NextStep::Fail { failure, .. } => failure.code().to_owned(),
            step => format!("{step:?}"),
        }
    }

    /// Sits waits out.
    pub fn settle(&mut self, journey: &mut Journey) {
        while let NextStep::Wait { us } = journey.step {
            self.now_us += us;
            self.router.resume(journey, self.now_us);
        }
    }

    /// What the next request of this kind would be told.
    pub fn explained(&mut self, facts: &Facts) -> Value {
        self.router.explain(facts, self.now_us, 1).unwrap().explain()
    }

    pub fn spending(&self) -> Value {
        self.router.status(self.now_us)["spending"].clone()
    }

    /// The day's, spent and set aside, tenths of cents: as many as tokens were paid for.
    pub fn day(&self) -> (u64, u64) {
        purse(&self.spending()["day"])
    }

    pub fn of_caller(&self, caller: &str) -> (u64, u64) {
        purse(&self.spending()["callers"][caller])
    }

    /// Attempts of fallback in the cloud within the window.
    pub fn fallbacks(&self) -> u64 {
        self.spending()["fallback"]["to_cloud"].as_u64().unwrap()
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // small and not negative
fn purse(told: &Value) -> (u64, u64) {
    let thousandths = |key: &str| (told[key].as_f64().unwrap_or(0.0) * 1_000.0).round() as u64;
    (thousandths("spent_usd"), thousandths("set_aside_usd"))
}

/// The reason against a deployment in an explanation.
pub fn reason<'e>(explained: &'e Value, deployment: &str) -> &'e str {
    let mut candidates = explained["candidates"].as_array().unwrap().iter();
    let candidate = candidates.find(|candidate| candidate["deployment"] == deployment).unwrap();
    candidate["reason"].as_str().unwrap()
}

pub fn plan(explained: &Value) -> Vec<&str> {
    let hops = explained["plan"].as_array().unwrap().iter();
    hops.map(|hop| hop["deployment"].as_str().unwrap()).collect()
}

pub fn notes(explained: &Value) -> Vec<&str> {
    explained["notes"].as_array().unwrap().iter().map(|note| note.as_str().unwrap()).collect()
}

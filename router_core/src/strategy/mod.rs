//! How one candidate is ordered before another (R11). Each strategy is a pure function in a file of
//! its own; this file names them, says which are built, and holds what they have in common: classes,
//! ties and the probability of the choice.

mod complexity_based;
mod context_based;
mod least_loaded;
mod quality_based;
mod round_robin;
mod simple_shuffle;
mod weighted;

use serde::{Deserialize, Serialize};

use crate::rng::Rng;
use crate::table::DeploymentId;

pub use complexity_based::by_complexity;
pub use context_based::by_context;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    Direct,
    RoundRobin,
    Weighted,
    #[serde(alias = "simple-shuffle")]
    SimpleShuffle,
    #[serde(alias = "least-busy")]
    LeastLoaded,
    #[serde(alias = "usage-based-routing-v2", alias = "usage-based-routing")]
    UsageBased,
    #[serde(alias = "latency-based-routing")]
    FastestResponse,
    MostCapacity,
    ComplexityBased,
    ContextBased,
    QualityBased,
    AdaptiveWeighted,
}

impl Strategy {
    const NAMES: [(Self, &'static str); 12] = [
        (Self::Direct, "direct"),
        (Self::RoundRobin, "round_robin"),
        (Self::Weighted, "weighted"),
        (Self::SimpleShuffle, "simple_shuffle"),
        (Self::LeastLoaded, "least_loaded"),
        (Self::UsageBased, "usage_based"),
        (Self::FastestResponse, "fastest_response"),
        (Self::MostCapacity, "most_capacity"),
        (Self::ComplexityBased, "complexity_based"),
        (Self::ContextBased, "context_based"),
        (Self::QualityBased, "quality_based"),
        (Self::AdaptiveWeighted, "adaptive_weighted"),
    ];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(known, _)| *known == self).map_or("direct", |(_, name)| name)
    }

    /// The strategy of this name, `LiteLLM`'s names included.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "simple-shuffle" => Some(Self::SimpleShuffle),
            "least-busy" => Some(Self::LeastLoaded),
            "usage-based-routing-v2" | "usage-based-routing" => Some(Self::UsageBased),
            "latency-based-routing" => Some(Self::FastestResponse),
            _ => Self::NAMES.iter().find(|(_, known)| *known == name).map(|(known, _)| *known),
        }
    }

    /// Every strategy's own name.
    #[must_use]
    pub fn names() -> Vec<&'static str> {
        Self::NAMES.iter().map(|(_, name)| *name).collect()
    }

    /// False for a strategy that uses the order given until its work comes.
    #[must_use]
    pub fn is_built(self) -> bool {
        !matches!(
            self,
            Self::UsageBased | Self::FastestResponse | Self::MostCapacity | Self::AdaptiveWeighted
        )
    }

    /// Whether picks keep exact shares over time, which the state must account for.
    #[must_use]
    pub fn keeps_shares(self) -> bool {
        matches!(self, Self::Weighted | Self::RoundRobin | Self::QualityBased)
    }
}

/// One candidate deployment with the figures strategies read.
#[derive(Debug, Clone)]
pub struct Entry {
    pub deployment: DeploymentId,
    /// Place in the order given: member of the capability or pool.
    pub member: usize,
    pub weight: f64,
    /// The member has a condition, and whether it holds; `None` without one.
    pub condition: Option<bool>,
    /// In flight over capacity of the provider, at least 0.
    pub load: f64,
    /// What smooth weighted round robin owes it, requests.
    pub credit: f64,
    /// Classes are used up in order: 0 before 1. Room, then priority, then preference (R7).
    pub class: (bool, u8, u8),
    /// R7 among entries the strategy ranks equal; smaller first.
    pub preference: u8,
    /// Set by the strategy, 0…1, larger is better.
    pub score: f64,
}

/// Orders entries in place, best first, and returns the probability with which the first of them
/// was to come first.
pub fn order(strategy: Strategy, entries: &mut [Entry], rng: &mut Rng) -> f64 {
    if let [only] = entries {
        only.score = 1.0;
        return 1.0;
    }
    entries.sort_by_key(|entry| entry.class);
    let mut first = None;
    for class in entries.chunk_by_mut(|a, b| a.class == b.class) {
        let propensity = order_class(strategy, class, rng);
        first.get_or_insert(propensity);
    }
    first.unwrap_or(1.0)
}

fn order_class(strategy: Strategy, class: &mut [Entry], rng: &mut Rng) -> f64 {
    match strategy {
        Strategy::RoundRobin => round_robin::order(class, rng),
        Strategy::Weighted => weighted::order(class, rng),
        Strategy::SimpleShuffle => simple_shuffle::order(class, rng),
        Strategy::LeastLoaded => least_loaded::order(class, rng),
        Strategy::QualityBased => quality_based::order(class, rng),
        Strategy::Direct
        | Strategy::ComplexityBased
        | Strategy::ContextBased
        | Strategy::UsageBased
        | Strategy::FastestResponse
        | Strategy::MostCapacity
        | Strategy::AdaptiveWeighted => as_given(class, rng),
    }
}

/// The order of the members; deployments of one member among each other by what they are owed.
fn as_given(class: &mut [Entry], rng: &mut Rng) -> f64 {
    let members = class.iter().map(|entry| entry.member).max().unwrap_or(0) + 1;
    for entry in class.iter_mut() {
        entry.score = 1.0 - entry.member as f64 / members as f64;
    }
    by_score(class, rng)
}

/// Sorts by score, larger first; equals by preference, then at random. Returns the probability of
/// the first: one over the number of its equals.
fn by_score(class: &mut [Entry], rng: &mut Rng) -> f64 {
    if class.len() < 2 {
        return 1.0;
    }
    rng.shuffle(class);
    class.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.preference.cmp(&b.preference)));
    let Some(first) = class.first() else { return 1.0 };
    let equals = class
        .iter()
        .take_while(|entry| {
            entry.score.total_cmp(&first.score).is_eq() && entry.preference == first.preference
        })
        .count();
    1.0 / equals as f64
}

#[cfg(test)]
pub(crate) mod testing {
    use super::Entry;
    use crate::ids::Id;

    /// Entries with these weights, otherwise at rest.
    pub fn entries(weights: &[f64]) -> Vec<Entry> {
        (0_u32..).zip(weights).map(|(index, weight)| entry(index, *weight)).collect()
    }

    fn entry(index: u32, weight: f64) -> Entry {
        Entry {
            deployment: Id::nth(index),
            member: index as usize,
            weight,
            condition: None,
            load: 0.0,
            credit: 0.0,
            class: (false, 0, 0),
            preference: 0,
            score: 0.0,
        }
    }
}

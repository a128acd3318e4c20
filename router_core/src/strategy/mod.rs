//! How one candidate is ordered before another (R11). Each strategy is a pure function in a file of
//! its own; this file names them and applies one to the candidates, class by class.

pub mod adaptive_weighted;
mod complexity_based;
mod context_based;
mod entry;
mod fastest_response;
mod least_loaded;
mod most_capacity;
pub mod quality_based;
mod round_robin;
mod score;
mod simple_shuffle;
mod usage_based;
mod weighted;

use serde::{Deserialize, Serialize};

pub use complexity_based::by_complexity;
pub use context_based::by_context;
pub use entry::{Basis, Chance, Class, Drawn, Entry, Scope};
pub use usage_based::WeightFactors;

use crate::view::{DeploymentFigures, Measured};
use score::{by_score, explore};

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

    /// Whether picks keep exact shares over time, which the state must account for.
    #[must_use]
    pub fn keeps_shares(self) -> bool {
        matches!(
            self,
            Self::Weighted | Self::RoundRobin | Self::QualityBased | Self::AdaptiveWeighted
        )
    }

    /// Whether it goes by measured times, so that the unmeasured must be explored.
    #[must_use]
    pub fn measures(self) -> bool {
        matches!(self, Self::FastestResponse | Self::UsageBased)
    }

    /// Whether it reads times, successes and costs, and not weights and places alone.
    #[must_use]
    pub fn reads_figures(self) -> bool {
        self.compares_deployments() || self == Self::AdaptiveWeighted
    }

    /// The measurements it goes by.
    #[must_use]
    #[inline]
    pub fn figures_of(self, part: &DeploymentFigures) -> &Measured {
        match self {
            Self::UsageBased => &part.published,
            _ => &part.measured,
        }
    }

    /// Whether it looks at deployments one by one, and so across the members of a capability.
    #[must_use]
    pub fn compares_deployments(self) -> bool {
        matches!(
            self,
            Self::LeastLoaded | Self::UsageBased | Self::FastestResponse | Self::MostCapacity
        )
    }
}

/// Orders entries in place, best first, and returns how the first of them came to be that.
pub fn order(strategy: Strategy, entries: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    if let [only] = entries {
        only.score = 1.0;
        return Drawn::CERTAIN;
    }
    if strategy.measures() {
        expect_no_miracles(entries);
    }
    let class = |entry: &Entry| entry.class.key();
    let one = entries.first().map(class);
    let drawn = if entries.iter().all(|entry| Some(class(entry)) == one) {
        order_class(strategy, entries, chance)
    } else {
        entries.sort_by_cached_key(class);
        let mut classes = entries.chunk_by_mut(|a, b| class(a) == class(b));
        let first = classes.next().map(|first| order_class(strategy, first, chance));
        classes.for_each(|other| _ = order_class(strategy, other, chance));
        first.unwrap_or(Drawn::CERTAIN)
    };
    explore(entries, drawn, chance)
}

fn order_class(strategy: Strategy, class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    match strategy {
        Strategy::RoundRobin => round_robin::order(class, chance),
        Strategy::Weighted => weighted::order(class, chance),
        Strategy::SimpleShuffle => simple_shuffle::order(class, chance),
        Strategy::LeastLoaded => least_loaded::order(class, chance),
        Strategy::QualityBased => quality_based::order(class, chance),
        Strategy::AdaptiveWeighted => adaptive_weighted::order(class, chance),
        Strategy::UsageBased => usage_based::order(class, chance),
        Strategy::FastestResponse => fastest_response::order(class, chance),
        Strategy::MostCapacity => most_capacity::order(class, chance),
        Strategy::Direct | Strategy::ComplexityBased | Strategy::ContextBased => {
            as_given(class, chance)
        }
    }
}

/// What was not measured is taken to be no faster than the slowest that was: a hopeful prior must not
/// draw all traffic.
fn expect_no_miracles(entries: &mut [Entry]) {
    let measured = entries.iter().filter(|entry| entry.seen).map(|entry| entry.latency_us);
    let slowest = measured.fold(0.0, f64::max);
    for entry in entries.iter_mut().filter(|entry| !entry.seen) {
        entry.unproven = true;
        entry.latency_us = entry.latency_us.max(slowest);
    }
}

/// The order of the members; deployments of one member among each other by chance.
fn as_given(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    let members = class.iter().map(|entry| entry.member).max().unwrap_or(0) + 1;
    for entry in class.iter_mut() {
        entry.score = 1.0 - entry.member as f64 / members as f64;
    }
    by_score(class, 0.0, chance)
}

#[cfg(test)]
pub(crate) mod testing {
    use super::{Chance, Class, Entry, Scope};
    use crate::ids::Id;
    use crate::rng::Rng;
    use crate::table::StrategyParameters;

    /// Entries with these weights, otherwise at rest and alike.
    pub fn entries(weights: &[f64]) -> Vec<Entry> {
        (0_u32..).zip(weights).map(|(index, weight)| entry(index, *weight)).collect()
    }

    fn entry(index: u32, weight: f64) -> Entry {
        Entry {
            deployment: Id::nth(index),
            member: index as usize,
            weight,
            class: Class::default(),
            cold: false,
            preference: 0,
            load: 0.0,
            capacity: 10,
            credit: 0.0,
            latency_us: 100_000.0,
            seen: true,
            unproven: false,
            awaited: false,
            success: 1.0,
            reliability: 1.0,
            cost_usd: 0.0,
            key: u64::from(index) * 7_919,
            score: 0.0,
        }
    }

    /// Calls `with` with a chance without a session, seeded.
    pub fn chance<T>(seed: u64, with: impl FnOnce(&mut Chance<'_>) -> T) -> T {
        let parameters = StrategyParameters::default();
        let mut rng = Rng::new(seed);
        with(&mut Chance {
            rng: &mut rng,
            session: None,
            scope: Scope::All,
            parameters: &parameters,
        })
    }

    pub fn members(class: &[Entry]) -> Vec<usize> {
        class.iter().map(|entry| entry.member).collect()
    }
}

#[cfg(test)]
mod tests;

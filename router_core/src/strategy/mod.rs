//! How one candidate is ordered before another (R11). Each strategy is a pure function in a file of
//! its own; this file names them and knows which are built.

use serde::{Deserialize, Serialize};

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

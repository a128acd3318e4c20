//! What sets a candidate back and what scores are made of, in plain words.

use crate::strategy::{Class, Strategy};

impl Class {
    /// What sets it back, if anything does.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        let words = [
            (self.full, "full".to_owned()),
            (self.stalled, "stalled".to_owned()),
            (self.overflowing, "overflowing".to_owned()),
            (self.priority > 0, format!("priority {}", self.priority)),
            (self.spare, "spare".to_owned()),
            (self.rank > 0, format!("rank {}", self.rank)),
            (self.cold, "cold".to_owned()),
        ];
        words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect()
    }

    /// The first difference that puts it behind another class.
    #[must_use]
    pub fn against(self, first: Self) -> String {
        let differences = [
            (self.full && !first.full, "it has no free slot now".to_owned()),
            (
                self.stalled && !first.stalled,
                "it has been silent for far longer than usual, with requests waiting".to_owned(),
            ),
            (
                self.overflowing && !first.overflowing,
                "the local members are saturated and it is no cloud member to go to".to_owned(),
            ),
            (
                self.priority > first.priority,
                format!("priority {} comes after all of {}", self.priority, first.priority),
            ),
            (
                self.spare && !first.spare,
                "its weight is 0: it is used where nothing else can be".to_owned(),
            ),
            (
                self.rank > first.rank,
                format!(
                    "conditions or the nature of the request rank it {}, that one {}",
                    self.rank, first.rank
                ),
            ),
            (self.cold && !first.cold, "its model is not loaded".to_owned()),
            (
                self.preference > first.preference,
                "the request's metadata prefer the other provider".to_owned(),
            ),
        ];
        let first = differences.into_iter().find(|(holds, _)| *holds);
        first.map(|(_, words)| words).unwrap_or_default()
    }
}

impl Strategy {
    /// Whether expected times are part of its score.
    #[must_use]
    pub fn goes_by_times(self) -> bool {
        self.measures() || self == Self::AdaptiveWeighted
    }

    /// What its score is made of, in the names of the terms.
    #[must_use]
    pub fn formula(self) -> &'static str {
        match self {
            Self::Direct => "place in the order given, and within a member by weight",
            Self::ComplexityBased => {
                "distance in the order given from the member for the request's complexity"
            }
            Self::ContextBased => {
                "the member for the prompt's length and difficulty, then the order given"
            }
            Self::RoundRobin => "requests owed, each in turn",
            Self::Weighted => "requests owed by the wanted shares",
            Self::SimpleShuffle => "share of the weights, and drawn by it",
            Self::LeastLoaded => "reliability / (1 + load)",
            Self::UsageBased => "latency, success rate and cost, each by its factor",
            Self::FastestResponse => {
                "smallest wait / reliability × (1 + load)², divided by its own"
            }
            Self::MostCapacity => "reliability × (1 - load)",
            Self::QualityBased => "requests owed by the wanted shares, a third for each rank",
            Self::AdaptiveWeighted => "requests owed by the wanted shares × measured health",
        }
    }
}

//! Experiments as the table holds them (R14): which requests take part, what keeps its arm, and the
//! shares of the arms at a given time.

use serde::Deserialize;

use crate::complexity::Band;
use crate::ids::Id;
use crate::query_class::Classifier;
use crate::resolve::{Resolution, Rule};
use crate::table::{CapabilityId, ModelId};

pub type ExperimentId = Id<Experiment>;

/// What keeps its arm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// A session; a request without one is taken by its prompt.
    Session,
    /// A principal.
    User,
    /// The user's own texts, normalised.
    Prompt,
}

impl Unit {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::User => "user",
            Self::Prompt => "prompt",
        }
    }
}

/// A named A/B test.
#[derive(Debug, Clone)]
pub struct Experiment {
    pub name: String,
    pub enabled: bool,
    pub matching: Matching,
    pub unit: Unit,
    /// At least two, in file order.
    pub arms: Vec<Arm>,
    /// Index of the arm the others are measured against.
    pub control: usize,
    /// Index of the arm the schedule speaks of.
    pub scheduled: usize,
    /// In rising order of time.
    pub schedule: Vec<Stage>,
    pub guardrail: Guardrail,
}

/// Which requests take part; `None` is any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Matching {
    pub capability: Option<CapabilityId>,
    pub rule: Option<Rule>,
    pub band: Option<Band>,
}

#[derive(Debug, Clone)]
pub struct Arm {
    pub name: String,
    pub model: ModelId,
    /// Share of the traffic, 0…1; those of all arms add up to 1.
    pub share: f64,
    /// Hash of the experiment's and the arm's name.
    pub key: u64,
}

/// A share of the scheduled arm, from a time on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Microseconds since the Unix epoch.
    pub from_us: u64,
    pub share: f64,
}

/// When an experiment is rolled back. All but `min_samples` are shares, 0…1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Guardrail {
    pub max_error_rate: f64,
    pub max_quality_loss: f64,
    /// Loss of quality from which a person should look.
    pub review_quality_loss: f64,
    /// Samples of an arm below which nothing is judged.
    pub min_samples: u32,
}

impl Default for Guardrail {
    fn default() -> Self {
        Self {
            max_error_rate: 0.05,
            max_quality_loss: 0.10,
            review_quality_loss: 0.05,
            min_samples: 100,
        }
    }
}

/// Which arm serves which class of queries (R15). Arms are indexes.
#[derive(Debug, Clone)]
pub struct QueryClasses {
    pub experiment: ExperimentId,
    pub simple: usize,
    pub complex: usize,
    pub on_error: usize,
    pub baseline_latency_us: u64,
    pub classifier: Classifier,
}

impl Matching {
    #[must_use]
    pub fn holds(&self, resolution: &Resolution<'_>, band: Band) -> bool {
        self.capability.is_none_or(|wanted| resolution.capability == Some(wanted))
            && self.rule.is_none_or(|wanted| resolution.rule == wanted)
            && self.band.is_none_or(|wanted| band == wanted)
    }

    /// Whether a request can match both.
    #[must_use]
    pub fn overlaps(&self, other: &Self) -> bool {
        alike(self.capability, other.capability)
            && alike(self.rule, other.rule)
            && alike(self.band, other.band)
    }
}

fn alike<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one == other,
        _ => true,
    }
}

impl Experiment {
    /// The share of every arm at a time, in order; they add up to 1.
    pub fn shares(&self, now_us: u64) -> impl Iterator<Item = f64> + '_ {
        let stage = self.schedule.iter().rev().find(|stage| stage.from_us <= now_us);
        let own = self.arms.get(self.scheduled).map_or(0.0, |arm| arm.share);
        self.arms.iter().enumerate().map(move |(index, arm)| match stage {
            None => arm.share,
            Some(stage) if index == self.scheduled => stage.share,
            Some(stage) if own < 1.0 => arm.share / (1.0 - own) * (1.0 - stage.share),
            // Nobody else has a share to scale, so the control takes what is left.
            Some(stage) if index == self.control => 1.0 - stage.share,
            Some(_) => 0.0,
        })
    }

    #[must_use]
    pub fn arm_named(&self, name: &str) -> Option<usize> {
        self.arms.iter().position(|arm| arm.name == name)
    }
}

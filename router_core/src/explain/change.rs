//! Single changes that may alter a choice: to the state, to the request, to the config, or another seed;
//! what each is in plain words, and how near it is.

use crate::config::timestamp;
use crate::facts::Facts;
use crate::table::{DeploymentId, Table};
use crate::view::ShareGroup;

/// A cooldown this far off is as far as a whole change of what is changed: a minute, microseconds.
const FAR_US: f64 = 60e6;
/// Shorter prompts count as this long where a change is set against them, tokens.
const LEAST_PROMPT: u32 = 100;
/// The same for weights.
const LEAST_WEIGHT: f64 = 0.01;

/// Where a wanted share is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightPlace {
    pub shares: ShareGroup,
    /// Place among the members of the group.
    pub member: usize,
    pub deployment: DeploymentId,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    MoreInFlight {
        deployment: DeploymentId,
        requests: u32,
    },
    FewerInFlight {
        deployment: DeploymentId,
        requests: u32,
    },
    /// Every time measured there is so much longer.
    Slower {
        deployment: DeploymentId,
        percent: u32,
    },
    /// A request under way there has waited so long, and nothing has come.
    Silent {
        deployment: DeploymentId,
        for_us: u64,
    },
    CooldownEnds {
        deployment: DeploymentId,
        until_us: u64,
    },
    /// `until_us` is 0 for a hold without an end.
    HoldEnds {
        deployment: DeploymentId,
        until_us: u64,
    },
    MoreTokens {
        tokens: u32,
    },
    FewerTokens {
        tokens: u32,
    },
    Stream {
        stream: bool,
    },
    /// `high`, or no priority.
    Priority {
        high: bool,
    },
    QualityTier {
        high: bool,
    },
    /// Of two requests, or no batch.
    Batch {
        batch: bool,
    },
    NoSession,
    Capability {
        name: String,
    },
    Weight {
        place: WeightPlace,
        was: f64,
        weight: f64,
    },
    /// `chance` that another deployment is drawn.
    Seed {
        seed: u64,
        chance: f64,
    },
}

impl Change {
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::MoreInFlight { .. } => "more_in_flight",
            Self::FewerInFlight { .. } => "fewer_in_flight",
            Self::Slower { .. } => "slower",
            Self::Silent { .. } => "silent",
            Self::CooldownEnds { .. } => "cooldown_ends",
            Self::HoldEnds { .. } => "hold_ends",
            Self::MoreTokens { .. } => "more_prompt_tokens",
            Self::FewerTokens { .. } => "fewer_prompt_tokens",
            Self::Stream { .. } => "stream",
            Self::Priority { .. } => "priority",
            Self::QualityTier { .. } => "quality_tier",
            Self::Batch { .. } => "batch",
            Self::NoSession => "no_session",
            Self::Capability { .. } => "capability",
            Self::Weight { .. } => "weight",
            Self::Seed { .. } => "seed",
        }
    }

    /// Whose figures or weight it changes.
    #[must_use]
    pub fn deployment(&self) -> Option<DeploymentId> {
        match self {
            Self::MoreInFlight { deployment, .. }
            | Self::FewerInFlight { deployment, .. }
            | Self::Slower { deployment, .. }
            | Self::Silent { deployment, .. }
            | Self::CooldownEnds { deployment, .. }
            | Self::HoldEnds { deployment, .. } => Some(*deployment),
            Self::Weight { place, .. } => Some(place.deployment),
            _ => None,
        }
    }

    /// How much of what is changed, where that is a number, and its unit.
    #[must_use]
    pub fn amount(&self, now_us: u64) -> Option<(f64, &'static str)> {
        let left = |until_us: u64| until_us.saturating_sub(now_us) as f64;
        match self {
            Self::MoreInFlight { requests, .. } | Self::FewerInFlight { requests, .. } => {
                Some((f64::from(*requests), "requests"))
            }
            Self::Slower { percent, .. } => Some((f64::from(*percent), "per_cent")),
            Self::Silent { for_us, .. } => Some((*for_us as f64, "us")),
            Self::CooldownEnds { until_us, .. } => Some((left(*until_us), "us")),
            Self::HoldEnds { until_us, .. } => {
                Some(*until_us).filter(|until_us| *until_us > 0).map(|until| (left(until), "us"))
            }
            Self::MoreTokens { tokens } | Self::FewerTokens { tokens } => {
                Some((f64::from(*tokens), "tokens"))
            }
            Self::Weight { weight, .. } => Some((*weight, "weight")),
            Self::Seed { chance, .. } => Some((*chance, "chance")),
            _ => None,
        }
    }

    /// The request with this change made to it.
    #[must_use]
    pub fn facts(&self, facts: &Facts) -> Facts {
        let mut facts = facts.clone();
        match self {
            Self::MoreTokens { tokens } => {
                facts.prompt_tokens = facts.prompt_tokens.saturating_add(*tokens);
            }
            Self::FewerTokens { tokens } => {
                facts.prompt_tokens = facts.prompt_tokens.saturating_sub(*tokens);
            }
            Self::Stream { stream } => facts.stream = *stream,
            Self::Priority { high } => {
                facts.priority = high.then(|| "high".to_owned());
                set_header(&mut facts, "x-priority", *high);
            }
            Self::QualityTier { high } => {
                facts.quality_tier = high.then(|| "high".to_owned());
                set_header(&mut facts, "x-quality-tier", *high);
            }
            Self::Batch { batch } => {
                facts.batch_size = if *batch { 2 } else { 1 };
                facts.batch_mode = false;
            }
            Self::NoSession => facts.session = None,
            Self::Capability { name } => {
                // Whichever way the request names its own.
                facts.capability = Some(name.clone());
                facts.model.clear();
            }
            _ => {}
        }
        facts
    }

    /// How far off it is, 1 being a whole of what is changed: of the provider's capacity, of the time
    /// until now, of its limit on a first token, of a minute, of the prompt, of the weight. A request of
    /// another kind counts as 1, for another capability as 2, another seed as the chance that it
    /// changes nothing.
    #[must_use]
    pub fn distance(&self, table: &Table, facts: &Facts, now_us: u64) -> f64 {
        let provider = |id| table.provider_of(id);
        match self {
            Self::MoreInFlight { deployment, requests }
            | Self::FewerInFlight { deployment, requests } => {
                f64::from(*requests) / f64::from(provider(*deployment).capacity.max(1))
            }
            Self::Slower { percent, .. } => f64::from(*percent) / 100.0,
            Self::Silent { deployment, for_us } => {
                *for_us as f64 / provider(*deployment).limits.first_token_us.max(1) as f64
            }
            Self::CooldownEnds { until_us, .. } => until_us.saturating_sub(now_us) as f64 / FAR_US,
            Self::HoldEnds { until_us, .. } if *until_us > 0 => {
                until_us.saturating_sub(now_us) as f64 / FAR_US
            }
            Self::MoreTokens { tokens } | Self::FewerTokens { tokens } => {
                f64::from(*tokens) / f64::from(facts.prompt_tokens.max(LEAST_PROMPT))
            }
            Self::Weight { was, weight, .. } => (weight - was) / was.max(LEAST_WEIGHT),
            Self::Seed { chance, .. } => tidy(1.0 - chance),
            Self::Capability { .. } => 2.0,
            _ => 1.0,
        }
    }

    /// In plain words, with its figures.
    #[must_use]
    pub fn words(&self, table: &Table, facts: &Facts, now_us: u64) -> String {
        let id = |deployment: &DeploymentId| &table.deployments.get(*deployment).id;
        let on = |deployment: &DeploymentId| &table.provider_of(*deployment).id;
        let when = |until_us: u64| {
            let left_s = until_us.saturating_sub(now_us) as f64 / 1e6;
            format!("in {left_s:.1} s, at {}", timestamp::format(until_us))
        };
        match self {
            Self::MoreInFlight { deployment, requests } => {
                format!("{}: {} in flight", on(deployment), counted(*requests, "more"))
            }
            Self::FewerInFlight { deployment, requests } => {
                format!("{}: {} in flight", on(deployment), counted(*requests, "fewer"))
            }
            Self::Slower { deployment, percent } => {
                format!("{}: {percent} % slower than measured", id(deployment))
            }
            Self::Silent { deployment, for_us } => {
                let waited_s = *for_us as f64 / 1e6;
                let thing = if facts.stream { "a token" } else { "its answer" };
                format!("{}: a request under way waits {waited_s:.1} s for {thing}", id(deployment))
            }
            Self::CooldownEnds { deployment, until_us } => {
                format!("{}: its cooldown ends ({})", id(deployment), when(*until_us))
            }
            Self::HoldEnds { deployment, until_us: 0 } => {
                format!("{}: the operator's hold is lifted", on(deployment))
            }
            Self::HoldEnds { deployment, until_us } => {
                format!("{}: the operator's hold ends ({})", on(deployment), when(*until_us))
            }
            Self::MoreTokens { .. } | Self::FewerTokens { .. } => {
                let (was, now) = (facts.prompt_tokens, self.facts(facts).prompt_tokens);
                format!("{now} prompt tokens instead of {was}")
            }
            Self::Stream { stream: true } => "asked for as a stream".to_owned(),
            Self::Stream { stream: false } => "asked for as a whole answer".to_owned(),
            Self::Priority { high: true } => "priority high".to_owned(),
            Self::Priority { high: false } => "no priority".to_owned(),
            Self::QualityTier { high: true } => "quality tier high".to_owned(),
            Self::QualityTier { high: false } => "no quality tier".to_owned(),
            Self::Batch { batch: true } => "part of a batch of 2".to_owned(),
            Self::Batch { batch: false } => "no part of a batch".to_owned(),
            Self::NoSession => "without its session".to_owned(),
            Self::Capability { name } => format!("the capability {name} asked for instead"),
            Self::Weight { place, was, weight } => {
                let was = tidy(*was);
                format!("{}: weight {weight} instead of {was}", id(&place.deployment))
            }
            Self::Seed { seed, chance } => {
                format!("another seed, such as {seed}: the chance of another is {chance:.3}")
            }
        }
    }
}

fn set_header(facts: &mut Facts, name: &str, high: bool) {
    facts.headers.retain(|(known, _)| known != name);
    if high {
        facts.headers.push((name.to_owned(), "high".to_owned()));
    }
}

fn counted(requests: u32, which: &str) -> String {
    let noun = if requests == 1 { "request" } else { "requests" };
    format!("{requests} {which} {noun}")
}

/// Without the dust of binary fractions.
pub fn tidy(weight: f64) -> f64 {
    (weight * 1e6).round() / 1e6
}

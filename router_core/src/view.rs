//! The figures a decision reads. `choose` sees the live state through this alone, so that a recorded
//! view gives the same choice again. Times are microseconds; 0 stands for "not".

use crate::allowance::Allowance;
use crate::experiment::ExperimentId;
use crate::hold::Hold;
use serde::{Deserialize, Serialize};

use crate::settings::Settings;
use crate::table::{CapabilityId, DeploymentId, ModelId, PoolId, Provider, ProviderId};

/// A recovering one begins with this share of its traffic (Envoy's slow start, `min_weight_percent`).
const RAMP_FROM: f64 = 0.1;
/// What the third error in a window leaves of a weight (R13).
const HALVED: f64 = 0.5;
/// A whole answer is expected within this many times the provider's prior for a first token, until
/// answers were measured: some dozens of tokens.
const WHOLE_PER_FIRST_TOKEN: u64 = 30;
/// Nothing for this many times what is usual is a stall.
const PATIENCE: u64 = 4;
/// No silence shorter than this is a stall, microseconds.
const LEAST_PATIENCE_US: u64 = 1_000_000;

/// How something that can be sent to is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    Healthy,
    /// Errors in the window: half its weight.
    Degraded,
    CoolingDown,
    /// A few requests at a time test whether it works again.
    HalfOpen,
    /// Works again, on the way back to its full share.
    Recovering,
}

impl Health {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::CoolingDown => "cooling_down",
            Self::HalfOpen => "half_open",
            Self::Recovering => "recovering",
        }
    }
}

/// What errors and rate limits have made of a provider or a deployment (R13).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Standing {
    /// Not used before this time. Past and not 0: half-open.
    pub out_until_us: u64,
    /// Half its weight until then.
    pub halved_until_us: u64,
    /// When it answered again after having been out.
    pub recovering_since_us: u64,
    /// Requests under way that test whether it works again.
    pub probes: u32,
}

impl Standing {
    #[must_use]
    pub fn health(&self, settings: &Settings, now_us: u64) -> Health {
        if self.out_until_us > now_us {
            Health::CoolingDown
        } else if self.out_until_us > 0 {
            Health::HalfOpen
        } else if self.recovering_since_us > 0 && self.ramp(settings, now_us) < 1.0 {
            Health::Recovering
        } else if self.halved_until_us > now_us {
            Health::Degraded
        } else {
            Health::Healthy
        }
    }

    /// Whether one more request may go there, of at most `capacity` at once: none while out, a few
    /// probes while half-open, then rising room (R13).
    #[must_use]
    pub fn has_room(
        &self,
        in_flight: u32,
        capacity: u32,
        settings: &Settings,
        now_us: u64,
    ) -> bool {
        match self.health(settings, now_us) {
            Health::CoolingDown => false,
            Health::HalfOpen => self.probes < settings.half_open_probes && in_flight < capacity,
            Health::Recovering => {
                let room = self.ramp(settings, now_us) * f64::from(capacity);
                let room = room.max(f64::from(settings.half_open_probes));
                in_flight < capacity && f64::from(in_flight) < room
            }
            Health::Degraded | Health::Healthy => in_flight < capacity,
        }
    }

    /// What its traffic share is multiplied by, above 0 and at most 1.
    #[must_use]
    pub fn weight_factor(&self, settings: &Settings, now_us: u64) -> f64 {
        match self.health(settings, now_us) {
            Health::CoolingDown | Health::HalfOpen => RAMP_FROM,
            Health::Recovering => self.ramp(settings, now_us),
            Health::Degraded => HALVED,
            Health::Healthy => 1.0,
        }
    }

    /// Linear slow start after recovery, as Envoy's with aggression 1: max(10 %, t / window).
    fn ramp(&self, settings: &Settings, now_us: u64) -> f64 {
        if self.recovering_since_us == 0 {
            return 1.0;
        }
        let passed = now_us.saturating_sub(self.recovering_since_us) as f64;
        (passed / settings.recovery_us.max(1) as f64).clamp(RAMP_FROM, 1.0)
    }
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ProviderFigures {
    pub in_flight: u32,
    pub standing: Standing,
    /// Past the saturation threshold, with hysteresis (R12).
    pub saturated: bool,
    pub reported: Reported,
    /// Boxed, for it is rare and every decision reads what stands beside it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hold: Option<Box<Hold>>,
}

impl ProviderFigures {
    /// The operator's hold that keeps new requests away at this time.
    #[must_use]
    pub fn held(&self, now_us: u64) -> Option<&Hold> {
        self.hold.as_deref().filter(|hold| !hold.is_over(now_us))
    }

    /// Share of capacity in use, by us and, as far as the provider tells, by others; may exceed 1.
    #[must_use]
    pub fn load(&self, capacity: u32, now_us: u64) -> f64 {
        let told = Some(self.reported).filter(|reported| reported.until_us > now_us);
        let Reported { others, cache_used, .. } = told.unwrap_or_default();
        let requests = f64::from(self.in_flight) + f64::from(others);
        (requests / f64::from(capacity.max(1))).max(cache_used)
    }
}

/// What a provider last said of its own load. Past `until_us` it is unknown, not zero.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Reported {
    /// Requests running or waiting there that are not ours.
    pub others: u32,
    /// Share of its cache for keys and values in use, 0…1.
    pub cache_used: f64,
    pub until_us: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DeploymentFigures {
    pub in_flight: u32,
    pub standing: Standing,
    /// Over the sliding window, now.
    pub measured: Measured,
    /// The same as of some outcomes ago: what `usage_based` goes by, so that it does not flap.
    pub published: Measured,
    pub waiting: Waiting,
    /// When anything last came from it.
    pub progress_us: u64,
    /// The provider says that its model is not loaded; believed until then.
    pub cold_until_us: u64,
}

/// What the outcomes in the window show.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Measured {
    pub successes: u32,
    /// Successes and failures; what says nothing of the deployment is left out.
    pub outcomes: u32,
    /// Time to the first token of streams.
    pub first_token: Percentiles,
    /// Time of whole answers.
    pub whole: Percentiles,
}

impl Measured {
    /// Share of successes, drawn towards the prior while there are few: two pseudo-outcomes at the
    /// prior (Bayes' estimate under a Beta prior).
    #[must_use]
    pub fn success_rate(&self, prior: f64) -> f64 {
        const PSEUDO_OUTCOMES: f64 = 2.0;
        (f64::from(self.successes) + PSEUDO_OUTCOMES * prior)
            / (f64::from(self.outcomes) + PSEUDO_OUTCOMES)
    }

    /// The time that matters to a caller: to the first token, or to the whole answer.
    #[must_use]
    pub fn of(&self, stream: bool) -> &Percentiles {
        if stream {
            &self.first_token
        } else {
            &self.whole
        }
    }
}

/// Of a window's samples, microseconds; all 0 without any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Percentiles {
    pub p50_us: u64,
    pub p95_us: u64,
    pub samples: u32,
}

/// When the oldest request began that still waits: streams for their first token, others for the
/// whole answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Waiting {
    pub stream_since_us: u64,
    pub whole_since_us: u64,
}

impl Waiting {
    /// Of those who want what a caller wants: a first token, or a whole answer, for which no first
    /// token is a bad sign too.
    #[must_use]
    pub fn since_us(&self, stream: bool) -> u64 {
        match (stream, self.stream_since_us, self.whole_since_us) {
            (true, since_us, _) | (false, since_us, 0) | (false, 0, since_us) => since_us,
            (false, one_us, other_us) => one_us.min(other_us),
        }
    }

    #[must_use]
    pub fn anyone(&self) -> bool {
        self.stream_since_us > 0 || self.whole_since_us > 0
    }
}

impl DeploymentFigures {
    /// Age of the oldest request still waiting, microseconds.
    #[must_use]
    pub fn waiting_us(&self, stream: bool, now_us: u64) -> u64 {
        match self.waiting.since_us(stream) {
            0 => 0,
            since_us => now_us.saturating_sub(since_us),
        }
    }

    /// Whether it has been silent for longer than patience goes, with someone waiting: a hung server,
    /// before the first request gives up.
    #[must_use]
    pub fn stalled(&self, patience: &Patience, now_us: u64) -> bool {
        let silent = |stream: bool| {
            let since_us = self.waiting.since_us(stream);
            let quiet_us = now_us.saturating_sub(since_us.max(self.progress_us));
            since_us > 0 && quiet_us > self.patience_us(patience, stream)
        };
        silent(true) || silent(false)
    }

    /// How long nothing may come before it counts as a stall: for a stream a few times what is usual.
    /// A whole answer's length is not known beforehand, so it is only doubted late.
    #[must_use]
    pub fn patience_us(&self, patience: &Patience, stream: bool) -> u64 {
        if !stream {
            return patience.whole_us;
        }
        let usual_us = match self.measured.first_token {
            measured if measured.samples > 0 => measured.p95_us,
            _ => patience.ttft_prior_us,
        };
        PATIENCE.saturating_mul(usual_us).min(patience.stream_us).max(LEAST_PATIENCE_US)
    }
}

/// The bounds of patience with a deployment, from its provider's limits. Microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Patience {
    pub ttft_prior_us: u64,
    /// Half of what a first token may take.
    pub stream_us: u64,
    /// Half of what a request may take.
    pub whole_us: u64,
}

impl Patience {
    #[must_use]
    pub fn with(provider: &Provider, settings: &Settings) -> Self {
        Self {
            ttft_prior_us: provider.ttft_prior_us,
            stream_us: provider.limits.first_token_us / 2,
            whole_us: settings.timeout_us / 2,
        }
    }
}

/// What to expect of a deployment that was never measured.
#[must_use]
pub fn prior_us(ttft_prior_us: u64, stream: bool) -> u64 {
    if stream {
        ttft_prior_us
    } else {
        ttft_prior_us.saturating_mul(WHOLE_PER_FIRST_TOKEN)
    }
}

/// Whose traffic shares a credit belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ShareGroup {
    Model(ModelId),
    Pool(PoolId),
    Capability(CapabilityId),
}

pub trait View {
    fn provider(&self, id: ProviderId) -> &ProviderFigures;
    fn deployment(&self, id: DeploymentId) -> &DeploymentFigures;
    /// Parameter count of a name that only a provider's own list of models knows.
    fn listed_size(&self, name: &str) -> Option<u64>;
    /// Smooth weighted round robin: what each deployment of a group is owed, in requests.
    fn credits(&self, group: ShareGroup) -> impl Fn(DeploymentId) -> f64;
    /// Whether the guardrail has ended an experiment (R14).
    fn rolled_back(&self, id: ExperimentId) -> bool;
    /// What the budgets on cloud spending leave to the request; `None` where nothing limits it.
    fn allowance(&self) -> Option<&Allowance>;
}

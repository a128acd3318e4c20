//! A modelled provider in virtual time: its slots and its queue, its speed, its faults, its rate limit.
//! It says what becomes of a request; the driver keeps the clock.

use std::collections::VecDeque;

use super::draws::{keyed, micros, Stream};
use super::scenario::{DeadAnswer, ProviderModel, Speed};
use super::workload::Request;
use crate::outcome::OutcomeClass;
use crate::table::Provider;

/// Ollama's own default.
const QUEUE: u32 = 512;
/// A mid-sized model on a mid-sized GPU: 50 tokens a second.
pub const MS_PER_OUTPUT_TOKEN: f64 = 20.0;
/// A refused connection on a local network.
const REFUSED_AFTER_US: u64 = 1_000;

/// What becomes of a request that reaches the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reception {
    /// It has a slot.
    Served,
    Queued,
    /// Answered with an error after this long.
    Answered {
        class: OutcomeClass,
        after_us: u64,
        retry_after_us: Option<u64>,
    },
    Silence,
}

/// How one attempt would go on this provider: drawn before it is known whether it gets a slot.
#[derive(Debug, Clone, Copy)]
pub struct Luck {
    fate: f64,
    first_token: f64,
    further_tokens: f64,
}

/// Microseconds from the start of serving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServiceTime {
    pub first_token_us: u64,
    pub end_us: u64,
}

#[derive(Debug)]
pub struct ModelledProvider {
    model: ProviderModel,
    /// The model's, with the config's prior and the defaults where it says nothing.
    speed: Speed,
    slots: u32,
    most_queued: usize,
    running: u32,
    queue: VecDeque<u64>,
    /// Of the rate limit's bucket.
    tokens: f64,
    filled_us: u64,
    /// Slots' time in use, microseconds, up to `used_until_us`.
    used_us: u64,
    used_until_us: u64,
    peak: u32,
}

impl ModelledProvider {
    #[must_use]
    pub fn new(provider: &Provider, model: ProviderModel) -> Self {
        let usual = Speed {
            ttft_ms: Some(provider.ttft_prior_us as f64 / 1_000.0),
            ms_per_prompt_token: Some(0.0),
            ms_per_output_token: Some(MS_PER_OUTPUT_TOKEN),
        };
        let burst = model.rate_limit.and_then(|limit| limit.burst).unwrap_or(1);
        Self {
            speed: model.speed.or(usual),
            slots: model.slots.unwrap_or(provider.capacity),
            most_queued: model.queue.unwrap_or(QUEUE) as usize,
            running: 0,
            queue: VecDeque::new(),
            tokens: f64::from(burst),
            filled_us: 0,
            used_us: 0,
            used_until_us: 0,
            peak: 0,
            model,
        }
    }

    #[must_use]
    pub fn slots(&self) -> u32 {
        self.slots
    }

    // ── One attempt ─────────────────────────────────────────────────────────────────────────────

    /// Keyed by request, attempt and provider, so that it is the same under every strategy.
    #[must_use]
    pub fn luck(&self, seed: u64, request: u64, attempt: usize, provider: usize) -> Luck {
        let mut rng = keyed(seed, Stream::Attempt, &[request, attempt as u64, provider as u64]);
        let fate = rng.unit();
        let distribution = self.model.distribution;
        Luck {
            fate,
            first_token: distribution.factor(&mut rng),
            further_tokens: distribution.factor(&mut rng),
        }
    }

    /// A request reaches the provider.
    pub fn receive(&mut self, request: u64, luck: Luck, now_us: u64) -> Reception {
        if let Some(answer) = self.dead_at(now_us) {
            return match answer {
                DeadAnswer::Refused => answered(OutcomeClass::Unreachable, REFUSED_AFTER_US),
                DeadAnswer::Unavailable => self.error(OutcomeClass::Unavailable, None),
                DeadAnswer::Hang => Reception::Silence,
            };
        }
        if let Some(come_back_us) = self.limited(now_us) {
            return self.error(OutcomeClass::RateLimited, come_back_us);
        }
        let faults = self.model.faults;
        if luck.fate < faults.server_error {
            return self.error(OutcomeClass::ServerError, None);
        }
        if luck.fate < faults.server_error + faults.unavailable {
            return self.error(OutcomeClass::Unavailable, None);
        }
        if luck.fate < faults.server_error + faults.unavailable + faults.hang {
            return Reception::Silence;
        }
        if self.running < self.slots {
            self.take_slot(now_us);
            return Reception::Served;
        }
        if self.queue.len() < self.most_queued {
            self.queue.push_back(request);
            return Reception::Queued;
        }
        self.error(OutcomeClass::Unavailable, None)
    }

    /// A request leaves its slot; the next in the queue takes it.
    pub fn leave_slot(&mut self, now_us: u64) -> Option<u64> {
        self.account(now_us);
        self.running = self.running.saturating_sub(1);
        let next = self.queue.pop_front()?;
        self.take_slot(now_us);
        Some(next)
    }

    pub fn leave_queue(&mut self, request: u64) {
        self.queue.retain(|waiting| *waiting != request);
    }

    /// How long a request takes that has a slot now. The slowdown is that of the moment it begins.
    #[must_use]
    pub fn service_time(&self, request: &Request, model: &str, luck: Luck) -> ServiceTime {
        let others = f64::from(self.running.saturating_sub(1));
        let crowd = others / f64::from(self.slots.saturating_sub(1).max(1));
        let (first_ms, further_ms) = self.times_ms(request, model);
        let first_token_us = micros(first_ms * luck.first_token);
        let slower = 1.0 + self.model.slowdown * crowd;
        let end_us = first_token_us + micros(further_ms * luck.further_tokens * slower);
        ServiceTime { first_token_us, end_us }
    }

    /// Requests of one kind it can serve in a second, every slot busy; a rate limit caps it.
    #[must_use]
    pub fn requests_per_s(&self, mean_service_ms: f64) -> f64 {
        let by_slots = f64::from(self.slots) * 1_000.0 / mean_service_ms.max(0.001);
        let limit = self.model.rate_limit.map(|limit| limit.requests_per_minute / 60.0);
        limit.map_or(by_slots, |limit| by_slots.min(limit))
    }

    /// Mean milliseconds in a slot, every slot busy.
    #[must_use]
    pub fn mean_service_ms(&self, request: &Request, model: &str) -> f64 {
        let (first_ms, further_ms) = self.times_ms(request, model);
        let slowest = if self.slots > 1 { 1.0 + self.model.slowdown } else { 1.0 };
        first_ms + further_ms * slowest
    }

    fn times_ms(&self, request: &Request, model: &str) -> (f64, f64) {
        let own = self.model.models.get(model).copied().unwrap_or_default();
        let speed = own.or(self.speed);
        let prompt = f64::from(request.prompt_tokens) * speed.ms_per_prompt_token.unwrap_or(0.0);
        let further = f64::from(request.output_tokens.saturating_sub(1));
        (speed.ttft_ms.unwrap_or(0.0) + prompt, further * speed.ms_per_output_token.unwrap_or(0.0))
    }

    // ── Use ─────────────────────────────────────────────────────────────────────────────────────

    /// Mean share of its slots in use from the start until `end_us`.
    #[must_use]
    pub fn mean_utilisation(&self, end_us: u64) -> f64 {
        self.used_us as f64 / (f64::from(self.slots) * end_us.max(1) as f64)
    }

    /// Largest share of its slots in use.
    #[must_use]
    pub fn peak_utilisation(&self) -> f64 {
        f64::from(self.peak) / f64::from(self.slots)
    }

    /// Counts the slots' use up to now.
    pub fn account(&mut self, now_us: u64) {
        self.used_us += u64::from(self.running) * now_us.saturating_sub(self.used_until_us);
        self.used_until_us = self.used_until_us.max(now_us);
    }

    fn take_slot(&mut self, now_us: u64) {
        self.account(now_us);
        self.running += 1;
        self.peak = self.peak.max(self.running);
    }

    // ── Errors ──────────────────────────────────────────────────────────────────────────────────

    fn error(&self, class: OutcomeClass, retry_after_us: Option<u64>) -> Reception {
        let after_us = micros(self.model.faults.after_ms);
        Reception::Answered { class, after_us, retry_after_us }
    }

    fn dead_at(&self, now_us: u64) -> Option<DeadAnswer> {
        let seconds = now_us as f64 / 1e6;
        let holds = |from: f64, until: Option<f64>| {
            seconds >= from && until.is_none_or(|until| seconds < until)
        };
        let mut intervals = self.model.dead.iter();
        intervals.find(|dead| holds(dead.from_s, dead.until_s)).map(|dead| dead.answer)
    }

    /// Past its rate limit: what its 429 says of when to come back. Takes from the bucket otherwise.
    #[allow(clippy::option_option)] // limited or not, told or not
    fn limited(&mut self, now_us: u64) -> Option<Option<u64>> {
        let limit = self.model.rate_limit?;
        let per_us = limit.requests_per_minute / 60e6;
        let most = f64::from(limit.burst.unwrap_or(1));
        let gained = now_us.saturating_sub(self.filled_us) as f64 * per_us;
        self.tokens = (self.tokens + gained).min(most);
        self.filled_us = now_us;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return None;
        }
        let seconds = ((1.0 - self.tokens) / per_us / 1e6).ceil();
        Some(limit.retry_after.then(|| micros(seconds * 1_000.0)))
    }
}

fn answered(class: OutcomeClass, after_us: u64) -> Reception {
    Reception::Answered { class, after_us, retry_after_us: None }
}

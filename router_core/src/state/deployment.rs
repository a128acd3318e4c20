//! One deployment's live state: requests under way and waiting, measured times and success, and its
//! breaker. Rate limits, missing models, slowness and 5xx are counted here (R13).

use super::breaker::{Breaker, Error, RateLimit};
use super::waiting::WaitingList;
use super::window::{Outcomes, Samples};
use crate::outcome::{Blame, Outcome, OutcomeClass};
use crate::settings::Settings;
use crate::view::{DeploymentFigures, Health, Patience};

/// Outcomes between two publications of what `usage_based` goes by (R11).
const PUBLISHED_EVERY: u32 = 10;

#[derive(Debug, Clone, Default)]
pub struct DeploymentState {
    pub id: String,
    pub figures: DeploymentFigures,
    pub patience: Patience,
    memory: Box<Memory>,
}

/// What the figures are made from. Apart, so that a decision over many deployments reads only figures.
#[derive(Debug, Clone, Default)]
struct Memory {
    breaker: Breaker,
    waiting: WaitingList,
    first_token: Samples,
    whole: Samples,
    outcomes: Outcomes,
    unpublished: u32,
}

/// How one request stood when it ended.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // independent marks of one request
pub struct Ended {
    /// Asked for as a stream.
    pub stream: bool,
    /// The caller waited for the whole answer.
    pub whole: bool,
    /// Since its slot was taken, microseconds.
    pub age_us: u64,
    /// Its first token was told of while it ran.
    pub first_token_seen: bool,
    /// It tested whether a half-open deployment works again.
    pub probed: bool,
}

impl DeploymentState {
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Takes a slot; returns whether the request tests a half-open deployment.
    pub fn reserve(&mut self, settings: &Settings, now_us: u64) -> bool {
        self.figures.in_flight += 1;
        let probes = self.figures.standing.health(settings, now_us) == Health::HalfOpen;
        self.figures.standing.probes += u32::from(probes);
        probes
    }

    pub fn release(&mut self, probed: bool) {
        self.figures.in_flight = self.figures.in_flight.saturating_sub(1);
        let standing = &mut self.figures.standing;
        standing.probes = standing.probes.saturating_sub(u32::from(probed));
    }

    /// From now on the request's age counts until its first token, or until it ends.
    pub fn wait(&mut self, permit: u64, stream: bool, now_us: u64) {
        self.memory.waiting.join(permit, stream, now_us);
        self.figures.waiting = self.memory.waiting.oldest();
    }

    pub fn stop_waiting(&mut self, permit: u64, stream: bool) {
        self.memory.waiting.leave(permit, stream);
        self.figures.waiting = self.memory.waiting.oldest();
    }

    /// The first content of a request: it works, and its model is loaded.
    pub fn first_token(&mut self, stream: bool, age_us: u64, settings: &Settings, now_us: u64) {
        self.memory.breaker.alive(&mut self.figures.standing, settings, now_us);
        self.figures.progress_us = now_us;
        self.figures.cold_until_us = 0;
        if stream {
            self.memory.first_token.push(age_us, now_us);
            self.figures.measured.first_token = self.memory.first_token.percentiles();
        }
    }

    pub fn learn(&mut self, outcome: &Outcome, ended: Ended, settings: &Settings, now_us: u64) {
        let class = outcome.class;
        let slow = self.was_slow(class, ended);
        self.sample(outcome, ended, now_us);
        if class == OutcomeClass::Success || class.blame() != Blame::Nobody || slow {
            self.memory.outcomes.push(class == OutcomeClass::Success, now_us);
            self.count();
            self.publish();
        }
        let standing = &mut self.figures.standing;
        // Other levels' errors and rate limits have breakers and rules of their own.
        if slow || (class.blame() == Blame::Deployment && class != OutcomeClass::RateLimited) {
            let error =
                Error { of_connection: class.is_connection_fault(), of_probe: ended.probed };
            self.memory.breaker.error(standing, error, settings, now_us);
        } else if class != OutcomeClass::RateLimited && class.was_answered() {
            self.memory.breaker.alive(standing, settings, now_us);
            self.figures.progress_us = now_us;
        }
    }

    /// A deadline that passed with nothing delivered, past all patience: too slow, as silence is.
    fn was_slow(&self, class: OutcomeClass, ended: Ended) -> bool {
        class == OutcomeClass::Deadline
            && !ended.first_token_seen
            && ended.age_us > self.figures.patience_us(&self.patience, ended.stream)
    }

    /// Times of what was delivered. A stream that gave up without a token counts with its age where
    /// that says more than is known: a time seen only in part is at least that long.
    fn sample(&mut self, outcome: &Outcome, ended: Ended, now_us: u64) {
        let measured = &mut self.figures.measured;
        if ended.stream && !ended.first_token_seen {
            let gave_up = matches!(
                outcome.class,
                OutcomeClass::Silent | OutcomeClass::Deadline | OutcomeClass::Cancelled
            );
            let longer = ended.age_us > measured.first_token.p95_us;
            let told = if gave_up { longer.then_some(ended.age_us) } else { outcome.ttft_us };
            if let Some(us) = told {
                self.memory.first_token.push(us, now_us);
                measured.first_token = self.memory.first_token.percentiles();
            }
        }
        if ended.whole && outcome.class == OutcomeClass::Success {
            let total_us = if outcome.total_us > 0 { outcome.total_us } else { ended.age_us };
            self.memory.whole.push(total_us, now_us);
            measured.whole = self.memory.whole.percentiles();
        }
    }

    fn count(&mut self) {
        let (successes, outcomes) = self.memory.outcomes.count();
        self.figures.measured.successes = successes;
        self.figures.measured.outcomes = outcomes;
    }

    fn publish(&mut self) {
        self.memory.unpublished += 1;
        if self.memory.unpublished >= PUBLISHED_EVERY {
            self.memory.unpublished = 0;
            self.figures.published = self.figures.measured;
        }
    }

    #[must_use]
    pub fn may_be_probed(&self, now_us: u64) -> bool {
        self.memory.breaker.may_be_probed(&self.figures.standing, now_us)
    }

    pub fn reached(&mut self, now_us: u64) {
        self.memory.breaker.reached(&mut self.figures.standing, now_us);
    }

    pub fn rate_limited(&mut self, limit: RateLimit, settings: &Settings, now_us: u64) {
        self.memory.breaker.rate_limited(&mut self.figures.standing, limit, settings, now_us);
    }

    /// Whether the provider says that the model is loaded; believed until `until_us`.
    pub fn warmth(&mut self, loaded: bool, until_us: u64) {
        self.figures.cold_until_us = if loaded { 0 } else { until_us };
    }

    /// Drops what is too old to judge by.
    pub fn forget(&mut self, now_us: u64) {
        if self.memory.first_token.forget(now_us) {
            self.figures.measured.first_token = self.memory.first_token.percentiles();
        }
        if self.memory.whole.forget(now_us) {
            self.figures.measured.whole = self.memory.whole.percentiles();
        }
        if self.memory.outcomes.forget(now_us) {
            self.count();
        }
        if self.figures.measured.outcomes == 0 {
            self.figures.published = self.figures.measured;
        }
    }
}

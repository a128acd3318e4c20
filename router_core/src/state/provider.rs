//! One provider's live state: slots in use, saturation, what it says of itself, and its breaker. Errors
//! that stop every request to a provider alike are counted here (R13).

use super::breaker::{Breaker, Error, RateLimit};
use super::window::WINDOW_US;
use crate::hold::Hold;
use crate::outcome::{Blame, OutcomeClass};
use crate::settings::Settings;
use crate::view::{Health, ProviderFigures, Reported};

/// Share of capacity below which a saturated provider is free again (R12).
const FREE_BELOW: f64 = 0.6;
/// Share of capacity at which a provider is saturated (R12).
pub const SATURATED_AT: f64 = 0.8;

#[derive(Debug, Clone, Default)]
pub struct ProviderState {
    pub id: String,
    pub capacity: u32,
    pub figures: ProviderFigures,
    breaker: Breaker,
    /// The last rate limit: deployment slot and time.
    rate_limited: Option<(usize, u64)>,
}

/// A provider's own figures, everybody's requests included; `None` where it does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct LoadSignal {
    pub running: Option<u32>,
    pub waiting: Option<u32>,
    /// Share of its cache for keys and values in use, 0…1.
    pub cache_used: Option<f64>,
}

impl ProviderState {
    #[must_use]
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), ..Self::default() }
    }

    /// Takes a slot; returns whether the request tests a half-open provider.
    pub fn reserve(&mut self, settings: &Settings, now_us: u64) -> bool {
        self.figures.in_flight += 1;
        self.load_changed(now_us);
        let probes = self.figures.standing.health(settings, now_us) == Health::HalfOpen;
        self.figures.standing.probes += u32::from(probes);
        probes
    }

    pub fn release(&mut self, probed: bool, now_us: u64) {
        self.figures.in_flight = self.figures.in_flight.saturating_sub(1);
        let standing = &mut self.figures.standing;
        standing.probes = standing.probes.saturating_sub(u32::from(probed));
        self.load_changed(now_us);
    }

    /// Hysteresis: in at 80 %, out below 60 %.
    fn load_changed(&mut self, now_us: u64) {
        let load = self.figures.load(self.capacity, now_us);
        if load >= SATURATED_AT {
            self.figures.saturated = true;
        } else if load < FREE_BELOW {
            self.figures.saturated = false;
        }
    }

    pub fn learn(&mut self, class: OutcomeClass, probed: bool, settings: &Settings, now_us: u64) {
        let standing = &mut self.figures.standing;
        if class.blame() == Blame::Provider {
            let error = Error { of_connection: class.is_connection_fault(), of_probe: probed };
            self.breaker.error(standing, error, settings, now_us);
        } else if class.was_answered() && class != OutcomeClass::RateLimited {
            self.breaker.alive(standing, settings, now_us);
        }
    }

    pub fn alive(&mut self, settings: &Settings, now_us: u64) {
        self.breaker.alive(&mut self.figures.standing, settings, now_us);
    }

    /// A deployment of it answered 429. A second one from another within the window takes the
    /// provider out too, and so does one that tested whether it is back: the limit is the account's,
    /// not the model's.
    pub fn rate_limited(
        &mut self,
        deployment: usize,
        retry_after_us: Option<u64>,
        settings: &Settings,
        now_us: u64,
    ) {
        let recent = |at: u64| at.saturating_add(WINDOW_US) > now_us;
        let elsewhere = self.rate_limited.is_some_and(|(who, at)| who != deployment && recent(at));
        let half_open = self.figures.standing.health(settings, now_us) == Health::HalfOpen;
        if elsewhere || half_open {
            let limit = RateLimit { retry_after_us, again: true };
            self.breaker.rate_limited(&mut self.figures.standing, limit, settings, now_us);
        }
        self.rate_limited = Some((deployment, now_us));
    }

    /// What it reports beyond our own requests counts as load until `until_us`.
    pub fn signal(&mut self, signal: &LoadSignal, until_us: u64, now_us: u64) {
        let requests = signal.running.unwrap_or(0).saturating_add(signal.waiting.unwrap_or(0));
        self.figures.reported = Reported {
            others: requests.saturating_sub(self.figures.in_flight),
            cache_used: signal
                .cache_used
                .filter(|used| used.is_finite())
                .unwrap_or(0.0)
                .clamp(0.0, 1.0),
            until_us,
        };
        self.load_changed(now_us);
    }

    /// What an operator wants of it from now on; `None` puts it back into use.
    pub fn hold(&mut self, hold: Option<Hold>) {
        self.figures.hold = hold.map(Box::new);
    }

    /// Drops a hold whose time is over, and what the provider said of itself once it is too old.
    pub fn forget(&mut self, now_us: u64) {
        self.figures.hold.take_if(|hold| hold.is_over(now_us));
        if self.figures.reported.until_us > 0 && self.figures.reported.until_us <= now_us {
            self.figures.reported = Reported::default();
            self.load_changed(now_us);
        }
    }

    #[must_use]
    pub fn may_be_probed(&self, now_us: u64) -> bool {
        self.breaker.may_be_probed(&self.figures.standing, now_us)
    }

    pub fn reached(&mut self, now_us: u64) {
        self.breaker.reached(&mut self.figures.standing, now_us);
    }

    pub fn restore(&mut self, figures: &ProviderFigures) {
        self.figures.clone_from(figures);
        // What it reported is as fresh as whoever wrote the figures says.
        self.load_changed(0);
    }
}

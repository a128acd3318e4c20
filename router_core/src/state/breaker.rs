//! The breaker of one provider or deployment (R13): errors in a window halve its weight, then take it
//! out for a time that doubles; a few probes at a time and a ramp bring it back.

use std::collections::VecDeque;

use super::window::WINDOW_US;
use crate::settings::Settings;
use crate::view::{Health, Standing};

/// What of an error matters to a breaker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Error {
    /// It was the connection that failed.
    pub of_connection: bool,
    /// The request tested whether a half-open one works again.
    pub of_probe: bool,
}

/// Out after a 429 that asks for no wait at all, microseconds.
pub(crate) const LEAST_OUT_US: u64 = 100_000;
/// Least time out after the second 429 in a row, microseconds; each further one doubles it.
const AGAIN_US: u64 = 1_000_000;

/// A 429, as it was answered.
#[derive(Debug, Clone, Copy, Default)]
pub struct RateLimit {
    /// How long to stay away, as it says.
    pub retry_after_us: Option<u64>,
    /// It is not the first one: whoever had been told to stay away tested it too soon.
    pub again: bool,
}

/// What a breaker remembers besides its standing, which the decision reads.
#[derive(Debug, Clone, Default)]
pub struct Breaker {
    /// Times of the errors in the window.
    errors: VecDeque<u64>,
    /// Cooldowns since it last was fully back: each is twice as long as the one before.
    cooldowns: u32,
    /// The running cooldown began with a fault of the connection.
    connection_fault: bool,
    /// 429s in a row after the first.
    limited_again: u32,
}

impl Breaker {
    /// Counts an error. What was sent before it was taken out and fails now says nothing new; what
    /// tested whether it works again, and failed in the end, takes it out once more.
    pub fn error(
        &mut self,
        standing: &mut Standing,
        error: Error,
        settings: &Settings,
        now_us: u64,
    ) {
        let Some(allowed) = settings.allowed_fails else { return };
        match standing.health(settings, now_us) {
            Health::HalfOpen | Health::Recovering if error.of_probe => {
                return self.trip(standing, error, settings, now_us);
            }
            Health::CoolingDown | Health::HalfOpen => return,
            Health::Degraded | Health::Healthy | Health::Recovering => {}
        }
        self.forget(now_us);
        self.errors.push_back(now_us);
        let allowed = usize::from(allowed);
        if self.errors.len() > allowed {
            self.trip(standing, error, settings, now_us);
        } else if let Some(oldest) = self.errors.front().filter(|_| self.errors.len() == allowed) {
            standing.halved_until_us = oldest.saturating_add(WINDOW_US);
        }
    }

    /// Out for the time the provider named, or for the configured one after a 429 without. In a row of
    /// them each wait is longer, up to the longest cooldown, whatever is said.
    pub fn rate_limited(
        &mut self,
        standing: &mut Standing,
        limit: RateLimit,
        settings: &Settings,
        now_us: u64,
    ) {
        let Some(standard_us) = settings.rate_limited_us else { return };
        self.limited_again = self.limited_again.saturating_add(u32::from(limit.again));
        let doubled = |us: u64, times: u32| {
            us.saturating_mul(1 << times.min(16)).min(settings.max_cooldown_us)
        };
        let wait_us = match (limit.retry_after_us, self.limited_again) {
            (None, again) => doubled(standard_us, again),
            (Some(said_us), 0) => said_us.max(LEAST_OUT_US),
            (Some(said_us), again) => said_us.max(doubled(AGAIN_US, again - 1)),
        };
        let until_us = now_us.saturating_add(wait_us);
        if until_us > standing.out_until_us {
            self.connection_fault = false;
        }
        take_out(standing, until_us, now_us);
    }

    /// It delivered something. Half-open becomes recovering; after the ramp all is forgotten.
    pub fn alive(&mut self, standing: &mut Standing, settings: &Settings, now_us: u64) {
        match standing.health(settings, now_us) {
            Health::HalfOpen => {
                standing.out_until_us = 0;
                standing.recovering_since_us = now_us.max(1);
                self.errors.clear();
                self.limited_again = 0;
            }
            Health::Healthy if standing.recovering_since_us > 0 => {
                standing.recovering_since_us = 0;
                self.cooldowns = 0;
            }
            _ => {}
        }
    }

    /// Whether an active probe may end its cooldown.
    #[must_use]
    pub fn may_be_probed(&self, standing: &Standing, now_us: u64) -> bool {
        self.connection_fault && standing.out_until_us > now_us
    }

    /// An active probe got through: half-open from now on.
    pub fn reached(&mut self, standing: &mut Standing, now_us: u64) {
        if self.may_be_probed(standing, now_us) {
            standing.out_until_us = now_us;
        }
    }

    fn trip(&mut self, standing: &mut Standing, error: Error, settings: &Settings, now_us: u64) {
        let doubled = settings.cooldown_us.saturating_mul(1 << self.cooldowns.min(16));
        self.cooldowns = self.cooldowns.saturating_add(1);
        self.connection_fault = error.of_connection;
        self.errors.clear();
        take_out(standing, now_us.saturating_add(doubled.min(settings.max_cooldown_us)), now_us);
    }

    fn forget(&mut self, now_us: u64) {
        while self.errors.front().is_some_and(|at| at.saturating_add(WINDOW_US) <= now_us) {
            self.errors.pop_front();
        }
    }
}

/// A cooldown's end only moves later.
fn take_out(standing: &mut Standing, until_us: u64, now_us: u64) {
    if until_us > now_us {
        standing.out_until_us = standing.out_until_us.max(until_us);
        standing.halved_until_us = 0;
        standing.recovering_since_us = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_US: u64 = 1_000_000;
    const START_US: u64 = 1_000 * SECOND_US;
    const PROBE: Error = Error { of_connection: false, of_probe: true };

    fn after_us(us: u64) -> RateLimit {
        RateLimit { retry_after_us: Some(us), again: false }
    }

    fn after(errors: u64) -> (Breaker, Standing, Settings) {
        let (mut breaker, mut standing, settings) = <(Breaker, Standing, Settings)>::default();
        for n in 0..errors {
            breaker.error(&mut standing, Error::default(), &settings, START_US + n);
        }
        (breaker, standing, settings)
    }

    #[test]
    fn the_third_error_halves_the_weight_and_the_fourth_takes_it_out() {
        for (errors, health) in [
            (2, Health::Healthy),
            (3, Health::Degraded),
            (4, Health::CoolingDown),
            (9, Health::CoolingDown),
        ] {
            let (_, standing, settings) = after(errors);
            assert_eq!(standing.health(&settings, START_US + 10), health, "{errors} errors");
        }
        let (_, standing, settings) = after(3);
        assert!((standing.weight_factor(&settings, START_US + 10) - 0.5).abs() < 1e-12);
        assert_eq!(standing.health(&settings, START_US + WINDOW_US), Health::Healthy);
    }

    #[test]
    fn errors_far_apart_never_take_it_out() {
        let (mut breaker, mut standing, settings) = after(0);
        for n in 0..100 {
            let now = START_US + n * WINDOW_US / 3;
            breaker.error(&mut standing, Error::default(), &settings, now);
            assert_ne!(standing.health(&settings, now), Health::CoolingDown);
        }
    }

    #[test]
    fn cooldowns_double_up_to_the_longest() {
        let (mut breaker, mut standing, settings) = after(4);
        let mut lengths = vec![standing.out_until_us - START_US - 3];
        for _ in 0..4 {
            let now = standing.out_until_us;
            assert_eq!(standing.health(&settings, now), Health::HalfOpen);
            breaker.error(&mut standing, Error::default(), &settings, now);
            assert_eq!(standing.health(&settings, now), Health::HalfOpen, "sent before");
            breaker.error(&mut standing, PROBE, &settings, now);
            lengths.push(standing.out_until_us - now);
        }
        assert_eq!(lengths, [60, 120, 240, 300, 300].map(|seconds| seconds * SECOND_US));
    }

    #[test]
    fn half_open_lets_one_through_at_a_time_and_then_ramps() {
        let (mut breaker, mut standing, settings) = after(4);
        let back = standing.out_until_us;
        assert!(!standing.has_room(0, 10, &settings, back - 1));
        assert!(standing.has_room(0, 10, &settings, back));
        standing.probes = 1;
        assert!(!standing.has_room(0, 10, &settings, back));
        standing.probes = 0;
        breaker.alive(&mut standing, &settings, back);
        assert_eq!(standing.health(&settings, back), Health::Recovering);
        assert!(!standing.has_room(1, 10, &settings, back));
        assert!(standing.has_room(4, 10, &settings, back + settings.recovery_us / 2));
        assert!(!standing.has_room(5, 10, &settings, back + settings.recovery_us / 2));
        let full = back + settings.recovery_us;
        assert!(standing.has_room(9, 10, &settings, full));
        breaker.alive(&mut standing, &settings, full);
        assert_eq!(standing, Standing::default());
    }

    #[test]
    fn a_probe_ends_cooldowns_of_connection_faults_only() {
        for connection_fault in [false, true] {
            let (mut breaker, mut standing, settings) = after(0);
            for n in 0..4 {
                let error = Error { of_connection: connection_fault, of_probe: false };
                breaker.error(&mut standing, error, &settings, START_US + n);
            }
            let now = START_US + SECOND_US;
            breaker.reached(&mut standing, now);
            let half_open = standing.health(&settings, now) == Health::HalfOpen;
            assert_eq!(half_open, connection_fault);
        }
    }

    #[test]
    fn a_probe_that_fails_after_its_first_token_takes_it_out_again() {
        let (mut breaker, mut standing, settings) = after(4);
        let back = standing.out_until_us;
        breaker.alive(&mut standing, &settings, back);
        breaker.error(&mut standing, Error::default(), &settings, back);
        assert_eq!(standing.health(&settings, back), Health::Recovering);
        breaker.error(&mut standing, PROBE, &settings, back);
        assert_eq!(standing.out_until_us, back + 120 * SECOND_US);
    }

    #[test]
    fn switched_off_errors_never_count() {
        let (mut breaker, mut standing, mut settings) = after(0);
        settings.allowed_fails = None;
        breaker.rate_limited(&mut standing, after_us(SECOND_US), &settings, START_US);
        for n in 1..10 {
            breaker.error(&mut standing, PROBE, &settings, START_US + n);
        }
        assert_eq!(standing.out_until_us, START_US + SECOND_US);
    }

    #[test]
    fn a_rate_limit_never_shortens_a_cooldown() {
        let (mut breaker, mut standing, settings) = after(4);
        let until = standing.out_until_us;
        breaker.rate_limited(&mut standing, after_us(SECOND_US), &settings, START_US);
        assert_eq!(standing.out_until_us, until);
        breaker.rate_limited(&mut standing, after_us(SECOND_US), &settings, until);
        assert_eq!(standing.out_until_us, until + SECOND_US);
    }

    #[test]
    fn a_row_of_rate_limits_backs_off_until_something_is_delivered() {
        for (said_us, expected) in [
            (Some(0), [LEAST_OUT_US, SECOND_US, 2 * SECOND_US, 4 * SECOND_US]),
            (Some(3 * SECOND_US), [3, 3, 3, 4].map(|seconds| seconds * SECOND_US)),
            (None, [60, 120, 240, 300].map(|seconds| seconds * SECOND_US)),
        ] {
            let (mut breaker, mut standing, settings) = after(0);
            let mut now = START_US;
            let mut limited = |again: bool, now: u64, standing: &mut Standing| {
                let limit = RateLimit { retry_after_us: said_us, again };
                breaker.rate_limited(standing, limit, &settings, now);
                standing.out_until_us - now
            };
            for (place, wait_us) in expected.into_iter().enumerate() {
                assert_eq!(limited(place > 0, now, &mut standing), wait_us, "{said_us:?} {place}");
                now = standing.out_until_us;
            }
            breaker.alive(&mut standing, &settings, now);
            let limit = RateLimit { retry_after_us: said_us, again: false };
            breaker.rate_limited(&mut standing, limit, &settings, now);
            assert_eq!(standing.out_until_us - now, expected[0], "{said_us:?}");
        }
    }
}

//! The retry budget (E1): repeats, hedges and further moves may be at most a share of recent
//! traffic. A budget rather than a count per request, because in an outage every request would use
//! its full count and multiply the load just when the fleet can bear it least.

/// Seconds of traffic the share is taken of.
const WINDOW_SECONDS: u64 = 10;
/// One bucket a second.
const BUCKETS: usize = 10;
/// Per cent of the requests in the window.
const SHARE_PERCENT: u64 = 20;
/// Granted however little traffic there is, per second.
const FLOOR_PER_SECOND: u64 = 10;

#[derive(Debug, Clone, Copy, Default)]
struct Second {
    number: u64,
    requests: u64,
    spent: u64,
}

#[derive(Debug, Default)]
pub struct RetryBudget {
    seconds: [Second; BUCKETS],
}

impl RetryBudget {
    /// Counts one incoming request.
    pub fn request(&mut self, now_us: u64) {
        self.current(now_us).requests += 1;
    }

    /// Spends one retry if the budget has one left.
    pub fn spend(&mut self, now_us: u64) -> bool {
        let oldest = (now_us / 1_000_000).saturating_sub(WINDOW_SECONDS - 1);
        let recent = self.seconds.iter().filter(|second| second.number >= oldest);
        let (requests, spent) = recent.fold((0, 0), |(requests, spent), second| {
            (requests + second.requests, spent + second.spent)
        });
        let granted = (requests * SHARE_PERCENT / 100).max(FLOOR_PER_SECOND * WINDOW_SECONDS);
        let allowed = spent < granted;
        if allowed {
            self.current(now_us).spent += 1;
        }
        allowed
    }

    #[allow(clippy::indexing_slicing)] // the remainder is below the length
    fn current(&mut self, now_us: u64) -> &mut Second {
        let number = now_us / 1_000_000;
        let second = &mut self.seconds[usize::try_from(number).unwrap_or(0) % BUCKETS];
        if second.number != number {
            *second = Second { number, ..Second::default() };
        }
        second
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_router_still_has_ten_a_second() {
        let mut budget = RetryBudget::default();
        assert_eq!((0..1_000).filter(|_| budget.spend(5_000_000)).count(), 100);
    }

    #[test]
    fn a_busy_router_has_a_fifth_of_its_traffic() {
        let mut budget = RetryBudget::default();
        for _ in 0..10_000 {
            budget.request(5_000_000);
        }
        assert_eq!((0..10_000).filter(|_| budget.spend(5_000_000)).count(), 2_000);
    }

    #[test]
    fn what_was_spent_is_forgotten_after_the_window() {
        let mut budget = RetryBudget::default();
        while budget.spend(5_000_000) {}
        assert!(!budget.spend(14_999_999));
        assert!(budget.spend(15_000_000));
    }
}

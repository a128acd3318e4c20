//! The retry budget (E1): repeats, hedges and further moves may be at most a share of recent
//! traffic. A budget rather than a count per request, because in an outage every request would use
//! its full count and multiply the load just when the fleet can bear it least.

use super::traffic::Traffic;

/// Seconds of traffic the share is taken of, one bucket each.
const WINDOW_SECONDS: usize = 10;
/// Per cent of the requests in the window.
const SHARE_PERCENT: u64 = 20;
/// Granted however little traffic there is, per second.
const FLOOR_PER_SECOND: u64 = 10;

#[derive(Debug, Default)]
pub struct RetryBudget {
    traffic: Traffic<WINDOW_SECONDS, 1_000_000>,
}

impl RetryBudget {
    /// Counts one incoming request.
    pub fn request(&mut self, now_us: u64) {
        self.traffic.request(now_us);
    }

    /// Spends one retry if the budget has one left.
    pub fn spend(&mut self, now_us: u64) -> bool {
        let (requests, spent) = self.traffic.counts(now_us);
        let floor = FLOOR_PER_SECOND * WINDOW_SECONDS as u64;
        let allowed = spent < (requests * SHARE_PERCENT / 100).max(floor);
        if allowed {
            self.traffic.take(now_us);
        }
        allowed
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

//! Reserved slots. A permit is released exactly once: by its outcome, by its own expiry, or never
//! again after either.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use rustc_hash::FxHashMap;

use super::spending::SetAside;
use crate::outcome::Outcome;

/// How many ended permits are remembered, to tell a duplicate report from an unknown one.
const REMEMBERED: usize = 16_384;

/// What a permit holds: slots of the state, not indexes of a table, so a reload misplaces nothing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reservation {
    pub deployment: usize,
    pub provider: usize,
    /// Number of the decision it belongs to.
    pub decision: u64,
    pub begun_us: u64,
    pub expires_us: u64,
    pub stream: bool,
    pub whole: bool,
    /// Its first token has been told of.
    pub first_token_seen: bool,
    /// Money, where budgets limit it.
    pub money: Option<SetAside>,
    pub probes: Probes,
}

impl Reservation {
    /// Whether any of an answer came.
    #[must_use]
    pub fn has_begun(&self, outcome: &Outcome) -> bool {
        self.first_token_seen || outcome.ttft_us.is_some()
    }
}

/// What half-open things a request tests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Probes {
    pub deployment: bool,
    pub provider: bool,
}

/// What became of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reported {
    Accepted,
    Duplicate,
    Expired,
    Unknown,
}

impl Reported {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Duplicate => "duplicate",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
        }
    }
}

/// How a permit ended.
#[derive(Debug)]
enum Ended {
    Reported,
    /// With what it held, until somebody says late how that went.
    Expired(Option<Reservation>),
}

/// Why there is nothing to end.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Gone {
    Duplicate,
    Unknown,
    /// Its slot was given back when its time was up; what came of it can still be learnt, once.
    Expired(Option<Reservation>),
}

#[derive(Debug, Default)]
pub struct Permits {
    last: u64,
    live: FxHashMap<u64, Reservation>,
    expiries: BinaryHeap<Reverse<(u64, u64)>>,
    ended: FxHashMap<u64, Ended>,
    ended_order: VecDeque<u64>,
}

impl Permits {
    pub fn issue(&mut self, reservation: Reservation) -> u64 {
        self.last += 1;
        self.live.insert(self.last, reservation);
        self.expiries.push(Reverse((reservation.expires_us, self.last)));
        self.last
    }

    /// A live permit's reservation.
    pub fn get_mut(&mut self, permit: u64) -> Option<&mut Reservation> {
        self.live.get_mut(&permit)
    }

    /// What a permit holds, or held until it expired, if that was not reported yet.
    #[must_use]
    pub fn reservation(&self, permit: u64) -> Option<&Reservation> {
        self.live.get(&permit).or_else(|| match self.ended.get(&permit)? {
            Ended::Expired(held) => held.as_ref(),
            Ended::Reported => None,
        })
    }

    /// Ends a live permit.
    pub fn end(&mut self, permit: u64) -> Result<Reservation, Gone> {
        if let Some(reservation) = self.live.remove(&permit) {
            self.remember(permit, Ended::Reported);
            return Ok(reservation);
        }
        match self.ended.get_mut(&permit) {
            Some(Ended::Reported) => Err(Gone::Duplicate),
            Some(Ended::Expired(held)) => Err(Gone::Expired(held.take())),
            None => Err(Gone::Unknown),
        }
    }

    /// Ends and returns the permits whose time is up.
    pub fn expire(&mut self, now_us: u64) -> Vec<(u64, Reservation)> {
        let mut expired = Vec::new();
        while let Some(Reverse((expires_us, permit))) = self.expiries.peek().copied() {
            if expires_us > now_us {
                break;
            }
            self.expiries.pop();
            if let Some(reservation) = self.live.remove(&permit) {
                self.remember(permit, Ended::Expired(Some(reservation)));
                expired.push((permit, reservation));
            }
        }
        self.compact();
        expired
    }

    fn remember(&mut self, permit: u64, ended: Ended) {
        self.ended.insert(permit, ended);
        self.ended_order.push_back(permit);
        if self.ended_order.len() > REMEMBERED {
            if let Some(oldest) = self.ended_order.pop_front() {
                self.ended.remove(&oldest);
            }
        }
    }

    /// Ended permits stay in the heap until their expiry; without this a day of short requests with
    /// a long expiry would grow it.
    fn compact(&mut self) {
        if self.expiries.len() > 1_024 && self.expiries.len() > 4 * self.live.len() {
            let live = &self.live;
            self.expiries.retain(|Reverse((_, permit))| live.contains_key(permit));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(expires_us: u64) -> Reservation {
        Reservation {
            deployment: 0,
            provider: 0,
            decision: 0,
            begun_us: 0,
            expires_us,
            stream: false,
            whole: true,
            first_token_seen: false,
            money: None,
            probes: Probes::default(),
        }
    }

    #[test]
    fn a_permit_ends_once() {
        let mut permits = Permits::default();
        let permit = permits.issue(slot(10));
        assert!(permits.end(permit).is_ok());
        assert_eq!(permits.end(permit), Err(Gone::Duplicate));
        assert_eq!(permits.end(99), Err(Gone::Unknown));
        assert!(permits.expire(100).is_empty());
    }

    #[test]
    fn a_forgotten_permit_expires_by_itself() {
        let mut permits = Permits::default();
        let permit = permits.issue(slot(10));
        assert!(permits.expire(9).is_empty());
        assert_eq!(permits.expire(10).len(), 1);
        assert_eq!(permits.end(permit), Err(Gone::Expired(Some(slot(10)))));
        assert_eq!(permits.end(permit), Err(Gone::Expired(None)));
    }

    #[test]
    fn ended_permits_do_not_pile_up() {
        let mut permits = Permits::default();
        for _ in 0..100_000 {
            let permit = permits.issue(slot(u64::MAX));
            assert!(permits.end(permit).is_ok());
            permits.expire(0);
        }
        assert!(permits.expiries.len() <= 1_025);
        assert!(permits.ended.len() <= REMEMBERED);
    }
}

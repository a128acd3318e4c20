//! The tallies of the budgets on cloud spending (S5): what the day and each caller have spent, what is
//! set aside for requests under way, and how much of the traffic fell back to the cloud.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::traffic::{Bucket, Traffic};
use crate::allowance::{Allowance, Budgets, Demand, Purse, Spender, FALLBACK_STEP_US};
use crate::outcome::{Outcome, OutcomeClass};
use crate::price::{Price, Usd};

/// Callers with a tally of their own. All further ones share one until the day ends, so that made-up
/// names neither grow memory nor push anybody's tally out.
const MOST_CALLERS: usize = 10_000;
/// The tally that is shared.
const OTHERS: usize = 0;
/// Ten minutes of traffic, by which the fallback share is judged.
const FALLBACK_BUCKETS: usize = 60;
/// Fallbacks to the cloud in the window that a share above 0 always allows.
const FALLBACK_FLOOR: u64 = 10;
const DAY_US: u64 = 86_400_000_000;

#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    spent: Usd,
    set_aside: Usd,
}

impl Tally {
    fn purse(self, limit: Option<Usd>) -> Purse {
        Purse { limit, spent: self.spent, set_aside: self.set_aside }
    }
}

/// What is set aside for one attempt on a cloud deployment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SetAside {
    day: u64,
    /// Place of the caller's tally.
    caller: usize,
    demand: Demand,
    price: Price,
}

impl SetAside {
    fn estimate(&self) -> Usd {
        self.demand.cost(&self.price)
    }

    /// What an attempt is taken to have cost. A provider that refused it, or was never reached, bills
    /// nothing. For the rest what is not known stays as it was estimated: a caller that leaves and a
    /// provider that counts no tokens must not make an answer free.
    fn cost(&self, outcome: &Outcome, begun: bool) -> Usd {
        if !begun && bills_nothing(outcome.class) {
            return Usd::ZERO;
        }
        self.price.cost(
            outcome.prompt_tokens.unwrap_or(self.demand.prompt_tokens),
            outcome.completion_tokens.unwrap_or(self.demand.answer_tokens),
        )
    }
}

/// Ends of attempts that failed before any of an answer.
fn bills_nothing(class: OutcomeClass) -> bool {
    !matches!(
        class,
        OutcomeClass::Success
            | OutcomeClass::Cancelled
            | OutcomeClass::Deadline
            | OutcomeClass::StreamBroken
            | OutcomeClass::Diverged
    )
}

#[derive(Debug)]
pub struct Spending {
    /// Days since the epoch, UTC.
    day: u64,
    total: Tally,
    /// `OTHERS`, then one for each name in `slots`.
    callers: Vec<Tally>,
    slots: FxHashMap<String, usize>,
    fallbacks: Traffic<FALLBACK_BUCKETS, FALLBACK_STEP_US>,
}

impl Default for Spending {
    fn default() -> Self {
        Self {
            day: 0,
            total: Tally::default(),
            callers: vec![Tally::default()],
            slots: FxHashMap::default(),
            fallbacks: Traffic::default(),
        }
    }
}

impl Spending {
    // ── Looking ─────────────────────────────────────────────────────────────────────────────────

    /// What the budgets leave to a request.
    #[must_use]
    pub fn allowance(&self, budgets: &Budgets, spender: &Spender, now_us: u64) -> Allowance {
        let (day, caller) = if self.is_over(now_us) {
            (Tally::default(), Tally::default())
        } else {
            (self.total, self.of_caller(&spender.caller))
        };
        let closed = |share: &f64| !self.fallback_is_open(*share, now_us);
        Allowance {
            demand: spender.demand,
            home: spender.home,
            day: day.purse(budgets.per_day),
            caller: caller.purse(budgets.of_caller(&spender.caller)),
            fallback_closed: budgets.fallback_share.filter(closed),
            now_us,
            midnight_us: midnight_us(now_us),
        }
    }

    /// The tallies that a request of this caller is judged by.
    #[must_use]
    pub fn tallies(&self, caller: &str, now_us: u64) -> Tallies {
        let of_caller = self.of_caller(caller);
        let (requests, fallbacks) = self.fallbacks.counts(now_us);
        Tallies {
            day: self.day,
            spent: self.total.spent,
            set_aside: self.total.set_aside,
            caller_spent: of_caller.spent,
            caller_set_aside: of_caller.set_aside,
            requests,
            fallbacks,
        }
    }

    fn of_caller(&self, caller: &str) -> Tally {
        let slot = match self.slots.get(caller) {
            Some(slot) => *slot,
            None if self.slots.len() < MOST_CALLERS => return Tally::default(),
            None => OTHERS,
        };
        self.callers.get(slot).copied().unwrap_or_default()
    }

    fn fallback_is_open(&self, share: f64, now_us: u64) -> bool {
        let (requests, taken) = self.fallbacks.counts(now_us);
        // Below the number of requests, so it fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let allowed = (share * requests as f64) as u64;
        taken < allowed.max(if share > 0.0 { FALLBACK_FLOOR } else { 0 })
    }

    fn is_over(&self, now_us: u64) -> bool {
        now_us / DAY_US > self.day
    }

    // ── Counting ────────────────────────────────────────────────────────────────────────────────

    /// Counts one incoming request.
    pub fn request(&mut self, now_us: u64) {
        self.fallbacks.request(now_us);
    }

    /// Counts an attempt that fallback took to the cloud.
    pub fn fell_back(&mut self, now_us: u64) {
        self.fallbacks.take(now_us);
    }

    /// Sets aside what an attempt may cost; `None` where it costs nothing.
    pub fn set_aside(&mut self, spender: &Spender, price: Price, now_us: u64) -> Option<SetAside> {
        if price.is_free() {
            return None;
        }
        if self.is_over(now_us) {
            self.begin_day(now_us / DAY_US);
        }
        let caller = self.slot(&spender.caller);
        let aside = SetAside { day: self.day, caller, demand: spender.demand, price };
        let estimate = aside.estimate();
        self.change(&aside, |tally| tally.set_aside = tally.set_aside.plus(estimate));
        Some(aside)
    }

    /// An attempt ended: what it cost takes the place of what was set aside. `begun` says that some of
    /// its answer came.
    pub fn settle(&mut self, aside: &SetAside, outcome: &Outcome, begun: bool) {
        self.spend(aside, aside.cost(outcome, begun));
    }

    /// Nobody said how an attempt ended: it is taken to have cost what was estimated.
    pub fn expire(&mut self, aside: &SetAside) {
        self.spend(aside, aside.estimate());
    }

    /// Somebody says so after all.
    pub fn correct(&mut self, aside: &SetAside, outcome: &Outcome, begun: bool) {
        let (estimate, cost) = (aside.estimate(), aside.cost(outcome, begun));
        self.change(aside, |tally| tally.spent = tally.spent.minus(estimate).plus(cost));
    }

    fn spend(&mut self, aside: &SetAside, cost: Usd) {
        let estimate = aside.estimate();
        self.change(aside, |tally| {
            tally.set_aside = tally.set_aside.minus(estimate);
            tally.spent = tally.spent.plus(cost);
        });
    }

    /// An attempt counts for the day it began on; once that is over, nothing is left to change.
    fn change(&mut self, aside: &SetAside, change: impl Fn(&mut Tally)) {
        if aside.day == self.day {
            change(&mut self.total);
            self.callers.get_mut(aside.caller).into_iter().for_each(change);
        }
    }

    fn begin_day(&mut self, day: u64) {
        let fallbacks = std::mem::take(&mut self.fallbacks);
        *self = Self { day, fallbacks, ..Self::default() };
    }

    fn slot(&mut self, caller: &str) -> usize {
        if let Some(slot) = self.slots.get(caller) {
            return *slot;
        }
        if self.slots.len() >= MOST_CALLERS {
            return OTHERS;
        }
        self.callers.push(Tally::default());
        self.slots.insert(caller.to_owned(), self.callers.len() - 1);
        self.callers.len() - 1
    }

    // ── Telling ─────────────────────────────────────────────────────────────────────────────────

    /// The day's tally and those of the callers with one of their own, the largest spender first.
    #[must_use]
    pub fn purses(&self, budgets: &Budgets, now_us: u64) -> (Purse, Vec<(&str, Purse)>) {
        if self.is_over(now_us) {
            return (Tally::default().purse(budgets.per_day), Vec::new());
        }
        let named = self.slots.iter().filter_map(|(name, slot)| {
            let tally = self.callers.get(*slot)?;
            Some((name.as_str(), tally.purse(budgets.of_caller(name))))
        });
        let mut callers: Vec<(&str, Purse)> = named.collect();
        callers.sort_by(|(a, one), (b, other)| other.spent.cmp(&one.spent).then(a.cmp(b)));
        (self.total.purse(budgets.per_day), callers)
    }

    /// Requests in the last ten minutes, and the attempts of fallback in the cloud.
    #[must_use]
    pub fn fallbacks(&self, now_us: u64) -> (u64, u64) {
        self.fallbacks.counts(now_us)
    }

    /// What is set aside counts as spent: whoever loads this gives nothing back.
    #[must_use]
    pub fn figures(&self) -> SpendingFigures {
        let spent = |tally: &Tally| tally.spent.plus(tally.set_aside);
        let named = self.slots.iter().filter_map(|(name, slot)| {
            self.callers.get(*slot).map(|tally| (name.clone(), spent(tally)))
        });
        SpendingFigures {
            day: self.day,
            spent_nano_usd: spent(&self.total),
            callers_nano_usd: named.collect(),
            other_callers_nano_usd: self.callers.get(OTHERS).map(spent).unwrap_or_default(),
            fallbacks: self.fallbacks.buckets(),
        }
    }

    /// Takes exactly these, as a decision for this caller found them at this time.
    pub fn recall(&mut self, tallies: &Tallies, caller: &str, now_us: u64) {
        self.begin_day(tallies.day);
        self.total = Tally { spent: tallies.spent, set_aside: tallies.set_aside };
        let slot = self.slot(caller);
        let of_caller = Tally { spent: tallies.caller_spent, set_aside: tallies.caller_set_aside };
        self.callers.get_mut(slot).into_iter().for_each(|own| *own = of_caller);
        let number = now_us / FALLBACK_STEP_US;
        let bucket = Bucket { number, requests: tallies.requests, taken: tallies.fallbacks };
        self.fallbacks.restore(&[bucket]);
    }

    pub fn restore(&mut self, figures: &SpendingFigures) {
        let tally = |spent: Usd| Tally { spent, set_aside: Usd::ZERO };
        self.begin_day(figures.day);
        self.total = tally(figures.spent_nano_usd);
        self.callers = vec![tally(figures.other_callers_nano_usd)];
        for (name, spent) in &figures.callers_nano_usd {
            let slot = self.slot(name);
            self.callers
                .get_mut(slot)
                .into_iter()
                .for_each(|own| own.spent = own.spent.plus(*spent));
        }
        self.fallbacks.restore(&figures.fallbacks);
    }
}

/// What a recorded decision was judged by; money in billionths of a US dollar.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tallies {
    /// Days since the epoch, UTC.
    pub day: u64,
    pub spent: Usd,
    pub set_aside: Usd,
    pub caller_spent: Usd,
    pub caller_set_aside: Usd,
    /// Of the last ten minutes, with the attempts of fallback in the cloud among them.
    pub requests: u64,
    pub fallbacks: u64,
}

/// The end of the day.
#[must_use]
pub fn midnight_us(now_us: u64) -> u64 {
    (now_us / DAY_US + 1) * DAY_US
}

/// The tallies as a snapshot holds them; money in billionths of a US dollar.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SpendingFigures {
    /// Days since the epoch, UTC.
    pub day: u64,
    pub spent_nano_usd: Usd,
    pub callers_nano_usd: BTreeMap<String, Usd>,
    pub other_callers_nano_usd: Usd,
    /// By ten seconds: requests, and attempts of fallback in the cloud.
    pub fallbacks: Vec<Bucket>,
}

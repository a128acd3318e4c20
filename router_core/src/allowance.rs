//! What the budgets on cloud spending (S5) leave to one request: money for the day and for its caller,
//! and room for fallback to the cloud. Reads only; `state::spending` keeps the tallies.

use std::collections::BTreeMap;
use std::fmt;

use crate::facts::{Facts, Features};
use crate::price::{Price, Usd};
use crate::table::{DeploymentId, Provider};

/// Who asks where nobody says so.
const ANONYMOUS: &str = "anonymous";
/// What is short only because others' requests are under way may be there again after this long,
/// microseconds.
const SOON_US: u64 = 1_000_000;
/// The window of the fallback share moves on in steps of this, microseconds.
pub const FALLBACK_STEP_US: u64 = 10_000_000;

/// The limits, from the section `budgets`.
#[derive(Debug, Clone, PartialEq)]
pub struct Budgets {
    pub per_day: Option<Usd>,
    /// For each caller that `callers` does not name.
    pub per_caller: Option<Usd>,
    pub callers: BTreeMap<String, Usd>,
    /// Most of the requests, 0…1, that fallback may take to the cloud.
    pub fallback_share: Option<f64>,
    /// Tokens of an answer whose request sets no limit to it.
    pub answer_tokens: u32,
}

impl Budgets {
    #[must_use]
    pub fn of_caller(&self, caller: &str) -> Option<Usd> {
        self.callers.get(caller).copied().or(self.per_caller)
    }
}

/// The most that a request is likely to use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Demand {
    pub prompt_tokens: u32,
    pub answer_tokens: u32,
}

impl Demand {
    #[must_use]
    pub fn of(facts: &Facts, budgets: &Budgets) -> Self {
        let each = facts.max_tokens.unwrap_or(budgets.answer_tokens);
        let embeds = facts.features.contains(Features::EMBEDDINGS);
        Self {
            prompt_tokens: facts.prompt_tokens,
            answer_tokens: if embeds { 0 } else { each.saturating_mul(facts.answers.max(1)) },
        }
    }

    #[must_use]
    pub fn cost(&self, price: &Price) -> Usd {
        price.cost(self.prompt_tokens, self.answer_tokens)
    }
}

/// Where in the cloud a request belongs by rule; anywhere else there it is a fallback.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Home {
    /// Nowhere: in an idle and healthy fleet it would begin on a local deployment.
    Local,
    /// Wherever it begins.
    Cloud,
    /// Where it began.
    On(DeploymentId),
}

impl Home {
    /// Whether a cloud deployment would be a fallback.
    #[must_use]
    pub fn is_away(self, deployment: DeploymentId) -> bool {
        match self {
            Self::Local => true,
            Self::Cloud => false,
            Self::On(home) => home != deployment,
        }
    }
}

/// Who spends on a request, how much at most, and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spender {
    pub caller: String,
    pub demand: Demand,
    pub home: Home,
}

impl Spender {
    #[must_use]
    pub fn of(facts: &Facts, budgets: &Budgets, home: Home) -> Self {
        Self { caller: caller(facts).to_owned(), demand: Demand::of(facts, budgets), home }
    }
}

/// Whose budget a request counts for.
#[must_use]
pub fn caller(facts: &Facts) -> &str {
    facts.principal.as_deref().unwrap_or(ANONYMOUS)
}

/// What one budget holds now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purse {
    pub limit: Option<Usd>,
    pub spent: Usd,
    /// For requests under way.
    pub set_aside: Usd,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Allowance {
    pub demand: Demand,
    pub home: Home,
    pub day: Purse,
    pub caller: Purse,
    /// The limit on fallback to the cloud, where it is reached.
    pub fallback_closed: Option<f64>,
    pub now_us: u64,
    /// The end of the budgets' day.
    pub midnight_us: u64,
}

/// Whose money is short.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    Day,
    Caller,
}

/// Why a cloud deployment is out of reach.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shortfall {
    Money {
        whose: Whose,
        purse: Purse,
        limit: Usd,
        cost: Usd,
        /// When there may be enough; `None` is never.
        until_us: Option<u64>,
    },
    Fallback {
        share: f64,
        until_us: u64,
    },
}

impl Allowance {
    /// What stands between the request and a deployment, if anything does.
    #[must_use]
    pub fn refuse(&self, provider: &Provider, deployment: DeploymentId) -> Option<Shortfall> {
        if !provider.is_in_cloud() {
            return None;
        }
        let closed = self.fallback_closed.filter(|_| self.home.is_away(deployment));
        if let Some(share) = closed {
            return Some(Shortfall::Fallback { share, until_us: self.now_us + FALLBACK_STEP_US });
        }
        let cost = self.demand.cost(&provider.price);
        self.short(Whose::Day, self.day, cost)
            .or_else(|| self.short(Whose::Caller, self.caller, cost))
    }

    fn short(&self, whose: Whose, purse: Purse, cost: Usd) -> Option<Shortfall> {
        let limit = purse.limit?;
        if cost == Usd::ZERO || purse.spent.plus(purse.set_aside).plus(cost) <= limit {
            return None;
        }
        let until_us = match cost {
            cost if cost > limit => None,
            cost if purse.spent.plus(cost) > limit => Some(self.midnight_us),
            _ => Some(self.now_us + SOON_US),
        };
        Some(Shortfall::Money { whose, purse, limit, cost, until_us })
    }
}

impl Shortfall {
    /// When asking again may help; `None` is never.
    #[must_use]
    pub fn until_us(&self) -> Option<u64> {
        match self {
            Self::Money { until_us, .. } => *until_us,
            Self::Fallback { until_us, .. } => Some(*until_us),
        }
    }
}

/// The reason in plain words.
impl fmt::Display for Shortfall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whose, purse, limit, cost) = match self {
            Self::Money { whose, purse, limit, cost, .. } => (whose, purse, limit, cost),
            Self::Fallback { share, .. } => {
                let percent = (share * 1e4).round() / 1e2;
                return write!(
                    f,
                    "fallback to the cloud is at its limit of {percent} % of requests"
                );
            }
        };
        let budget = match whose {
            Whose::Day => "the day's cloud budget",
            Whose::Caller => "the caller's cloud budget for the day",
        };
        let unspent = limit.minus(purse.spent);
        if cost > limit {
            write!(f, "the request may cost {cost}, more than {budget} of {limit}")
        } else if unspent == Usd::ZERO {
            write!(f, "{budget} of {limit} is spent until 00:00 UTC")
        } else if *cost > unspent {
            write!(f, "the request may cost {cost} and {budget} of {limit} has {unspent} left until 00:00 UTC")
        } else {
            let set_aside = purse.set_aside;
            write!(f, "the request may cost {cost} and {budget} of {limit} has {unspent} left, of which requests under way may cost {set_aside}")
        }
    }
}

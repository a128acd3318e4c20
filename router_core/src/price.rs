//! What a provider charges, and money.

use std::fmt;

use serde::{Deserialize, Serialize};

/// US dollars in whole billionths, so that sums are exact and what is set aside can be given back to
/// the last digit. Arithmetic stops at both ends of the range.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Usd(u64);

const BILLIONTHS: f64 = 1e9;

impl Usd {
    pub const ZERO: Self = Self(0);

    /// Rounded up, so that many small costs are never taken for nothing.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates, as wanted
    pub fn of_dollars(dollars: f64) -> Self {
        Self((dollars * BILLIONTHS).ceil() as u64)
    }

    #[must_use]
    pub fn dollars(self) -> f64 {
        self.0 as f64 / BILLIONTHS
    }

    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

/// At least two decimals, at most six.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.6}", self.dollars());
        let least = text.find('.').map_or(text.len(), |point| point + 3);
        let kept = text.trim_end_matches('0').len().max(least);
        write!(f, "{} USD", text.get(..kept).unwrap_or(&text))
    }
}

/// In US dollars. Where token prices are given they stand in place of the price of a request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Price {
    pub usd_per_request: f64,
    pub usd_per_1k_prompt_tokens: f64,
    pub usd_per_1k_completion_tokens: f64,
}

impl Price {
    /// The cost of one request with these tokens, US dollars.
    #[must_use]
    pub fn cost_usd(&self, prompt_tokens: u32, completion_tokens: u32) -> f64 {
        let prompt = self.usd_per_1k_prompt_tokens * f64::from(prompt_tokens);
        let completion = self.usd_per_1k_completion_tokens * f64::from(completion_tokens);
        if self.usd_per_1k_prompt_tokens > 0.0 || self.usd_per_1k_completion_tokens > 0.0 {
            (prompt + completion) / 1_000.0
        } else {
            self.usd_per_request
        }
    }

    /// The same as money that can be added up.
    #[must_use]
    pub fn cost(&self, prompt_tokens: u32, completion_tokens: u32) -> Usd {
        Usd::of_dollars(self.cost_usd(prompt_tokens, completion_tokens))
    }

    #[must_use]
    pub fn is_free(&self) -> bool {
        *self == Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn token_prices_stand_in_place_of_the_price_of_a_request() {
        let mut price = Price { usd_per_request: 0.025, ..Price::default() };
        assert!((price.cost_usd(1_000, 1_000) - 0.025).abs() < 1e-12);
        price.usd_per_1k_prompt_tokens = 0.001;
        price.usd_per_1k_completion_tokens = 0.002;
        assert!((price.cost_usd(1_000, 2_000) - 0.005).abs() < 1e-12);
    }

    #[test]
    fn the_smallest_cost_is_more_than_nothing() {
        let price = Price { usd_per_1k_prompt_tokens: 1e-9, ..Price::default() };
        assert!(price.cost(1, 0) > Usd::ZERO);
        assert_eq!(Usd::of_dollars(f64::MAX).plus(Usd::of_dollars(1.0)), Usd(u64::MAX));
        assert_eq!(Usd::ZERO.minus(Usd::of_dollars(1.0)), Usd::ZERO);
    }

    #[test]
    fn money_is_told_in_cents_and_finer_where_it_is_finer() {
        let told = |dollars: f64| Usd::of_dollars(dollars).to_string();
        assert_eq!(told(5.0), "5.00 USD");
        assert_eq!(told(0.025), "0.025 USD");
        assert_eq!(told(120.0), "120.00 USD");
        assert_eq!(told(0.000_001), "0.000001 USD");
    }
}

//! What a provider charges.

use serde::{Deserialize, Serialize};

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
}

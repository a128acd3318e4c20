//! What strategies can be told, router-wide and by each capability and pool: the narrower wins.

use super::Draft;
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::rules::ParametersEntry;
use crate::config::schema::scalars::Weight;
use crate::config::schema::settings::{FactorShares, WeightFactors as Written};
use crate::strategy::WeightFactors;
use crate::table::StrategyParameters;

impl Draft {
    /// The parameters of one capability or pool; what it does not name is the router's own.
    pub(super) fn parameters(
        &mut self,
        entry: Option<&ParametersEntry>,
        at: &Pointer,
    ) -> StrategyParameters {
        let standard = self.table.settings.parameters;
        let Some(entry) = entry else {
            return standard;
        };
        let at = at.key("weight_factors");
        StrategyParameters {
            saturation_threshold: entry
                .saturation_threshold
                .unwrap_or(standard.saturation_threshold),
            context_threshold: entry.context_threshold.unwrap_or(standard.context_threshold),
            by_complexity: entry.complexity_detection.is_some(),
            exploration: entry.exploration.unwrap_or(standard.exploration),
            weight_factors: entry
                .weight_factors
                .as_ref()
                .map_or(standard.weight_factors, |written| self.weight_factors(written, &at)),
        }
    }

    /// Scaled to add up to 1; a factor left out is 0.
    pub(super) fn weight_factors(&mut self, written: &Written, at: &Pointer) -> WeightFactors {
        let shares = match written {
            Written::Shares(shares) => shares,
            Written::Names(_) => {
                let message = "a list of names says no shares: the default ones are used";
                let found = Diagnostic::warning("unused-key", at, message).about("weight_factors");
                self.report
                    .add(found.suggest("write `{latency: 0.4, success_rate: 0.4, cost: 0.2}`"));
                return WeightFactors::default();
            }
        };
        factors(shares).normalised().unwrap_or_else(|| {
            self.error("out-of-range", at, "every factor is 0; at least one must count");
            WeightFactors::default()
        })
    }
}

fn factors(shares: &FactorShares) -> WeightFactors {
    let share = |weight: Option<Weight>| weight.map_or(0.0, Weight::written);
    WeightFactors {
        latency: share(shares.latency),
        success_rate: share(shares.success_rate),
        cost: share(shares.cost),
    }
}

//! What an analysis takes for granted beside the config: times, tokens, traffic, what is down. One mistake in
//! it is told at a time, for it is written on a command line.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::resolve::closest;
use crate::table::Table;

/// Most states drawn in one cross-check: seconds of work for a large config.
pub const MOST_SAMPLES: u64 = 10_000_000;
/// Of any other figure: past all that is meant, and products of two of them are still finite.
const MOST: f64 = 1e12;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Assumptions {
    /// Until an attempt at a provider that is down has failed.
    pub failed_hop_ms: f64,
    pub prompt_tokens: u32,
    pub answer_tokens: u32,
    pub requests_per_month: f64,
    /// Share of the requests that fall back to a priced deployment.
    pub fallback_rate: f64,
    pub fallback_usd: f64,
    /// Weights of public models; those left out are not asked for. Empty: all alike.
    pub traffic: BTreeMap<String, f64>,
    /// Providers, failure domains and locations that are down.
    pub down: Vec<String>,
    /// States drawn for the cross-check; `None` leaves it out.
    pub monte_carlo: Option<u64>,
    pub seed: u64,
    /// Requests a second of all models together; `None` leaves queues out.
    pub rate_per_s: Option<f64>,
    /// How long a request holds a slot, seconds; `None` derives it from each provider's prior.
    pub service_s: Option<f64>,
    /// Share of its capacity that a provider should stay below.
    pub utilisation: f64,
}

impl Default for Assumptions {
    fn default() -> Self {
        Self {
            failed_hop_ms: 2_100.0,
            prompt_tokens: 200,
            answer_tokens: 150,
            requests_per_month: 1e6,
            fallback_rate: 0.03,
            fallback_usd: 0.025,
            traffic: BTreeMap::new(),
            down: Vec::new(),
            monte_carlo: None,
            seed: 1,
            rate_per_s: None,
            service_s: None,
            utilisation: 0.7,
        }
    }
}

impl Assumptions {
    /// Reads and checks assumptions given as JSON; what is left out has its default. `Err` says what
    /// is wrong and what to write instead.
    pub fn read(text: &[u8], table: &Table) -> Result<Self, String> {
        let read: Self = serde_json::from_slice(text).map_err(|error| error.to_string())?;
        read.check_figures()?;
        read.check_traffic(table)?;
        read.down.iter().try_for_each(|name| check_place(table, name))?;
        Ok(read)
    }

    fn check_figures(&self) -> Result<(), String> {
        let figures = [
            ("failed_hop_ms", Some(self.failed_hop_ms), 0.0, MOST),
            ("requests_per_month", Some(self.requests_per_month), 0.0, MOST),
            ("fallback_rate", Some(self.fallback_rate), 0.0, 1.0),
            ("fallback_usd", Some(self.fallback_usd), 0.0, MOST),
            ("rate_per_s", self.rate_per_s, f64::MIN_POSITIVE, MOST),
            ("service_s", self.service_s, f64::MIN_POSITIVE, MOST),
            ("utilisation", Some(self.utilisation), f64::MIN_POSITIVE, 1.0),
        ];
        for (name, figure, least, most) in figures {
            if figure.is_some_and(|figure| !(least..=most).contains(&figure)) {
                let above = if least > 0.0 { "above 0" } else { "0 or more" };
                return Err(format!("`{name}` must be {above}, at most {most}"));
            }
        }
        match self.monte_carlo {
            Some(samples) if !(1..=MOST_SAMPLES).contains(&samples) => {
                Err(format!("`monte_carlo` must be between 1 and {MOST_SAMPLES}"))
            }
            _ => Ok(()),
        }
    }

    fn check_traffic(&self, table: &Table) -> Result<(), String> {
        let public = || {
            let models = table.models.iter().map(|(_, model)| model);
            models.filter(|model| table.is_public(model)).map(|model| model.name.as_str())
        };
        for (name, weight) in &self.traffic {
            if !public().any(|known| known == name) {
                let known = closest(name, public()).join(", ");
                return Err(format!(
                    "traffic: no public model is called `{name}`; the closest are {known}"
                ));
            }
            if !(0.0..=MOST).contains(weight) {
                return Err(format!(
                    "traffic: the weight of `{name}` must be 0 or more, at most {MOST}"
                ));
            }
        }
        if !self.traffic.is_empty() && self.traffic.values().sum::<f64>() <= 0.0 {
            return Err("traffic: give at least one model a weight above 0".to_owned());
        }
        Ok(())
    }
}

fn check_place(table: &Table, name: &str) -> Result<(), String> {
    let places = || {
        table.providers.iter().flat_map(|(_, provider)| {
            [provider.id.as_str(), provider.failure_domain.as_str(), provider.location.as_str()]
        })
    };
    if places().any(|known| known == name) {
        return Ok(());
    }
    let mut known: Vec<&str> = places().collect();
    known.sort_unstable();
    known.dedup();
    let closest = closest(name, known.into_iter()).join(", ");
    Err(format!(
        "no provider, failure domain or location is called `{name}`; the closest are {closest}"
    ))
}

//! Single values of the config that carry a unit, a bound or a vocabulary of their own. Each is a type,
//! so that its rule is declared once for the schema and for the code.

use std::borrow::Cow;

use schemars::{json_schema, JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};

use crate::facts::Features;
use crate::price::Usd;
use crate::strategy::Strategy;

/// Longest time a config may name: a year.
const MAX_SECONDS: u32 = 31_536_000;
/// Other spellings of strategies: `LiteLLM`'s, and one of older files.
const STRATEGY_ALIASES: [&str; 6] = [
    "simple-shuffle",
    "least-busy",
    "usage-based-routing",
    "usage-based-routing-v2",
    "latency-based-routing",
    LOAD_BALANCE,
];
const LOAD_BALANCE: &str = "load_balance";

/// A time in seconds, fractions allowed.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Seconds(f64);

impl Seconds {
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the schema bounds both ends
    pub fn micros(self) -> u64 {
        (self.0 * 1e6).round() as u64
    }
}

impl JsonSchema for Seconds {
    fn schema_name() -> Cow<'static, str> {
        "Seconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": MAX_SECONDS, "x-unit": "seconds" })
    }
}

/// A deadline in seconds, fractions allowed, more than nothing.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Deadline(Seconds);

impl Deadline {
    #[must_use]
    pub fn micros(self) -> u64 {
        self.0.micros()
    }
}

impl JsonSchema for Deadline {
    fn schema_name() -> Cow<'static, str> {
        "Deadline".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "minimum": 0.001,
            "maximum": MAX_SECONDS,
            "x-unit": "seconds"
        })
    }
}

/// A time in whole milliseconds.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Milliseconds(u64);

impl Milliseconds {
    #[must_use]
    pub fn micros(self) -> u64 {
        self.0.saturating_mul(1_000)
    }
}

impl JsonSchema for Milliseconds {
    fn schema_name() -> Cow<'static, str> {
        "Milliseconds".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "minimum": 0,
            "maximum": u64::from(MAX_SECONDS) * 1_000,
            "x-unit": "milliseconds"
        })
    }
}

/// An amount of money in US dollars.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Dollars(f64);

impl Dollars {
    #[must_use]
    pub fn usd(self) -> Usd {
        Usd::of_dollars(self.0)
    }
}

impl JsonSchema for Dollars {
    fn schema_name() -> Cow<'static, str> {
        "Dollars".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "number",
            "minimum": 0,
            "maximum": 1_000_000_000,
            "x-unit": "US dollars"
        })
    }
}

/// A wanted share of traffic against the other members' shares.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
pub struct Weight(f64);

impl Weight {
    /// What stands for 0: never chosen while another can be, yet the sum of weights stays above 0.
    const NO_SHARE: f64 = 1e-9;

    #[must_use]
    pub fn share(self) -> f64 {
        self.0.max(Self::NO_SHARE)
    }

    /// As it is written, 0 included.
    #[must_use]
    pub fn written(self) -> f64 {
        self.0
    }

    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 <= 0.0
    }
}

impl JsonSchema for Weight {
    fn schema_name() -> Cow<'static, str> {
        "Weight".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "number", "minimum": 0, "maximum": 1_000_000 })
    }
}

/// A parameter count: `"671B"`, `"4.6B"`, or the plain number.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Size {
    Count(u64),
    Written(String),
}

impl JsonSchema for Size {
    fn schema_name() -> Cow<'static, str> {
        "Size".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [{ "type": "string" }, { "type": "integer", "minimum": 1 }] })
    }
}

/// The name of a strategy, `LiteLLM`'s names included.
#[derive(Debug, Clone, Copy)]
pub struct StrategyName(pub Strategy);

impl<'de> Deserialize<'de> for StrategyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        if name == LOAD_BALANCE {
            return Ok(Self(Strategy::LeastLoaded));
        }
        Strategy::parse(&name)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown strategy `{name}`")))
    }
}

impl JsonSchema for StrategyName {
    fn schema_name() -> Cow<'static, str> {
        "StrategyName".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = Strategy::json_schema(generator);
        if let Some(names) = schema.get_mut("enum").and_then(|names| names.as_array_mut()) {
            names.extend(STRATEGY_ALIASES.map(Into::into));
        }
        schema
    }
}

/// The name of one feature a provider or model offers.
#[derive(Debug, Clone, Copy)]
pub struct FeatureName(pub Features);

impl<'de> Deserialize<'de> for FeatureName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let written = String::deserialize(deserializer)?;
        Features::NAMES
            .iter()
            .find(|(_, name)| *name == written)
            .map(|(feature, _)| Self(*feature))
            .ok_or_else(|| serde::de::Error::custom(format!("unknown feature `{written}`")))
    }
}

impl JsonSchema for FeatureName {
    fn schema_name() -> Cow<'static, str> {
        "FeatureName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = Features::NAMES.iter().map(|(_, name)| *name).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

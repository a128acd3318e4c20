//! The section on policies: how severe each is, and which of its findings are accepted, with the reason.

use std::borrow::Cow;

use schemars::{json_schema, JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use super::containers::{Entries, Items};
use crate::policies::catalogue::{policy, Level, Policy, POLICIES};

/// What `check` looks for beyond mistakes.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct PoliciesEntry {
    /// By policy: error, warning or off.
    pub severity: Severities,
    /// Findings that are meant so. Each is told on request only; one that accepts nothing is a warning.
    pub accept: Items<AcceptEntry>,
}

/// A finding that is meant so.
#[derive(Debug, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub struct AcceptEntry {
    pub policy: PolicyName,
    /// What the finding is about: a model, a capability, a pattern, a size, a pool, a failure domain or
    /// a key.
    pub at: String,
    /// Why, in a sentence.
    pub reason: String,
}

/// Levels by the name of the policy.
#[derive(Debug, Default, Deserialize)]
pub struct Severities(Entries<Level>);

impl Severities {
    pub fn iter(&self) -> impl Iterator<Item = (&'static Policy, Level)> + '_ {
        self.0.valid().filter_map(|(name, level)| Some((policy(name)?, *level)))
    }
}

impl JsonSchema for Severities {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Severities".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut described = |policy: &Policy| {
            let text = match policy.fixed {
                Some(why) => format!("{} Always an error: without it {why}.", policy.asks),
                None => format!("{} Default: {}.", policy.asks, policy.level.as_str()),
            };
            let mut level = generator.subschema_for::<Level>();
            level.insert("description".to_owned(), text.into());
            level.to_value()
        };
        let members = POLICIES.iter().map(|policy| (policy.code.to_owned(), described(policy)));
        let properties: Map<String, Value> = members.collect();
        json_schema!({
            "type": ["object", "null"],
            "properties": properties,
            "additionalProperties": false,
        })
    }
}

/// The name of a policy.
#[derive(Debug, Clone, Copy)]
pub struct PolicyName(pub &'static Policy);

impl<'de> Deserialize<'de> for PolicyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        policy(&name)
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("unknown policy `{name}`")))
    }
}

impl JsonSchema for PolicyName {
    fn schema_name() -> Cow<'static, str> {
        "PolicyName".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let names: Vec<&str> = POLICIES.iter().map(|policy| policy.code).collect();
        json_schema!({ "type": "string", "enum": names })
    }
}

//! The config as it is written, declared once: serde builds it, schemars derives the schema that
//! validate.rs checks it by and editors complete it from.

pub mod chains;
pub mod containers;
pub mod experiments;
pub mod fleet;
pub mod policies;
pub mod rules;
pub mod scalars;
pub mod settings;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{json, Map, Value};

use crate::complexity::ComplexityParameters;
use chains::{ChainEntry, FallbackEntry};
use containers::{Entries, Items, Names};
use experiments::{ExperimentEntry, QueryClassesEntry};
use fleet::{ExactEntry, ModelEntry, ProviderEntry};
use policies::PoliciesEntry;
use rules::{CapabilityEntry, MetadataEntry, PatternEntry, PoolEntry, RedundancyEntry, SizeEntry};
use settings::{
    BudgetsEntry, ErrorBasedRouting, FirstRequestRouting, Metadata, RateLimitedFallback,
    RouterSettings, UnknownModel, UsageBased,
};

/// Keys of older files that may stand in any object and that nothing reads.
const LEGACY_KEYS: [&str; 7] = [
    "applicable_to",
    "measure",
    "weight_factors",
    "load_balance",
    "debug",
    "debug_router",
    "routing_metrics",
];

/// Where requests for language models go.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
#[serde(default)]
pub struct Document {
    /// Further files, relative to this one, whose sections are merged into this one's.
    pub include: Names,
    /// Servers requests can be sent to, by id. Default: the reference fleet's.
    pub providers: Entries<ProviderEntry>,
    /// Public models, by name. Default: the reference fleet's.
    pub models: Entries<ModelEntry>,
    /// Names that go to a provider as they are.
    pub exact_matches: Entries<ExactEntry>,
    /// Regular expressions over whole names; the first match in file order wins.
    pub patterns: Items<PatternEntry>,
    /// What a caller can ask for instead of a model.
    pub capabilities: Entries<CapabilityEntry>,
    /// Load-balancing groups.
    pub load_balancing: Entries<PoolEntry>,
    /// Wanted shares of a model's deployments.
    pub redundant_models: Entries<RedundancyEntry>,
    /// Where unknown names go, by the size they carry.
    pub model_size_routing: Items<SizeEntry>,
    /// Preferences among equals.
    pub request_metadata_routing: Entries<MetadataEntry>,
    /// Where a request goes when the chosen model fails.
    pub fallback_chains: Entries<ChainEntry>,
    /// The same as `LiteLLM` writes it.
    pub fallbacks: Items<FallbackEntry>,
    /// What happens to a name that no rule knows. Default: default.
    pub unknown_model: Option<UnknownModel>,
    /// Where unknown names go. Default: ollama, else the first active provider.
    pub default_provider: Option<String>,
    /// How hard a request is, as a number of tokens.
    pub complexity: ComplexityParameters,
    pub router_settings: RouterSettings,
    pub rate_limited_fallback: RateLimitedFallback,
    pub error_based_routing: ErrorBasedRouting,
    pub first_request_routing: FirstRequestRouting,
    pub usage_based: UsageBased,
    /// Limits on spending in the cloud.
    pub budgets: BudgetsEntry,
    /// Named A/B tests between models.
    pub experiments: Entries<ExperimentEntry>,
    /// How the queries of POST /v1/generate are classified, and which experiment serves them.
    pub query_classes: Option<QueryClassesEntry>,
    /// What `check` looks for beyond mistakes: how severe, and what is accepted.
    pub policies: PoliciesEntry,
    pub metadata: Metadata,
}

/// JSON Schema (2020-12) of the config.
#[must_use]
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).to_value();
    admit_notes(&mut schema);
    if let Some(definitions) = schema.get_mut("$defs").and_then(Value::as_object_mut) {
        definitions.values_mut().for_each(admit_notes);
    }
    schema
}

/// Admits a description and the legacy keys where unknown keys are refused.
fn admit_notes(object: &mut Value) {
    if object.get("additionalProperties") != Some(&Value::Bool(false)) {
        return;
    }
    let Some(properties) = object.get_mut("properties").and_then(Value::as_object_mut) else {
        return;
    };
    admit(properties, "description", json!({ "type": ["string", "null"] }));
    for key in LEGACY_KEYS {
        admit(properties, key, json!({ "x-unused": "nothing reads it" }));
    }
}

fn admit(properties: &mut Map<String, Value>, key: &str, schema: Value) {
    if !properties.contains_key(key) {
        properties.insert(key.to_owned(), schema);
    }
}

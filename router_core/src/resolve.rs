//! From a request's names to a candidate set (R1–R8): the first rule that matches wins, and the
//! resolution says which one it was.

use crate::delivery::Delivery;
use crate::facts::Facts;
use crate::size::parameters_in_name;
use crate::table::{CapabilityId, ChainStep, ModelId, PoolId, Table, Target};
use crate::view::View;

/// R1, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    Exact,
    Pattern,
    Capability,
    Pool,
    Size,
    Default,
}

impl Rule {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Pattern => "pattern",
            Self::Capability => "capability",
            Self::Pool => "pool",
            Self::Size => "size",
            Self::Default => "default",
        }
    }
}

/// The candidate set a rule names.
#[derive(Debug, Clone, Copy)]
pub enum Candidates<'t> {
    Model(ModelId),
    Capability(CapabilityId),
    Pool(PoolId),
    /// One target with the rule's own fallbacks.
    Target {
        target: Target,
        fallback: &'t [ChainStep],
    },
}

#[derive(Debug, Clone)]
pub struct Resolution<'t> {
    pub rule: Rule,
    /// What the rule matched: the name, the pattern's text, the capability, the pool, the size.
    pub matched: &'t str,
    pub candidates: Candidates<'t>,
    /// The capability asked for, by the rule itself or beside an exact model.
    pub capability: Option<CapabilityId>,
    /// The deprecated name used and the current one.
    pub deprecated: Option<(&'t str, &'t str)>,
    pub delivery: Delivery,
}

/// Why nothing matched; every case names the closest that would have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    NothingAsked,
    UnknownModel { name: String, closest: Vec<String> },
    UnknownCapability { name: String, known: Vec<String> },
}

/// The first rule of R1 that knows the request.
pub fn resolve<'t>(
    table: &'t Table,
    view: &impl View,
    facts: &'t Facts,
) -> Result<Resolution<'t>, Unresolved> {
    let name = facts.model.as_str();
    let asked = asked_capability(table, facts)?;
    if name.is_empty() {
        return asked.map(|asked| asked.resolution(table)).ok_or(Unresolved::NothingAsked);
    }
    if let Some(exact) = table.names.get(name) {
        return Ok(Resolution {
            rule: Rule::Exact,
            matched: &table.models.get(exact.model).name,
            candidates: Candidates::Model(exact.model),
            capability: asked.as_ref().map(|asked| asked.capability),
            deprecated: asked.and_then(|asked| asked.deprecated),
            delivery: table.models.get(exact.model).delivery,
        });
    }
    by_pattern(table, name)
        .or_else(|| named_capability(table, name).map(|named| named.resolution(table)))
        .or_else(|| asked.map(|asked| asked.resolution(table)))
        .or_else(|| by_pool(table, name))
        .or_else(|| by_size(table, view, name))
        .or_else(|| by_default(table, name))
        .ok_or_else(|| unknown(table, name))
}

struct Named<'t> {
    capability: CapabilityId,
    deprecated: Option<(&'t str, &'t str)>,
}

impl<'t> Named<'t> {
    fn resolution(self, table: &'t Table) -> Resolution<'t> {
        Resolution {
            rule: Rule::Capability,
            matched: &table.capabilities.get(self.capability).name,
            candidates: Candidates::Capability(self.capability),
            capability: Some(self.capability),
            deprecated: self.deprecated,
            delivery: table.capabilities.get(self.capability).delivery,
        }
    }
}

fn named_capability<'t>(table: &'t Table, name: &str) -> Option<Named<'t>> {
    let (known, entry) = table.capability_names.get_key_value(name)?;
    let current = table.capabilities.get(entry.capability).name.as_str();
    Some(Named {
        capability: entry.capability,
        deprecated: entry.deprecated.then_some((known.as_str(), current)),
    })
}

fn asked_capability<'t>(table: &'t Table, facts: &Facts) -> Result<Option<Named<'t>>, Unresolved> {
    let Some(name) = facts.capability.as_deref() else {
        return Ok(None);
    };
    let known = || table.capabilities.iter().map(|(_, c)| c.name.clone()).collect();
    named_capability(table, name)
        .map(Some)
        .ok_or_else(|| Unresolved::UnknownCapability { name: name.to_owned(), known: known() })
}

fn by_pattern<'t>(table: &'t Table, name: &str) -> Option<Resolution<'t>> {
    let first = table.patterns.set.matches(name).iter().next()?;
    let rule = table.patterns.rules.get(first)?;
    Some(Resolution {
        rule: Rule::Pattern,
        matched: &rule.pattern,
        candidates: Candidates::Target { target: rule.target, fallback: &rule.fallback },
        capability: None,
        deprecated: None,
        delivery: rule.delivery,
    })
}

fn by_pool<'t>(table: &'t Table, name: &str) -> Option<Resolution<'t>> {
    let pool = *table.pool_names.get(name)?;
    Some(Resolution {
        rule: Rule::Pool,
        matched: &table.pools.get(pool).name,
        candidates: Candidates::Pool(pool),
        capability: None,
        deprecated: None,
        delivery: table.pools.get(pool).delivery,
    })
}

/// The size in the name, else the one a provider's list of models states.
fn by_size<'t>(table: &'t Table, view: &impl View, name: &str) -> Option<Resolution<'t>> {
    let parameters = parameters_in_name(name).or_else(|| view.listed_size(name))?;
    let rule = table.size_rules.iter().find(|rule| rule.covers(parameters))?;
    Some(Resolution {
        rule: Rule::Size,
        matched: &rule.size,
        candidates: Candidates::Target { target: rule.target, fallback: &rule.fallback },
        capability: None,
        deprecated: None,
        delivery: rule.delivery,
    })
}

fn by_default<'t>(table: &'t Table, name: &'t str) -> Option<Resolution<'t>> {
    let provider = table.providers.get(table.default_provider?);
    Some(Resolution {
        rule: Rule::Default,
        matched: name,
        candidates: Candidates::Target {
            target: Target::Deployment(provider.passthrough),
            fallback: &[],
        },
        capability: None,
        deprecated: None,
        delivery: table.settings.delivery,
    })
}

fn unknown(table: &Table, name: &str) -> Unresolved {
    let known = table.names.keys().chain(table.capability_names.keys());
    let known = known.chain(table.pool_names.keys()).map(String::as_str);
    Unresolved::UnknownModel { name: name.to_owned(), closest: closest(name, known) }
}

/// The three known names most like one that is none, the likest first.
pub fn closest<'n>(name: &str, known: impl Iterator<Item = &'n str>) -> Vec<String> {
    let mut closest: Vec<(f64, &str)> =
        known.map(|known| (strsim::jaro_winkler(known, name), known)).collect();
    closest.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
    closest.into_iter().take(3).map(|(_, known)| known.to_owned()).collect()
}

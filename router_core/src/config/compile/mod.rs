//! From the sections of a config to one table. Stages run in the order in which names come into being:
//! settings, providers, capabilities, models, then the rules and chains that refer to them.

mod budgets;
pub(crate) mod capabilities;
mod chains;
mod exact;
mod experiments;
mod lookup;
mod models;
mod overlap;
mod parameters;
mod patterns;
mod policies;
mod pools;
mod providers;
mod query_classes;
mod rules;
mod settings;
mod sizes;

use std::collections::{BTreeMap, BTreeSet};

use crate::complexity::ComplexityParameters;
use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::pointer::Pointer;
use crate::config::schema::containers::Entry;
use crate::config::schema::Document;
use crate::ids::Arena;
use crate::policies::Places;
use crate::settings::Settings;
use crate::table::{CapabilityId, ModelId, Patterns, ProviderId, Table};

/// Marks a mistake that is in the report already.
#[derive(Debug, Clone, Copy)]
struct Reported;

/// A table in the making.
struct Draft {
    table: Table,
    report: Report,
    known: Known,
    places: Places,
}

/// Names that may be referred to. `None` stands for an entry that is declared but broken: referring to
/// it is no second mistake.
#[derive(Default)]
struct Known {
    providers: BTreeMap<String, Option<ProviderId>>,
    models: BTreeMap<String, Option<ModelId>>,
    capabilities: BTreeMap<String, Option<CapabilityId>>,
    /// Kinds and groups that only broken providers have.
    broken_words: BTreeSet<String>,
    /// Ids, kinds and groups, as conditions name them.
    provider_words: Vec<String>,
    chains: BTreeSet<String>,
    /// Provider references already warned of as ambiguous.
    ambiguous: BTreeSet<String>,
}

/// Without `own_models` the models are the reference fleet's, and no file says anything of them.
pub fn compile(
    document: &Document,
    version: String,
    own_models: bool,
    report: Report,
) -> Result<Table, Vec<Diagnostic>> {
    let table = empty_table(version);
    let mut draft = Draft { table, report, known: Known::default(), places: Places::default() };
    settings::compile(&mut draft, document);
    if providers::compile(&mut draft, &document.providers).is_err() {
        return Err(draft.report.into_diagnostics());
    }
    capabilities::declare(&mut draft, document);
    models::compile(&mut draft, document);
    if !own_models {
        draft.places.models.clear();
    }
    exact::compile(&mut draft, &document.exact_matches);
    models::compile_aliases(&mut draft, &document.router_settings.model_group_alias);
    pools::compile(&mut draft, document);
    capabilities::compile(&mut draft, &document.capabilities);
    chains::compile(&mut draft, document);
    exact::compile_fallbacks(&mut draft, &document.exact_matches);
    capabilities::compile_fallbacks(&mut draft, &document.capabilities);
    pools::compile_fallbacks(&mut draft, &document.load_balancing);
    patterns::compile(&mut draft, &document.patterns);
    pools::warn_of_hidden(&mut draft);
    sizes::compile(&mut draft, &document.model_size_routing);
    rules::compile(&mut draft, document);
    experiments::compile(&mut draft, document);
    budgets::compile(&mut draft, &document.budgets);
    policies::compile(&mut draft, &document.policies);
    draft.finish()
}

impl Draft {
    fn finish(mut self) -> Result<Table, Vec<Diagnostic>> {
        if self.report.has_errors() {
            return Err(self.report.into_diagnostics());
        }
        self.table.condition_headers.sort();
        self.table.condition_headers.dedup();
        let (accepted, warnings): (Vec<_>, Vec<_>) =
            self.report.into_diagnostics().into_iter().partition(|found| found.accepted.is_some());
        self.table.accepted = accepted;
        self.table.warnings = warnings;
        Ok(self.table)
    }

    fn error(&mut self, code: &'static str, at: &Pointer, message: impl Into<String>) -> Reported {
        self.reported(Diagnostic::error(code, at, message))
    }

    fn reported(&mut self, found: Diagnostic) -> Reported {
        self.report.add(found);
        Reported
    }

    /// The entry, if it could be built; else makes sure that the report says why not.
    fn built<'e, T>(&mut self, entry: &'e Entry<T>, at: &Pointer) -> Option<&'e T> {
        match entry {
            Ok(entry) => Some(entry),
            Err(broken) => {
                if !self.report.has_error_in(at) {
                    self.error(
                        "wrong-type",
                        at,
                        format!("this entry cannot be read: {}", broken.reason),
                    );
                }
                None
            }
        }
    }

    /// A broken model may be the very one that is missed elsewhere.
    fn has_broken_models(&self) -> bool {
        self.known.models.values().any(Option::is_none)
    }
}

fn empty_table(version: String) -> Table {
    Table {
        version,
        providers: Arena::default(),
        models: Arena::default(),
        deployments: Arena::default(),
        names: rustc_hash::FxHashMap::default(),
        patterns: Patterns::default(),
        capabilities: Arena::default(),
        capability_names: rustc_hash::FxHashMap::default(),
        pools: Arena::default(),
        pool_names: rustc_hash::FxHashMap::default(),
        size_rules: Vec::new(),
        metadata_rules: Vec::new(),
        default_provider: None,
        default_chain: Vec::new(),
        named_chains: BTreeMap::new(),
        complexity: ComplexityParameters::default(),
        experiments: Arena::default(),
        query_classes: None,
        settings: Settings::default(),
        budgets: None,
        condition_headers: Vec::new(),
        idle_choices: Vec::new(),
        warnings: Vec::new(),
        accepted: Vec::new(),
    }
}

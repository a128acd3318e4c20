//! Request metadata (R7) and the default provider (R8): what is left when names decide nothing.

use super::{Draft, Reported};
use crate::config::pointer::Pointer;
use crate::config::schema::rules::MetadataEntry;
use crate::config::schema::settings::UnknownModel;
use crate::config::schema::Document;
use crate::table::{MetadataRule, ProviderId};

const DEFAULT_PROVIDER: &str = "ollama";

pub(super) fn compile(draft: &mut Draft, document: &Document) {
    let section = Pointer::root().key("request_metadata_routing");
    for (name, entry) in document.request_metadata_routing.iter() {
        let at = section.key(name);
        let entry = draft.built(entry, &at).ok_or(Reported);
        if let Ok(rule) = entry.and_then(|entry| metadata_rule(draft, name, entry, &at)) {
            draft.table.metadata_rules.push(rule);
        }
    }
    let provider = default_provider(draft, document);
    let settings = &document.router_settings;
    let unknown = document.unknown_model.or(settings.unknown_model);
    let reject = unknown == Some(UnknownModel::Reject);
    draft.table.default_provider = provider.filter(|_| !reject);
}

fn metadata_rule(
    draft: &mut Draft,
    name: &str,
    entry: &MetadataEntry,
    at: &Pointer,
) -> Result<MetadataRule, Reported> {
    let condition = draft.condition(Some(&entry.condition), &at.key("condition"));
    let provider = draft.provider(&entry.provider, &at.key("provider"))?;
    let condition = condition?.ok_or(Reported)?;
    Ok(MetadataRule { name: name.to_owned(), provider, condition })
}

fn default_provider(draft: &mut Draft, document: &Document) -> Option<ProviderId> {
    let root = Pointer::root();
    if let Some(name) = &document.default_provider {
        return draft.provider(name, &root.key("default_provider")).ok();
    }
    if let Some(name) = &document.router_settings.default_provider {
        let at = root.key("router_settings").key("default_provider");
        return draft.provider(name, &at).ok();
    }
    let usual = draft.known.providers.get(DEFAULT_PROVIDER).copied().flatten();
    usual.or_else(|| {
        let mut active = draft.table.providers.iter().filter(|(_, provider)| provider.active);
        active.next().map(|(id, _)| id)
    })
}

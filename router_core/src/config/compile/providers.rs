//! Providers: addresses, limits and priors checked, one passthrough deployment minted for each, and at
//! most one active member in every exclusive group.

use std::collections::{BTreeMap, BTreeSet};

use super::lookup::KINDS;
use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::containers::{Entries, Entry};
use crate::config::schema::fleet::ProviderEntry;
use crate::config::schema::scalars::{FeatureName, Milliseconds};
use crate::facts::Features;
use crate::price::Price;
use crate::rendezvous::stable_hash;
use crate::table::{AttemptLimits, Deployment, Location, Provider, ProviderId, ProviderKind};

const AVAILABILITY: f64 = 0.99;
const TTFT_PRIOR_US: u64 = 200_000;
const CAPACITY: u32 = 8;
const CONNECT_US: u64 = 2_000_000;
const FIRST_TOKEN_US: u64 = 10_000_000;
const IDLE_US: u64 = 15_000_000;

/// `Err` when there is no provider at all, so that nothing else could be resolved.
pub(super) fn compile(draft: &mut Draft, entries: &Entries<ProviderEntry>) -> Result<(), Reported> {
    let section = Pointer::root().key("providers");
    if entries.is_empty() {
        let message = "there is no provider to send requests to";
        let found = Diagnostic::error("no-providers", &section, message);
        return Err(draft.reported(found.suggest("add one, or leave the section out")));
    }
    for (id, entry) in entries.iter() {
        let at = section.key(id);
        let provider = draft.built(entry, &at).map(|entry| compile_one(draft, id, entry, &at));
        let provider = provider.and_then(Result::ok);
        if provider.is_none() {
            draft.known.broken_words.extend(words_of(entry));
        }
        draft.known.providers.insert(id.to_owned(), provider);
    }
    check_groups(draft, entries, &section);
    draft.known.provider_words = words(entries);
    Ok(())
}

/// The kind and group an entry goes by besides its id.
fn words_of(entry: &Entry<ProviderEntry>) -> Vec<String> {
    match entry {
        Ok(entry) => {
            let kind = KINDS.iter().find(|(kind, _)| *kind == entry.kind);
            let kind = kind.map(|(_, word)| (*word).to_owned());
            entry.exclusive_group.clone().into_iter().chain(kind).collect()
        }
        Err(broken) => {
            broken.words("exclusive_group").chain(broken.words("kind")).map(str::to_owned).collect()
        }
    }
}

fn words(entries: &Entries<ProviderEntry>) -> Vec<String> {
    let mut words: Vec<String> = entries.names().map(str::to_owned).collect();
    words.extend(entries.iter().flat_map(|(_, entry)| words_of(entry)));
    let mut seen = BTreeSet::new();
    words.retain(|word| seen.insert(word.clone()));
    words
}

fn compile_one(
    draft: &mut Draft,
    id: &str,
    entry: &ProviderEntry,
    at: &Pointer,
) -> Result<ProviderId, Reported> {
    check_id(draft, id, at)?;
    check_url(draft, &entry.base_url, &at.key("base_url"))?;
    let credential = credential(draft, entry, at)?;
    let price = entry.price.unwrap_or_default();
    check_price(draft, price, &at.key("price"))?;
    let micros = |time: Option<Milliseconds>, default| time.map_or(default, Milliseconds::micros);
    let active = entry.enabled.unwrap_or(true) && entry.active.unwrap_or(true);
    let domain = entry.failure_domain.as_ref().or(entry.exclusive_group.as_ref());
    let features = features(entry);
    let location = entry.location.unwrap_or(Location::Local);
    let passthrough = format!("*@{id}");
    let deployments = &mut draft.table.deployments;
    Ok(draft.table.providers.push_with(|provider| Provider {
        id: id.to_owned(),
        kind: entry.kind,
        base_url: entry.base_url.trim_end_matches('/').to_owned(),
        location,
        failure_domain: domain.map_or(id, String::as_str).to_owned(),
        availability: entry.availability.unwrap_or(AVAILABILITY),
        ttft_prior_us: micros(entry.ttft_prior_ms, TTFT_PRIOR_US),
        capacity: entry.capacity.unwrap_or(CAPACITY),
        context_window: entry.context_window,
        price: match location {
            Location::Local => Price::default(),
            Location::Cloud => price,
        },
        credential,
        features,
        active,
        prefill: entry.prefill.unwrap_or(false),
        stream_whole: entry.stream_whole_answers.unwrap_or(true),
        exclusive_group: entry.exclusive_group.clone(),
        limits: AttemptLimits {
            connect_us: micros(entry.connect_timeout_ms, CONNECT_US),
            first_token_us: micros(entry.first_token_timeout_ms, FIRST_TOKEN_US),
            idle_us: micros(entry.idle_timeout_ms, IDLE_US),
            total_us: entry.total_timeout_ms.map(Milliseconds::micros),
        },
        passthrough: deployments.push(Deployment {
            key: stable_hash(&[&passthrough]),
            id: passthrough,
            model: None,
            provider,
            upstream_model: String::new(),
            weight: 1.0,
            priority: 0,
            context_window: entry.context_window,
            features,
            enabled: active,
        }),
    }))
}

/// Where the key is: a variable's name, or a path, which is told from a name by its slash.
fn credential(
    draft: &mut Draft,
    entry: &ProviderEntry,
    at: &Pointer,
) -> Result<Option<String>, Reported> {
    match (&entry.credential_env, &entry.credential_file) {
        (Some(_), Some(_)) => {
            let message = "`credential_env` and `credential_file` both say where the key is";
            let at = at.key("credential_file");
            let found = Diagnostic::error("ambiguous-credential", &at, message);
            Err(draft.reported(found.suggest("keep one of them")))
        }
        (Some(name), None) if !is_variable(name) => {
            let message = format!("`{name}` cannot be an environment variable's name");
            let found = Diagnostic::error("bad-credential", &at.key("credential_env"), message);
            Err(draft.reported(
                found.suggest("name the variable that holds the key, never the key itself"),
            ))
        }
        (None, Some(path)) if !path.contains('/') => Ok(Some(format!("./{path}"))),
        (name, path) => Ok(name.as_ref().or(path.as_ref()).cloned()),
    }
}

fn is_variable(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(plain)
}

/// What the server can do: as written, else everything its kind can.
fn features(entry: &ProviderEntry) -> Features {
    match &entry.features {
        Some(names) => union(names),
        None => Features::NAMES
            .iter()
            .map(|(feature, _)| *feature)
            .filter(|feature| match entry.kind {
                ProviderKind::Openai => true,
                ProviderKind::Ollama => *feature != Features::LOGPROBS,
                ProviderKind::Vllm => *feature != Features::EMBEDDINGS,
            })
            .fold(Features::default(), Features::union),
    }
}

pub(super) fn union(names: &[FeatureName]) -> Features {
    names.iter().map(|name| name.0).fold(Features::default(), Features::union)
}

fn check_id(draft: &mut Draft, id: &str, at: &Pointer) -> Result<(), Reported> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if !id.is_empty() && id.chars().all(plain) {
        return Ok(());
    }
    let found = Diagnostic::error("bad-id", at, format!("`{id}` cannot be a provider's id"));
    Err(draft.reported(found.at_key().suggest("use letters, digits, `_`, `-` and `.`")))
}

fn check_url(draft: &mut Draft, url: &str, at: &Pointer) -> Result<(), Reported> {
    match url_fault(url) {
        None => Ok(()),
        Some(fault) => {
            let message = format!("`{url}` is no base URL: {fault}");
            let found = Diagnostic::error("bad-url", at, message);
            Err(draft.reported(found.suggest("write it like `http://127.0.0.1:8000/v1`")))
        }
    }
}

fn url_fault(url: &str) -> Option<&'static str> {
    if url.contains("${") {
        return Some("variables are not replaced in this file");
    }
    let Some(rest) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return Some("it does not start with http:// or https://");
    };
    if url.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Some("it contains white space");
    }
    if url.contains(['?', '#']) {
        return Some("it carries a query or fragment");
    }
    let authority = rest.split('/').next().unwrap_or_default();
    if authority.contains('@') {
        return Some("it carries a user name; keys belong in `credential_env`");
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (authority, None),
    };
    if host.is_empty() {
        return Some("it names no host");
    }
    let bad_port = port.is_some_and(|port| !matches!(port.parse::<u16>(), Ok(1..)));
    bad_port.then_some("its port is not a number from 1 to 65535")
}

fn check_price(draft: &mut Draft, price: Price, at: &Pointer) -> Result<(), Reported> {
    let rates = [
        ("usd_per_request", price.usd_per_request),
        ("usd_per_1k_prompt_tokens", price.usd_per_1k_prompt_tokens),
        ("usd_per_1k_completion_tokens", price.usd_per_1k_completion_tokens),
    ];
    for (key, rate) in rates {
        if rate < 0.0 {
            let message = format!("{rate} is out of range: a price is at least 0");
            return Err(draft.error("out-of-range", &at.key(key), message));
        }
    }
    Ok(())
}

/// One active member per exclusive group: the first one stays, each further one is an error.
fn check_groups(draft: &mut Draft, entries: &Entries<ProviderEntry>, section: &Pointer) {
    let mut active: BTreeMap<&str, &str> = BTreeMap::new();
    for (id, entry) in entries.valid() {
        let Some(group) = entry.exclusive_group.as_deref() else {
            continue;
        };
        if !entry.enabled.unwrap_or(true) || !entry.active.unwrap_or(true) {
            continue;
        }
        match active.get(group) {
            None => {
                active.insert(group, id);
            }
            Some(first) => {
                let message = format!("`{first}` and `{id}` are both active in group `{group}`");
                let at = section.key(id);
                let at = if entry.active.is_some() { at.key("active") } else { at };
                let found = Diagnostic::error("exclusive-group", &at, message);
                draft.reported(found.suggest("write `active: false` for all members but one"));
            }
        }
    }
}

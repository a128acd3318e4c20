//! Golden cases: the same files that pytest reads (tests/golden/README.md).

// Clippy lets tests panic and index, but not the functions beside them.
#![allow(clippy::expect_used, clippy::indexing_slicing)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use router_core::complexity::CueFinder;
use router_core::config::compile;
use router_core::facts::Facts;
use router_core::request::inspect_text;
use router_core::router::Router;
use router_core::state::Snapshot;
use router_core::table::Table;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    config: Value,
    #[serde(default)]
    state: Option<Snapshot>,
    #[serde(default)]
    now_us: u64,
    #[serde(default)]
    seed: u64,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    request: Asked,
    expect: BTreeMap<String, Value>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Asked {
    model: String,
    prompt: String,
    max_tokens: Option<u32>,
    stream: bool,
    capability: Option<String>,
    priority: Option<String>,
    quality_tier: Option<String>,
    batch_size: Option<u32>,
    batch_mode: bool,
    request_count: Option<u32>,
    strategy: Option<String>,
    chain: Option<String>,
    allowed: Option<Vec<String>>,
    headers: BTreeMap<String, String>,
}

fn facts(request: &Asked, table: &Table, cues: &CueFinder) -> Facts {
    let seen = inspect_text(&request.prompt, table.token_limit(), cues);
    Facts {
        model: request.model.clone(),
        capability: request.capability.clone(),
        prompt_tokens: seen.prompt_tokens,
        prompt_tokens_exact: seen.prompt_tokens_exact,
        max_tokens: request.max_tokens,
        answers: seen.choices,
        cues: seen.cues,
        prompt_hash: seen.prompt_hash,
        query_class: None,
        features: seen.features,
        plain: seen.plain,
        stream: request.stream,
        batch_size: request.batch_size.unwrap_or(1),
        batch_mode: request.batch_mode,
        request_count: request.request_count,
        quality_tier: request.quality_tier.clone(),
        priority: request.priority.clone(),
        session: None,
        principal: None,
        strategy: request.strategy.clone(),
        chain: request.chain.clone(),
        headers: request.headers.clone().into_iter().collect(),
        allowed: request.allowed.clone(),
        of_any_unit: false,
    }
}

fn compiled(config: &Value) -> Table {
    let text = if config == "reference" {
        include_str!("../src/config/reference.json").to_owned()
    } else {
        config.to_string()
    };
    compile(text.as_bytes()).expect("the golden config compiles")
}

/// What differs between an explanation and what is expected of it.
fn differences(expect: &BTreeMap<String, Value>, explained: &Value) -> Vec<String> {
    let differing = |(key, wanted): (&String, &Value)| {
        let (fits, got) = match key.as_str() {
            "plan" => {
                let plan = deployments(&explained["plan"]);
                (Value::from(plan.clone()) == *wanted, plan.join(" "))
            }
            "skipped" => {
                let candidates = &explained["candidates"];
                (are_skipped(wanted, candidates), candidates.to_string())
            }
            "notes" => (are_noted(wanted, &explained["notes"]), explained["notes"].to_string()),
            _ => (explained[key] == *wanted, explained[key].to_string()),
        };
        (!fits).then(|| format!("{key}: wanted {wanted}, got {got}"))
    };
    expect.iter().filter_map(differing).collect()
}

fn deployments(hops: &Value) -> Vec<String> {
    let hops = hops.as_array().expect("a list of hops");
    hops.iter().map(|hop| hop["deployment"].as_str().unwrap_or_default().to_owned()).collect()
}

fn are_skipped(wanted: &Value, candidates: &Value) -> bool {
    let candidates = candidates.as_array().expect("a list of candidates");
    wanted.as_object().expect("skipped is a map").iter().all(|(deployment, words)| {
        candidates.iter().any(|candidate| {
            candidate["deployment"] == deployment.as_str()
                && candidate["eligible"] == false
                && candidate["reason"].to_string().contains(words.as_str().unwrap_or("?"))
        })
    })
}

fn are_noted(wanted: &Value, notes: &Value) -> bool {
    let notes = notes.to_string();
    let mut words = wanted.as_array().expect("notes is a list").iter();
    words.all(|words| notes.contains(words.as_str().unwrap_or("?")))
}

fn failures(path: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(path).expect("a readable golden file");
    let file: File = serde_json::from_str(&text).expect("a golden file");
    let table = Arc::new(compiled(&file.config));
    let cues = CueFinder::new(&table.complexity).expect("vocabularies");
    let judged = |case: &Case| {
        let mut router = Router::new(table.clone(), "golden".to_owned());
        if let Some(state) = &file.state {
            assert!(router.restore(state).is_empty(), "the state names unknown ids");
        }
        let facts = facts(&case.request, &table, &cues);
        let found = match router.explain(&facts, file.now_us, file.seed) {
            Ok(decision) => differences(&case.expect, &decision.explain()),
            Err(refused) if case.expect.get("error") == Some(&Value::from(refused.code)) => vec![],
            Err(refused) => vec![format!("refused: {}", refused.message)],
        };
        found.into_iter().map(|found| format!("{}: {found}", case.name)).collect::<Vec<_>>()
    };
    file.cases.iter().flat_map(judged).collect()
}

#[test]
fn every_golden_case_holds() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let entries = std::fs::read_dir(folder).expect("the golden folder");
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    assert!(!files.is_empty());
    let failures: Vec<String> = files.iter().flat_map(|path| failures(path)).collect();
    assert!(failures.is_empty(), "\n{}", failures.join("\n"));
}

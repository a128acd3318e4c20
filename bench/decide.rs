//! What the core costs by itself: a decision on the reference fleet and on a thousand deployments,
//! counting tokens, compiling the config. `python -m bench` runs it and reads criterion's estimates.

#![allow(clippy::expect_used)] // a bench that cannot run has to say so

use std::cell::RefCell;
use std::hint::black_box;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{
    criterion_group, criterion_main, BatchSize, BenchmarkGroup, BenchmarkId, Criterion,
};
use router_core::config::compile;
use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::record::Entry;
use router_core::router::{Journey, Router};
use router_core::table::Table;
use router_core::tokens;
use serde_json::{json, Map, Value};

type Group<'a> = BenchmarkGroup<'a, WallTime>;

const REFERENCE: &str = include_str!("../router_core/src/config/reference.json");
const START_US: u64 = 1_760_000_000_000_000;
/// Between two decisions, as in a service that takes some 3,000 a second: permits expire at the pace
/// they would there.
const GAP_US: u64 = 300;
const DEADLINE_US: u64 = 30_000_000;
const MANY: u32 = 1_000;
/// Requests per deployment before anything is timed.
const LIVED_FOR: usize = 20;
const PROSE: &str = "A router decides which server answers a request. It knows the servers, the \
    models they hold, how busy each of them is and what an answer costs; then it picks one, keeps \
    the others in mind for when that one fails, and writes down why. `fn pick(fleet: &[Server])` \
    returns None where nobody can answer. In 2024 there were 37 such programs, 12 of them in Rust. ";
const PROSE_TOKENS_AT_LEAST: usize = 50;

fn decide_on_reference(criterion: &mut Criterion) {
    let table = Arc::new(compile(REFERENCE.as_bytes()).expect("the reference config compiles"));
    let mut group = criterion.benchmark_group("reference");
    for (rule, facts) in reference_requests() {
        let matched = rule_of(&table, &facts);
        assert!(rule.starts_with(matched), "{rule} is matched by {matched}");
        decide(&mut group, rule, &table, &facts);
    }
    group.finish();
}

/// One request for each way to be matched. Each name begins with the rule that must match.
fn reference_requests() -> Vec<(&'static str, Facts)> {
    vec![
        ("exact", asking("llama3.1:latest", 200)),
        ("pattern", asking("meta-llama/Meta-Llama-Guard", 200)),
        ("capability/code", asking("code", 200)),
        ("capability/analytical", asking("analytical", 5_000)),
        ("capability/chat", asking("chat", 200)),
        ("pool/general-chat", asking("general-chat", 200)),
        ("pool/code-generation", asking("code-generation", 200)),
        ("default", asking("nobody-knows-me", 200)),
    ]
}

fn asking(model: &str, prompt_tokens: u32) -> Facts {
    Facts {
        model: model.to_owned(),
        prompt_tokens,
        prompt_tokens_exact: true,
        max_tokens: Some(500),
        batch_size: 1,
        stream: true,
        ..Facts::default()
    }
}

fn rule_of(table: &Arc<Table>, facts: &Facts) -> &'static str {
    let mut router = Router::new(table.clone(), "bench".to_owned());
    let decision = router.decide(facts, START_US, 0).expect("every request is decided");
    decision.choice.rule.as_str()
}

fn decide_on_many(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("1000_deployments");
    for strategy in
        ["least_loaded", "weighted", "usage_based", "fastest_response", "adaptive_weighted"]
    {
        let table = Arc::new(compile_many(strategy));
        decide(&mut group, strategy, &table, &asking("fleet", 200));
    }
    let table = Arc::new(compile_many("least_loaded"));
    let facts = Facts { session: Some("conversation-1".to_owned()), ..asking("fleet", 200) };
    decide(&mut group, "session", &table, &facts);
    group.finish();
}

/// A pool of a thousand providers that all serve one model.
fn compile_many(strategy: &str) -> Table {
    let ids: Vec<String> = (0..MANY).map(|number| format!("gpu-{number}")).collect();
    let provider = |id: &String| {
        let address = format!("http://{id}.example:8000/v1");
        (id.clone(), json!({"kind": "vllm", "base_url": address, "capacity": 64}))
    };
    let providers: Map<String, Value> = ids.iter().map(provider).collect();
    let deployments: Vec<Value> = ids.iter().map(|id| json!({"provider": id})).collect();
    let members: Vec<Value> =
        ids.iter().map(|id| json!({"provider": id, "preferred_model": "m"})).collect();
    let config = json!({
        "providers": providers,
        "models": {"m": {"parameters": "7B", "tier": "local", "deployments": deployments}},
        "load_balancing": {"fleet": {"strategy": strategy, "providers": members}},
    });
    let config = config.to_string();
    compile(config.as_bytes()).expect("the generated config compiles")
}

/// Choose, reserve, first token, finish: all the core does for a request that succeeds at once, on a
/// fleet that has served many before.
fn decide(group: &mut Group<'_>, name: &str, table: &Arc<Table>, facts: &Facts) {
    let mut router = Router::new(table.clone(), "bench".to_owned());
    let mut now = START_US;
    for _ in 0..LIVED_FOR * table.deployments.len() {
        now += GAP_US;
        serve(&mut router, facts, now);
    }
    group.bench_function(name, |bencher| {
        bencher.iter(|| {
            now += GAP_US;
            serve(&mut router, black_box(facts), now)
        });
    });
}

fn serve(router: &mut Router, facts: &Facts, now: u64) -> Journey {
    let deadline = now + DEADLINE_US;
    let mut journey = router.begin(facts, now, now, deadline).expect("every request is decided");
    router.first_token(&journey, 1, now + GAP_US / 3);
    router.finish(&mut journey, 1, &Outcome::of(OutcomeClass::Success), now + GAP_US / 2);
    journey
}

/// What an outcome costs: the first token and the end of one request, whose windows are full. The
/// decision before it is not timed.
fn update_state(criterion: &mut Criterion) {
    let table = Arc::new(compile(REFERENCE.as_bytes()).expect("the reference config compiles"));
    let facts = asking("llama3.1:latest", 200);
    let mut group = criterion.benchmark_group("state_update");
    for class in [OutcomeClass::Success, OutcomeClass::ContentPolicy] {
        let router = RefCell::new(Router::new(table.clone(), "bench".to_owned()));
        let mut now = START_US;
        let outcome = Outcome::of(class);
        group.bench_function(class.as_str(), |bencher| {
            bencher.iter_batched(
                || {
                    now += GAP_US;
                    let journey = router.borrow_mut().begin(&facts, now, now, now + DEADLINE_US);
                    (journey.expect("every request is decided"), now)
                },
                |(mut journey, now)| {
                    let mut router = router.borrow_mut();
                    router.first_token(&journey, 1, now + GAP_US / 3);
                    router.finish(&mut journey, 1, &outcome, now + GAP_US / 2);
                    journey
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn count_tokens(criterion: &mut Criterion) {
    tokens::warm();
    let mut group = criterion.benchmark_group("tokens");
    for length in [200, 4_000, 60_000] {
        let text = text_of(length);
        group.bench_with_input(BenchmarkId::new("prose", length), &text, |bencher, text| {
            bencher.iter(|| tokens::count(black_box(text), u32::MAX));
        });
    }
    // The hardest text there is: no space, so the pre-tokeniser has nowhere to cut.
    let word = "ab".repeat(500_000);
    group.bench_with_input(
        BenchmarkId::new("word_of_bytes", word.len()),
        &word,
        |bencher, word| {
            bencher.iter(|| tokens::count(black_box(word), u32::MAX));
        },
    );
    group.finish();
}

/// The same as decisions above, with a record of each handed to the log; and making a line of one.
fn record(criterion: &mut Criterion) {
    let reference = Arc::new(compile(REFERENCE.as_bytes()).expect("the reference config compiles"));
    let many = Arc::new(compile_many("least_loaded"));
    let mut group = criterion.benchmark_group("recorded");
    for (name, table, model) in
        [("exact", &reference, "llama3.1:latest"), ("1000_deployments", &many, "fleet")]
    {
        let facts = asking(model, 200);
        let mut router = Router::new(table.clone(), "bench".to_owned());
        router.record(true);
        let mut now = START_US;
        let mut recorded = || {
            now += GAP_US;
            serve(&mut router, black_box(&facts), now);
            router.take_records()
        };
        let (entries, _) = recorded();
        group.bench_function(name, |bencher| bencher.iter(&mut recorded));
        let line = || entries.iter().map(Entry::line).collect::<Vec<_>>();
        group.bench_function(format!("line/{name}"), |bencher| bencher.iter(line));
    }
    group.finish();
}

/// The beginning of as much prose as is needed for so many tokens.
fn text_of(length: u32) -> String {
    let mut text = PROSE.repeat(length as usize / PROSE_TOKENS_AT_LEAST + 1);
    let fits = |end: usize| text.get(..end).is_some_and(|begin| tokens::count(begin, length).exact);
    let ends: Vec<usize> = text.char_indices().map(|(index, _)| index).collect();
    let most = ends.partition_point(|end| fits(*end));
    let end = ends.get(most.saturating_sub(1)).copied().unwrap_or_default();
    text.truncate(end);
    text
}

fn compile_reference(criterion: &mut Criterion) {
    criterion.bench_function("compile/reference", |bencher| {
        bencher.iter(|| compile(black_box(REFERENCE.as_bytes())));
    });
}

criterion_group!(
    benches,
    decide_on_reference,
    decide_on_many,
    update_state,
    record,
    count_tokens,
    compile_reference
);
criterion_main!(benches);

//! The nearest change: whatever is told is done here by other means, to the state file, the config or the
//! request, and must alter the choice as told; one unit less must not.

use std::collections::BTreeMap;

use router_core::explain::{Change, Explained, Found, Nearest, Search, WeightPlace};
use router_core::facts::Facts;
use router_core::state::Snapshot;
use router_core::table::Table;
use router_core::view::ShareGroup;
use serde_json::{json, Value};

use crate::support::table as compiled;
use crate::world::{first, router, World, NOW_US, STRATEGIES};

const SEEDS: std::ops::Range<u64> = 0..30;
const SILENCE_STEP_US: u64 = 100_000;
const WEIGHT_STEP: f64 = 0.01;

/// Who is first after a change made without the search's own means.
fn first_after(world: &World, change: &Change, table: &Table) -> String {
    let mut other = world.table.clone();
    let mut snapshot = world.router().snapshot();
    let facts = asked(&world.facts, change);
    disturb(&mut snapshot, change, table, facts.stream);
    if let Change::Weight { place, weight, .. } = change {
        let mut config = world.config.clone();
        write_weight(&mut config, place, *weight, table);
        other = compiled(&config);
    }
    let seed = match change {
        Change::Seed { seed, .. } => *seed,
        _ => world.seed,
    };
    first(&mut router(&other, &snapshot), &facts, seed)
}

fn asked(facts: &Facts, change: &Change) -> Facts {
    let high = |high: &bool| high.then(|| "high".to_owned());
    let mut facts = facts.clone();
    match change {
        Change::MoreTokens { tokens } => facts.prompt_tokens += tokens,
        Change::FewerTokens { tokens } => facts.prompt_tokens -= tokens,
        Change::Stream { stream } => facts.stream = *stream,
        Change::Priority { high: is } => facts.priority = high(is),
        Change::QualityTier { high: is } => facts.quality_tier = high(is),
        Change::Batch { batch } => facts.batch_size = if *batch { 2 } else { 1 },
        Change::NoSession => facts.session = None,
        Change::Capability { name } => name.clone_into(&mut facts.model),
        _ => {}
    }
    facts
}

fn disturb(snapshot: &mut Snapshot, change: &Change, table: &Table, stream: bool) {
    let Some(id) = change.deployment() else { return };
    let provider = snapshot.providers.get_mut(&table.provider_of(id).id).unwrap();
    let deployment = snapshot.deployments.get_mut(&table.deployments.get(id).id).unwrap();
    let half_open = |until_us: u64| until_us > 0 && until_us <= NOW_US;
    match change {
        Change::MoreInFlight { requests, .. } => {
            provider.in_flight += requests;
            deployment.in_flight += requests;
            for standing in [&mut provider.standing, &mut deployment.standing] {
                standing.probes += if half_open(standing.out_until_us) { *requests } else { 0 };
            }
        }
        Change::FewerInFlight { requests, .. } => {
            provider.in_flight -= requests;
            deployment.in_flight = deployment.in_flight.saturating_sub(*requests);
        }
        Change::Slower { percent, .. } => {
            for measured in [&mut deployment.measured, &mut deployment.published] {
                for times in [&mut measured.first_token, &mut measured.whole] {
                    times.p95_us += times.p95_us * u64::from(*percent) / 100;
                }
            }
        }
        Change::Silent { for_us, .. } => {
            let since_us = NOW_US - for_us;
            let oldest = |known: u64| if known == 0 { since_us } else { known.min(since_us) };
            let waiting = &mut deployment.waiting;
            if stream {
                waiting.stream_since_us = oldest(waiting.stream_since_us);
            } else {
                waiting.whole_since_us = oldest(waiting.whole_since_us);
            }
            deployment.progress_us = deployment.progress_us.min(since_us);
        }
        Change::CooldownEnds { .. } => {
            for standing in [&mut provider.standing, &mut deployment.standing] {
                standing.out_until_us = standing.out_until_us.min(NOW_US);
            }
        }
        Change::HoldEnds { .. } => provider.hold = None,
        _ => {}
    }
}

fn write_weight(config: &mut Value, place: &WeightPlace, weight: f64, table: &Table) {
    match place.shares {
        ShareGroup::Pool(_) => {
            config["load_balancing"]["pool"]["providers"][place.member]["weight"] = json!(weight);
        }
        ShareGroup::Capability(id) => {
            let members = &mut config["capabilities"][&table.capabilities.get(id).name];
            let member = &mut members["preferred_models"][place.member];
            *member = json!({ "model": *member, "weight": weight });
        }
        ShareGroup::Model(id) => {
            let provider = json!(table.provider_of(place.deployment).id);
            let model = &mut config["models"][&table.models.get(id).name];
            let deployments = model["deployments"].as_array_mut().unwrap();
            let own = deployments.iter_mut().find(|entry| entry["provider"] == provider).unwrap();
            own["weight"] = json!(weight);
        }
    }
}

/// The same with one unit less of it; `None` where that is no change, or none can be smaller.
fn one_less(change: &Change) -> Option<Change> {
    let mut less = change.clone();
    match &mut less {
        Change::MoreInFlight { requests, .. } | Change::FewerInFlight { requests, .. } => {
            *requests -= 1;
        }
        Change::Slower { percent, .. } => *percent -= 1,
        Change::Silent { for_us, .. } if *for_us > SILENCE_STEP_US => *for_us -= SILENCE_STEP_US,
        Change::MoreTokens { tokens } | Change::FewerTokens { tokens } => *tokens -= 1,
        Change::Weight { weight, .. } => *weight = ((*weight - WEIGHT_STEP) * 1e6).round() / 1e6,
        _ => return None,
    }
    Some(less)
}

fn explained(world: &World) -> Option<(Explained, Nearest)> {
    let explained = world.router().explained(&world.facts, NOW_US, world.seed).ok()?;
    let nearest = Search::nearest(&explained);
    Some((explained, nearest))
}

#[test]
fn every_change_told_alters_the_choice_and_one_unit_less_does_not() {
    let mut kinds = BTreeMap::<&str, usize>::new();
    for strategy in STRATEGIES {
        for world in SEEDS.map(|seed| World::random(strategy, seed)) {
            let Some((explained, nearest)) = explained(&world) else { continue };
            let (table, was) = (&explained.decision.table, world.first());
            for Found { change, first } in &nearest.changes {
                let told = &table.deployments.get(*first).id;
                assert_eq!(first_after(&world, change, table), *told, "{strategy} {change:?}");
                assert_ne!(was, *told, "{strategy} {change:?}");
                if let Some(less) = one_less(change) {
                    let first = first_after(&world, &less, table);
                    // What nobody may serve has no other first.
                    assert!(first == was || first.is_empty(), "{strategy} {change:?}");
                }
                *kinds.entry(change.kind()).or_default() += 1;
            }
            for change in &nearest.unaltered {
                let first = first_after(&world, change, table);
                assert!(first == was || first.is_empty(), "{strategy} {change:?}");
            }
        }
    }
    let told = |kind: &&str| kinds.get(*kind).copied().unwrap_or(0) >= 2;
    let expected = [
        "more_in_flight",
        "fewer_in_flight",
        "slower",
        "silent",
        "cooldown_ends",
        "hold_ends",
        "more_prompt_tokens",
        "fewer_prompt_tokens",
        "stream",
        "priority",
        "no_session",
        "capability",
        "weight",
        "seed",
    ];
    assert!(expected.iter().all(told), "{kinds:?}");
}

/// Two providers, `a` of 4 slots and `b` of 8, in a pool.
fn two(strategy: &str) -> Value {
    json!({
        "providers": {
            "a": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": 4 },
            "b": { "kind": "openai", "base_url": "http://127.0.0.1:2/v1", "capacity": 8 },
        },
        "models": {
            "x": { "provider": "a", "context_window": 1_000 },
            "y": { "provider": "b", "context_window": 8_000 },
        },
        "load_balancing": { "p": { "strategy": strategy, "providers": [
            { "provider": "a", "preferred_model": "x" }, { "provider": "b", "preferred_model": "y" },
        ] } },
    })
}

fn document(config: &Value, state: Value, facts: &Facts) -> Value {
    let mut state = state;
    state["version"] = json!(3);
    let snapshot: Snapshot = serde_json::from_value(state).unwrap();
    router(&compiled(config), &snapshot).explained(facts, NOW_US, 1).unwrap().json()
}

fn asking(model: &str, prompt_tokens: u32) -> Facts {
    Facts { model: model.to_owned(), prompt_tokens, batch_size: 1, ..Facts::default() }
}

fn text<'d>(document: &'d Value, kind: &str) -> &'d str {
    let changes = document["nearest_changes"].as_array().unwrap();
    let change = changes.iter().find(|change| change["kind"] == kind);
    change.unwrap_or_else(|| panic!("no {kind} in {changes:?}"))["text"].as_str().unwrap()
}

#[test]
fn the_words_have_the_figures() {
    // Loads of 1/4 and 4/8.
    let state = json!({ "providers": { "a": { "in_flight": 1 }, "b": { "in_flight": 4 } } });
    let found = document(&two("least_loaded"), state, &asking("p", 10));
    assert_eq!(found["deployment"], "x@a");
    assert_eq!(text(&found, "more_in_flight"), "a: 2 more requests in flight → y@b");
    assert_eq!(text(&found, "fewer_in_flight"), "b: 3 fewer requests in flight → y@b");
    assert_eq!(text(&found, "more_prompt_tokens"), "1001 prompt tokens instead of 10 → y@b");
    assert_eq!(found["search_complete"], true);
}

#[test]
fn the_end_of_a_cooldown_is_told_with_its_time() {
    let config = two("direct");
    let state = json!({ "providers": {
        "a": { "standing": { "out_until_us": NOW_US + 42_500_000 } },
    } });
    let found = document(&config, state, &asking("p", 10));
    assert_eq!(found["deployment"], "y@b");
    let words = text(&found, "cooldown_ends");
    assert!(
        words.starts_with("x@a: its cooldown ends (in 42.5 s, at 2001-09-09T01:47:22"),
        "{words}"
    );
    assert!(words.ends_with("→ x@a"), "{words}");
}

#[test]
fn where_nothing_would_alter_the_choice_it_says_what_was_tried() {
    let config = json!({
        "providers": { "a": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": 2 } },
        "models": { "x": { "provider": "a" } },
    });
    let found = document(&config, json!({}), &asking("x", 10));
    assert_eq!(found["nearest_changes"], json!([]));
    let tried = found["changes_without_effect"].as_array().unwrap();
    assert!(tried.contains(&json!("a: 4 more requests in flight")), "{tried:?}");
    assert!(tried.contains(&json!("priority high")), "{tried:?}");
    assert!(found["reruns"].as_u64().unwrap() > 0);
}

//! What holds for every explanation of every strategy.

use serde_json::Value;

use crate::world::{World, NOW_US, STRATEGIES};

const SEEDS: std::ops::Range<u64> = 0..30;

/// Explanations of random fleets, as documents; what is refused has none.
fn explanations() -> impl Iterator<Item = (World, Value)> {
    let worlds = STRATEGIES
        .into_iter()
        .flat_map(|strategy| SEEDS.map(move |seed| World::random(strategy, seed)));
    worlds.filter_map(|world| {
        let explained = world.router().explained(&world.facts, NOW_US, world.seed).ok()?;
        Some((world, explained.json()))
    })
}

/// Every number in a value.
fn numbers(value: &Value) -> Vec<f64> {
    match value {
        Value::Number(number) => vec![number.as_f64().unwrap()],
        Value::Array(values) => values.iter().flat_map(numbers).collect(),
        Value::Object(members) => members.values().flat_map(numbers).collect(),
        _ => Vec::new(),
    }
}

#[test]
fn every_scored_candidate_has_finite_terms_and_says_why_it_is_behind() {
    let (mut scored, mut strategies) = (0, std::collections::BTreeSet::new());
    for (_, explained) in explanations() {
        for candidate in explained["candidates"].as_array().unwrap() {
            let terms = &candidate["terms"];
            if candidate["score"].is_null() {
                continue;
            }
            scored += 1;
            assert!(terms.is_object(), "{candidate}");
            assert!(numbers(terms).iter().all(|number| number.is_finite()), "{candidate}");
            // JSON has no infinity: a figure that is none would be null.
            let empty = |(name, of): &(&String, &Value)| of.is_null() && *name != "behind";
            assert!(!terms.as_object().unwrap().iter().any(|term| empty(&term)), "{candidate}");
            strategies.extend(terms["strategy"].as_str().map(str::to_owned));
            if let Some(behind) = terms["behind"].as_str() {
                assert!(!behind.is_empty(), "{candidate}");
            }
        }
    }
    assert!(scored > 1_000, "{scored}");
    assert_eq!(strategies.len(), STRATEGIES.len(), "{strategies:?}");
}

#[test]
fn an_explanation_is_the_decision_as_it_would_be_and_changes_nothing() {
    for (world, explained) in explanations() {
        let mut router = world.router();
        let before = router.snapshot();
        let plain = router.explain(&world.facts, NOW_US, world.seed).unwrap().explain();
        let again = router.explained(&world.facts, NOW_US, world.seed).unwrap().json();
        assert_eq!(router.snapshot(), before);
        assert_eq!(again.to_string(), explained.to_string());
        for (name, value) in plain.as_object().unwrap() {
            match name.as_str() {
                // These have more to them in an explanation.
                "plan" | "candidates" => {
                    let (plain, full) = (value.as_array().unwrap(), &again[name]);
                    for (place, entry) in plain.iter().enumerate() {
                        for (member, value) in entry.as_object().unwrap() {
                            assert_eq!(&full[place][member], value, "{name} {place} {member}");
                        }
                    }
                }
                _ => assert_eq!(&again[name], value, "{name}"),
            }
        }
        let decided = router.decide(&world.facts, NOW_US, world.seed).unwrap();
        let chosen = decided.chosen().unwrap();
        assert_eq!(again["deployment"], *decided.table.deployments.get(chosen).id);
    }
}

#[test]
fn the_search_keeps_to_its_bounds() {
    for (_, explained) in explanations() {
        let changes = explained["nearest_changes"].as_array().unwrap();
        assert!(changes.len() <= 5, "{explained}");
        assert!(explained["reruns"].as_u64().unwrap() <= 200);
        let distances: Vec<f64> =
            changes.iter().map(|change| change["distance"].as_f64().unwrap()).collect();
        assert!(distances.is_sorted(), "{distances:?}");
        let something = !changes.is_empty()
            || !explained["changes_without_effect"].as_array().unwrap().is_empty();
        assert!(something, "{explained}");
    }
}

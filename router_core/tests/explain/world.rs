//! A random small fleet in a random state, and a request to it, by a seed.

use std::sync::Arc;

use router_core::facts::{Cues, Facts};
use router_core::hold::{Hold, HoldKind};
use router_core::rng::Rng;
use router_core::router::Router;
use router_core::state::Snapshot;
use router_core::table::Table;
use serde_json::{json, Map, Value};

use crate::support::table;

pub const NOW_US: u64 = 1_000_000_000_000_000;
const SECOND_US: u64 = 1_000_000;

pub const STRATEGIES: [&str; 12] = [
    "direct",
    "round_robin",
    "weighted",
    "simple_shuffle",
    "least_loaded",
    "usage_based",
    "fastest_response",
    "most_capacity",
    "complexity_based",
    "context_based",
    "quality_based",
    "adaptive_weighted",
];

pub struct World {
    pub config: Value,
    pub table: Arc<Table>,
    pub snapshot: Snapshot,
    pub facts: Facts,
    pub seed: u64,
}

impl World {
    pub fn random(strategy: &str, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let providers = 2 + rng.below(4);
        let config = config(strategy, providers, &mut rng);
        let table = table(&config);
        let mut snapshot = Router::new(table.clone(), "world".to_owned()).snapshot();
        disturb(&mut snapshot, &config, &mut rng);
        let facts = facts(&mut rng);
        Self { config, table, snapshot, facts, seed: rng.next_u64() }
    }

    pub fn router(&self) -> Router {
        router(&self.table, &self.snapshot)
    }

    /// The deployment a request goes to; empty where it is refused.
    pub fn first(&self) -> String {
        first(&mut self.router(), &self.facts, self.seed)
    }
}

pub fn router(table: &Arc<Table>, snapshot: &Snapshot) -> Router {
    let mut router = Router::new(table.clone(), "world".to_owned());
    assert_eq!(router.restore(snapshot), Vec::<String>::new());
    router
}

pub fn first(router: &mut Router, facts: &Facts, seed: u64) -> String {
    let Ok(decision) = router.explain(facts, NOW_US, seed) else { return String::new() };
    let chosen = decision.chosen().unwrap();
    decision.table.deployments.get(chosen).id.clone()
}

fn config(strategy: &str, providers: usize, rng: &mut Rng) -> Value {
    let name = |index: usize| format!("p{index}");
    let weight = |rng: &mut Rng| -> f64 { [0.0, 0.3, 0.7, 1.0, 2.0][rng.below(5)] };
    let fleet: Map<String, Value> =
        (0..providers).map(|index| (name(index), provider(index, rng))).collect();
    let (mut models, mut chains, mut members) = (Map::new(), Map::new(), Vec::new());
    for model in 0..3 {
        let places: Vec<usize> = (0..providers)
            .filter(|index| *index == model % providers || rng.below(2) == 0)
            .collect();
        let deployments: Vec<Value> = places
            .into_iter()
            .map(|index| {
                let priority = u8::from(rng.below(5) == 0);
                json!({ "provider": name(index), "weight": weight(rng).max(0.1), "priority": priority })
            })
            .collect();
        for deployment in &deployments {
            let condition = ["always", "complexity == 'high'", "priority == 'high'"][rng.below(3)];
            let mut member = json!({
                "provider": deployment["provider"], "preferred_model": format!("m{model}"),
                "weight": weight(rng),
            });
            if rng.below(3) == 0 {
                member["condition"] = json!(condition);
            }
            members.push(member);
        }
        let window = [2_048, 8_192, 32_768][rng.below(3)];
        let tier = ["local", "cloud_entry", "cloud_standard", "cloud_premium"][rng.below(4)];
        let own = json!({
            "deployments": deployments, "parameters": format!("{}B", 1 + rng.below(70)),
            "context_window": window, "tier": tier, "capabilities": if model == 1 { json!(["c"]) } else { json!(["c", "d"]) },
        });
        models.insert(format!("m{model}"), own);
        chains.insert(format!("m{model}"), json!({ "chain": [format!("m{}", (model + 1) % 3)] }));
    }
    let exploration = [0.0, 0.05, 0.3][rng.below(3)];
    let parameters = json!({ "exploration": exploration, "saturation_threshold": 0.7,
        "complexity_detection": "token_count" });
    json!({
        "providers": fleet,
        "models": models,
        "fallback_chains": chains,
        "load_balancing": {
            "pool": { "strategy": strategy, "providers": members, "parameters": parameters },
        },
        "capabilities": {
            "c": { "routing_strategy": strategy, "preferred_models": ["m0", "m1", "m2"] },
            "d": { "preferred_models": ["m2", "m0"] },
        },
        "request_metadata_routing": {
            "urgent": { "provider": name(providers - 1), "condition": "priority == 'high'" },
            "streams": { "provider": "p0", "condition": "stream == true" },
        },
        "router_settings": { "routing_strategy": strategy },
    })
}

fn provider(index: usize, rng: &mut Rng) -> Value {
    let cloud = rng.below(3) == 0;
    let availability = [0.9, 0.95, 0.999][rng.below(3)];
    let mut entry = json!({
        "kind": "openai", "base_url": format!("http://127.0.0.1:{}/v1", 1 + index),
        "capacity": 1 + rng.below(6), "availability": availability,
        "ttft_prior_ms": 20 + rng.below(400),
        "location": if cloud { "cloud" } else { "local" },
    });
    if cloud {
        entry["price"] = json!({ "usd_per_request": 0.025 });
    }
    entry
}

/// Load, times, troubles and debts.
fn disturb(snapshot: &mut Snapshot, config: &Value, rng: &mut Rng) {
    for (id, figures) in &mut snapshot.providers {
        let capacity = config["providers"][id]["capacity"].as_u64().unwrap();
        let most = usize::try_from(capacity).unwrap() + 1;
        figures.in_flight = u32::try_from(rng.below(most)).unwrap();
        if rng.below(8) == 0 {
            figures.standing.out_until_us = NOW_US - SECOND_US + rng.next_u64() % (60 * SECOND_US);
        }
        if rng.below(8) == 0 {
            let until_us = [0, NOW_US + 30 * SECOND_US][rng.below(2)];
            let hold = Hold { kind: HoldKind::Draining, reason: String::new(), until_us };
            figures.hold = Some(Box::new(hold));
        }
    }
    for figures in snapshot.deployments.values_mut() {
        figures.in_flight = u32::try_from(rng.below(3)).unwrap();
        if rng.below(2) == 0 {
            let times = &mut figures.measured;
            times.outcomes = u32::try_from(rng.below(50)).unwrap();
            times.successes = times.outcomes - times.outcomes / 8;
            for of in [&mut times.first_token, &mut times.whole] {
                of.samples = u32::try_from(rng.below(20)).unwrap();
                of.p50_us = if of.samples > 0 { 1_000 * (20 + rng.next_u64() % 900) } else { 0 };
                of.p95_us = 2 * of.p50_us;
            }
            figures.published = figures.measured;
        }
        match rng.below(10) {
            0 => figures.standing.out_until_us = NOW_US + rng.next_u64() % (90 * SECOND_US),
            1 => figures.standing.halved_until_us = NOW_US + SECOND_US,
            2 => figures.standing.recovering_since_us = NOW_US - 10 * SECOND_US,
            3 => figures.cold_until_us = NOW_US + SECOND_US,
            4 if figures.in_flight > 0 => figures.waiting.stream_since_us = NOW_US - SECOND_US / 2,
            _ => {}
        }
    }
    let ids: Vec<String> = snapshot.deployments.keys().cloned().collect();
    for group in ["pool pool", "model m0"] {
        let owed = snapshot.shares.entry(group.to_owned()).or_default();
        for id in &ids {
            if rng.below(2) == 0 {
                owed.insert(id.clone(), rng.unit() - 0.5);
            }
        }
    }
}

fn facts(rng: &mut Rng) -> Facts {
    let some = |value: &str, rng: &mut Rng| (rng.below(3) == 0).then(|| value.to_owned());
    let small = u32::try_from(rng.below(60)).unwrap();
    Facts {
        model: ["pool", "c", "m0", "m1"][rng.below(4)].to_owned(),
        prompt_tokens: [small, 80, 1_900, 4_000][rng.below(4)],
        prompt_tokens_exact: true,
        max_tokens: (rng.below(2) == 0).then_some(100),
        cues: if rng.below(5) == 0 { Cues::REASONING } else { Cues::default() },
        stream: rng.below(2) == 0,
        batch_size: if rng.below(4) == 0 { 3 } else { 1 },
        priority: some("high", rng),
        session: some("s-1", rng),
        ..Facts::default()
    }
}

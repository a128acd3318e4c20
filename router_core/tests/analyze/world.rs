//! A random small fleet, as plain lists for brute force and as a config for `analyze`.

use router_core::rng::Rng;
use serde_json::{json, Map, Value};

#[derive(Debug)]
pub struct Provider {
    pub name: String,
    pub domain: String,
    pub availability: f64,
    pub first_token_ms: u32,
    pub active: bool,
}

#[derive(Debug)]
pub struct Model {
    pub name: String,
    pub enabled: bool,
    /// Indexes of providers, in the order of their priorities.
    pub deployments: Vec<usize>,
    /// Indexes of models.
    pub chain: Vec<usize>,
}

#[derive(Debug)]
pub struct World {
    pub providers: Vec<Provider>,
    pub models: Vec<Model>,
    pub attempt_limit: usize,
}

impl World {
    pub fn random(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let domains = 1 + rng.below(4);
        let providers: Vec<Provider> =
            (0..=rng.below(6)).map(|index| provider(index, domains, &mut rng)).collect();
        let count = 1 + rng.below(7);
        let density = 1 + rng.below(4);
        let models =
            (0..count).map(|index| model(index, count, density, providers.len(), &mut rng));
        Self { models: models.collect(), providers, attempt_limit: 1 + rng.below(6) }
    }

    pub fn config(&self) -> Value {
        let mut providers = Map::new();
        for (index, provider) in self.providers.iter().enumerate() {
            providers.insert(
                provider.name.clone(),
                json!({
                    "kind": "openai", "base_url": format!("http://127.0.0.1:{}/v1", 1 + index),
                    "failure_domain": provider.domain, "availability": provider.availability,
                    "ttft_prior_ms": provider.first_token_ms, "enabled": provider.active,
                }),
            );
        }
        let (mut models, mut chains) = (Map::new(), Map::new());
        for model in &self.models {
            let deployments: Vec<Value> = model
                .deployments
                .iter()
                .enumerate()
                .map(|(priority, index)| {
                    json!({ "provider": self.providers[*index].name, "priority": priority })
                })
                .collect();
            let own = json!({ "enabled": model.enabled, "deployments": deployments });
            models.insert(model.name.clone(), own);
            let chain: Vec<&str> =
                model.chain.iter().map(|member| self.models[*member].name.as_str()).collect();
            chains.insert(model.name.clone(), json!({ "chain": chain }));
        }
        json!({
            "providers": providers, "models": models, "fallback_chains": chains,
            "router_settings": { "max_attempts": self.attempt_limit },
        })
    }
}

fn provider(index: usize, domains: usize, rng: &mut Rng) -> Provider {
    let availability = match rng.below(8) {
        0 => 0.0,
        1 => 1.0,
        2 => 0.95,
        3 => 0.999,
        _ => rng.unit(),
    };
    Provider {
        name: format!("p{index}"),
        domain: format!("d{}", rng.below(domains)),
        availability,
        first_token_ms: 1 + u32::try_from(rng.below(1_000)).unwrap(),
        active: index == 0 || rng.below(5) > 0,
    }
}

fn model(index: usize, models: usize, density: usize, providers: usize, rng: &mut Rng) -> Model {
    let mut deployments = shuffled(providers, rng);
    deployments.truncate(1 + rng.below(3));
    let mut chain = shuffled(models, rng);
    chain.retain(|member| *member != index && rng.below(5) < density);
    Model { name: format!("m{index}"), enabled: rng.below(8) > 0, deployments, chain }
}

fn shuffled(count: usize, rng: &mut Rng) -> Vec<usize> {
    let mut left: Vec<usize> = (0..count).collect();
    let mut order = Vec::new();
    while !left.is_empty() {
        order.push(left.swap_remove(rng.below(left.len())));
    }
    order
}

//! A random world with what policies look at besides: places in the cloud, tiers, sizes and capabilities.

use std::collections::BTreeSet;

use router_core::rng::Rng;
use serde_json::{json, Value};

use crate::world::World;

const TIERS: [&str; 4] = ["cloud_premium", "cloud_standard", "cloud_entry", "local"];

#[derive(Debug)]
pub struct Fleet {
    pub world: World,
    /// By provider.
    pub in_cloud: Vec<bool>,
    /// By model.
    pub traits: Vec<Traits>,
}

#[derive(Debug)]
pub struct Traits {
    pub tier: &'static str,
    pub parameters: Option<u64>,
    pub capabilities: BTreeSet<&'static str>,
}

impl Fleet {
    pub fn random(seed: u64) -> Self {
        let world = World::random(seed);
        let mut rng = Rng::new(!seed);
        let in_cloud = world.providers.iter().map(|_| rng.below(2) == 0).collect();
        let traits = world.models.iter().map(|_| traits(&mut rng)).collect();
        Self { world, in_cloud, traits }
    }

    pub fn config(&self) -> Value {
        let mut config = self.world.config();
        for (provider, in_cloud) in self.world.providers.iter().zip(&self.in_cloud) {
            let location = if *in_cloud { "cloud" } else { "local" };
            config["providers"][&provider.name]["location"] = json!(location);
        }
        for (model, traits) in self.world.models.iter().zip(&self.traits) {
            let entry = &mut config["models"][&model.name];
            entry["tier"] = json!(traits.tier);
            entry["parameters"] = json!(traits.parameters);
            entry["capabilities"] = json!(traits.capabilities);
        }
        config["policies"] = json!({ "severity": { "cycle": "warning" } });
        config
    }
}

fn traits(rng: &mut Rng) -> Traits {
    let sizes = [None, Some(1), Some(5), Some(10), Some(49), Some(50), Some(100), Some(1_000)];
    let capabilities = ["chat", "code", "reasoning"].into_iter().filter(|_| rng.below(2) == 0);
    Traits {
        capabilities: capabilities.collect(),
        tier: TIERS[rng.below(TIERS.len())],
        parameters: sizes[rng.below(sizes.len())].map(|billions: u64| billions * 1_000_000_000),
    }
}

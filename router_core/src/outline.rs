//! What a table sends where, as JSON, for those who write it down in another router's words: names
//! resolved, weights merged, defaults in force.

use serde_json::{json, Value};

use crate::condition::Condition;
use crate::settings::Settings;
use crate::table::{
    Capability, CapabilityId, ChainStep, Deployment, DeploymentId, Member, Model, Pool, Provider,
    Table, Target,
};

/// Settings, providers, deployments, models, capabilities, pools, and what serves unknown names.
/// Everything is in file order; times are microseconds, prices US dollars.
#[must_use]
pub fn outline(table: &Table) -> Value {
    let named = |pool: &Pool| table.pool_names.contains_key(&pool.name);
    let pools = table.pools.iter().map(|(_, pool)| pool).filter(|pool| named(pool));
    json!({
        "settings": settings_row(&table.settings),
        "providers": rows(table.providers.iter(), |(_, provider)| provider_row(provider)),
        "deployments": rows(table.deployments.iter(), |(_, entry)| deployment_row(table, entry)),
        "models": rows(table.models.iter(), |(_, model)| model_row(table, model)),
        "capabilities": rows(table.capabilities.iter(), |(id, entry)| capability_row(table, id, entry)),
        "pools": rows(pools, |pool| pool_row(table, pool)),
        "default_provider": table.default_provider.map(|id| &table.providers.get(id).id),
        "default_chain": steps(table, &table.default_chain),
    })
}

fn rows<T>(entries: impl Iterator<Item = T>, row: impl Fn(T) -> Value) -> Vec<Value> {
    entries.map(row).collect()
}

fn settings_row(settings: &Settings) -> Value {
    json!({
        "strategy": settings.strategy.as_str(),
        "timeout_us": settings.timeout_us,
        "num_retries": settings.num_retries,
        "max_attempts": settings.max_attempts,
        "allowed_fails": settings.allowed_fails,
        "cooldown_us": settings.cooldown_us,
        "content_policy_fallback": settings.content_policy_fallback,
    })
}

fn provider_row(provider: &Provider) -> Value {
    json!({
        "id": provider.id,
        "kind": provider.kind.as_str(),
        "base_url": provider.base_url,
        "location": provider.location.as_str(),
        "capacity": provider.capacity,
        "credential": provider.credential,
        "active": provider.active,
        "price": provider.price,
        "ttft_prior_us": provider.ttft_prior_us,
        "first_token_us": provider.limits.first_token_us,
        "idle_us": provider.limits.idle_us,
        "total_us": provider.limits.total_us,
    })
}

fn deployment_row(table: &Table, entry: &Deployment) -> Value {
    json!({
        "id": entry.id,
        "provider": table.providers.get(entry.provider).id,
        "model": entry.model.map(|model| &table.models.get(model).name),
        "upstream_model": entry.upstream_model,
        "weight": entry.weight,
        "priority": entry.priority,
        "context_window": entry.context_window,
        "enabled": entry.enabled,
    })
}

fn model_row(table: &Table, model: &Model) -> Value {
    json!({
        "name": model.name,
        "aliases": model.aliases,
        "tier": model.tier.as_str(),
        "parameters": model.parameters,
        "capabilities": table.labels_of(model),
        "enabled": model.enabled,
        "strategy": model.strategy.as_str(),
        "deployments": ids(table, &model.deployments),
        "chain": steps(table, &model.chain),
    })
}

fn capability_row(table: &Table, id: CapabilityId, entry: &Capability) -> Value {
    let names = table.capability_names.iter();
    let mut deprecated: Vec<&str> = names
        .filter(|(_, name)| name.deprecated && name.capability == id)
        .map(|(name, _)| name.as_str())
        .collect();
    deprecated.sort_unstable();
    json!({
        "name": entry.name,
        "deprecated_names": deprecated,
        "strategy": entry.strategy.as_str(),
        "members": members(table, &entry.members),
        "fallback": steps(table, &entry.fallback),
    })
}

fn pool_row(table: &Table, pool: &Pool) -> Value {
    json!({
        "name": pool.name,
        "strategy": pool.strategy.as_str(),
        "members": members(table, &pool.members),
        "fallback": steps(table, &pool.fallback),
    })
}

fn members(table: &Table, members: &[Member]) -> Vec<Value> {
    let row = |member: &Member| {
        json!({
            "deployments": ids(table, table.deployments_of(&member.target)),
            "weight": member.weight,
            "condition": member.condition.as_ref().map(Condition::source),
        })
    };
    members.iter().map(row).collect()
}

/// Where each step goes: all deployments of a model, or one; `*@provider` takes the requested name.
fn steps(table: &Table, steps: &[ChainStep]) -> Vec<Value> {
    let row = |step: &ChainStep| {
        let (model, deployment) = match step.target {
            Target::Model(model) => (Some(&table.models.get(model).name), None),
            Target::Deployment(id) => (None, Some(&table.deployments.get(id).id)),
        };
        let condition = step.condition.as_ref().map(Condition::source);
        json!({ "model": model, "deployment": deployment, "condition": condition })
    };
    steps.iter().map(row).collect()
}

fn ids<'t>(table: &'t Table, deployments: &[DeploymentId]) -> Vec<&'t str> {
    deployments.iter().map(|id| table.deployments.get(*id).id.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::outline;

    #[test]
    fn what_is_told_is_what_is_in_force() {
        let config = json!({
            "providers": {
                "here": {"kind": "ollama", "base_url": "http://127.0.0.1:1"},
                "there": {"kind": "openai", "base_url": "http://127.0.0.1:2/v1", "enabled": false}
            },
            "models": {"small-7b": {
                "aliases": ["small"],
                "deployments": [{"provider": "here"}, {"provider": "there"}]
            }},
            "load_balancing": {
                "small-7b": {"providers": [{"provider": "here", "weight": 4}]},
                "pool": {"providers": [
                    {"provider": "here", "preferred_model": "small-7b", "condition": "batch_mode"}
                ]}
            },
            "fallback_chains": {"default": ["here"]},
            "router_settings": {"timeout": 1.5}
        });
        let table = crate::config::compile(config.to_string().as_bytes()).expect("compiles");
        let told = outline(&table);
        assert_eq!(told["settings"]["timeout_us"], 1_500_000);
        assert_eq!(told["settings"]["num_retries"], 2);
        assert_eq!(told["models"][0]["aliases"], json!(["small"]));
        assert_eq!(told["models"][0]["deployments"], json!(["small-7b@here", "small-7b@there"]));
        let deployments = told["deployments"].as_array().expect("a list");
        let of = |id: &str| deployments.iter().find(|entry| entry["id"] == id).expect("is there");
        assert_eq!(of("small-7b@here")["weight"], 4.0);
        assert_eq!(of("small-7b@there")["enabled"], false);
        let pools = told["pools"].as_array().expect("a list");
        assert_eq!(pools.len(), 1, "a model's own redundancy is no pool");
        assert_eq!(pools[0]["members"][0]["condition"], "batch_mode");
        assert_eq!(told["default_chain"][0]["deployment"], "*@here");
    }
}

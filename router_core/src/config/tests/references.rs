//! Mistakes between entries, and all mistakes at once: one error each, and no error about an error.

use serde_json::json;

use super::mistakes::{base, errors, expect, set};

#[test]
fn dangling_names_are_refused_with_the_closest() {
    let found = expect(
        "/models/new",
        json!({ "provider": "olama" }),
        "unknown-provider",
        "/models/new/provider",
    );
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `ollama`?"));
    let chain = json!({ "small:7b": { "chain": ["large:7b"] } });
    let found =
        expect("/fallback_chains", chain, "unknown-model", "/fallback_chains/small:7b/chain/0");
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `large:70b`?"));
    let capabilities = json!({ "chat": { "preferred_models": ["small:7b", { "model": "lrge" }] } });
    let pointer = "/capabilities/chat/preferred_models/1/model";
    expect("/capabilities", capabilities, "unknown-model", pointer);
    let rule = json!([{ "size": "< 8B", "provider": "nowhere" }]);
    expect("/model_size_routing", rule, "unknown-provider", "/model_size_routing/0/provider");
    let rule = json!([{ "pattern": "x", "provider": "ollama", "fallback": "nowhere" }]);
    expect("/patterns", rule, "unknown-model", "/patterns/0/fallback");
    let exact = json!({ "x": { "provider": "ollama", "fallback": "nowhere" } });
    expect("/exact_matches", exact, "unknown-model", "/exact_matches/x/fallback");
    let alias = json!({ "model_group_alias": { "gpt-4": "lage" } });
    expect("/router_settings", alias, "unknown-model", "/router_settings/model_group_alias/gpt-4");
    let fallbacks = json!([{ "model": "smal:7b", "fallback_models": ["large"] }]);
    expect("/fallbacks", fallbacks, "unknown-model", "/fallbacks/0/model");
    expect("/default_provider", json!("nowhere"), "unknown-provider", "/default_provider");
}

#[test]
fn a_capability_is_declared_or_standard() {
    let mut config = base();
    set(&mut config, "/capabilities", json!({ "chat": { "preferred_models": ["small:7b"] } }));
    set(&mut config, "/models/large:70b/capabilities", json!(["code", "chatt"]));
    let found = errors(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code, "unknown-capability");
    assert_eq!(found[0].pointer, "/models/large:70b/capabilities/1");
}

#[test]
fn a_slash_in_a_name_is_escaped_in_its_place() {
    let chain = json!({ "meta/x": { "chain": ["nowhere"] } });
    expect("/fallback_chains", chain, "unknown-model", "/fallback_chains/meta~1x/chain/0");
}

#[test]
fn names_are_unique() {
    let aliases = json!(["large:70b"]);
    expect("/models/small:7b/aliases", aliases, "duplicate-name", "/models/small:7b/aliases/0");
    expect(
        "/models/small:7b/aliases",
        json!(["x", "x"]),
        "duplicate-name",
        "/models/small:7b/aliases/1",
    );
    let alias = json!({ "model_group_alias": { "large": "small:7b" } });
    expect("/router_settings", alias, "duplicate-name", "/router_settings/model_group_alias/large");
    let model = json!({ "deployments": [{ "provider": "ollama" }, { "provider": "ollama" }] });
    expect("/models/two", model, "duplicate-deployment", "/models/two/deployments/1/provider");
}

#[test]
fn one_member_of_a_group_is_active() {
    let mut config = base();
    for id in ["ollama", "remote"] {
        set(&mut config, &format!("/providers/{id}/exclusive_group"), json!("gpu"));
    }
    let found = errors(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(
        (found[0].code, found[0].pointer.as_str()),
        ("exclusive-group", "/providers/remote")
    );
    set(&mut config, "/providers/remote/active", json!(true));
    assert_eq!(errors(&config)[0].pointer, "/providers/remote/active");
    set(&mut config, "/providers/remote/active", json!(false));
    assert_eq!(errors(&config), []);
}

#[test]
fn a_chain_does_not_name_its_own_model() {
    let chain = json!({ "large:70b": { "chain": ["small:7b", "large"] } });
    expect("/fallback_chains", chain, "self-reference", "/fallback_chains/large:70b/chain/1");
}

#[test]
fn a_pool_needs_deployments_that_exist() {
    let member = json!([{ "provider": "ollama", "preferred_model": "large:70b" }]);
    let pool = json!({ "p": { "providers": member } });
    let pointer = "/load_balancing/p/providers/0/preferred_model";
    let found = expect("/load_balancing", pool, "no-deployment", pointer);
    assert!(found.suggestion.unwrap().contains("remote"));
    let pool = json!({ "p": { "providers": [] } });
    expect("/load_balancing", pool, "no-members", "/load_balancing/p/providers");
    let member = json!([{ "provider": "remote", "preferred_model": "large:70b" }]);
    let pool = json!({ "small:7b": { "providers": member } });
    let pointer = "/load_balancing/small:7b/providers/0/preferred_model";
    expect("/load_balancing", pool, "foreign-member", pointer);
}

#[test]
fn a_step_says_where_to_once() {
    for step in [json!({}), json!({ "provider": "ollama", "model": "large" })] {
        let chain = json!({ "small:7b": [step] });
        expect("/fallback_chains", chain, "bad-step", "/fallback_chains/small:7b/0");
    }
}

#[test]
fn every_error_is_reported_at_once() {
    let mut config = base();
    for (place, value) in [
        ("/colour", json!("blue")),
        ("/providers/ollama/capacity", json!("many")),
        ("/providers/remote/base_url", json!("nowhere")),
        ("/models/small:7b/parameters", json!("big")),
        ("/router_settings", json!({ "timeout": "30s", "num_retries": 1 })),
        ("/patterns", json!([{ "pattern": "(", "provider": "nobody" }])),
        ("/fallback_chains", json!({ "large": ["large:70b", "small"], "small:7b": ["tiny:1b"] })),
    ] {
        set(&mut config, place, value);
    }
    let mut found: Vec<String> = errors(&config)
        .into_iter()
        .map(|found| format!("{} {}", found.code, found.pointer))
        .collect();
    found.sort();
    assert_eq!(
        found,
        [
            "bad-pattern /patterns/0/pattern",
            "bad-size /models/small:7b/parameters",
            "bad-url /providers/remote/base_url",
            "unknown-key /colour",
            "unknown-model /fallback_chains/large/1",
            "unknown-model /fallback_chains/small:7b/0",
            "unknown-provider /patterns/0/provider",
            "wrong-type /providers/ollama/capacity",
            "wrong-type /router_settings/timeout",
        ]
    );
}

#[test]
fn without_any_provider_nothing_else_is_said() {
    expect("/providers", json!({}), "no-providers", "/providers");
}

#[test]
fn a_broken_model_may_be_the_one_that_is_missed() {
    let mut config = base();
    set(&mut config, "/models/large:70b/context_window", json!("long"));
    set(&mut config, "/capabilities", json!({ "chat": { "provider": "remote" } }));
    let found = errors(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].pointer, "/models/large:70b/context_window");
}

#[test]
fn a_broken_entry_is_no_reason_for_further_errors() {
    let mut config = base();
    set(&mut config, "/providers/ollama/kind", json!(1));
    set(&mut config, "/models/large:70b/deployments", json!("remote"));
    set(
        &mut config,
        "/fallback_chains",
        json!({ "small:7b": ["large"], "large:70b": ["small:7b"] }),
    );
    set(&mut config, "/capabilities", json!({ "chat": { "preferred_models": ["small:7b"] } }));
    set(&mut config, "/default_provider", json!("ollama"));
    let found: Vec<String> = errors(&config).into_iter().map(|found| found.pointer).collect();
    assert_eq!(found, ["/providers/ollama/kind", "/models/large:70b/deployments"]);
}

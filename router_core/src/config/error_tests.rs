//! Every kind of mistake: one error each, at its exact place, and all of them at once.

use serde_json::{json, Value};

use super::compile;
use super::diagnostics::{Diagnostic, Severity};

/// Two providers and two models; each test adds one mistake.
fn base() -> Value {
    json!({
        "providers": {
            "ollama": { "kind": "ollama", "base_url": "http://127.0.0.1:11434" },
            "remote": { "kind": "vllm", "base_url": "https://example.org/v1", "location": "cloud" }
        },
        "models": {
            "small:7b": { "provider": "ollama", "capabilities": ["chat"] },
            "large:70b": { "provider": "remote", "aliases": ["large"] }
        }
    })
}

fn set(config: &mut Value, pointer: &str, value: Value) {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let key = key.replace("~1", "/");
    if config.pointer(parent).is_none() {
        set(config, parent, json!({}));
    }
    config
        .pointer_mut(parent)
        .unwrap()
        .as_object_mut()
        .unwrap()
        .insert(key, value);
}

fn diagnostics(config: &Value) -> Vec<Diagnostic> {
    match compile(config.to_string().as_bytes()) {
        Ok(table) => table.warnings,
        Err(found) => found,
    }
}

fn errors(config: &Value) -> Vec<Diagnostic> {
    let mut found = diagnostics(config);
    found.retain(|found| found.severity == Severity::Error);
    found
}

/// The one error of the base config with `value` set at `place`.
fn one_error(place: &str, value: Value) -> Diagnostic {
    let mut config = base();
    set(&mut config, place, value);
    let mut found = errors(&config);
    assert_eq!(found.len(), 1, "{place}: {found:#?}");
    found.remove(0)
}

#[track_caller]
fn expect(place: &str, value: Value, code: &str, pointer: &str) -> Diagnostic {
    let found = one_error(place, value);
    assert_eq!(
        (found.code, found.pointer.as_str()),
        (code, pointer),
        "{found:#?}"
    );
    found
}

#[test]
fn the_base_is_sound() {
    assert_eq!(diagnostics(&base()), []);
}

#[test]
fn unknown_keys_are_refused_with_the_closest() {
    let found = expect("/provders", json!({}), "unknown-key", "/provders");
    assert!(found.at_key);
    assert_eq!(
        found.suggestion.as_deref(),
        Some("did you mean `providers`?")
    );
    let found = expect(
        "/providers/ollama/capacty",
        json!(2),
        "unknown-key",
        "/providers/ollama/capacty",
    );
    assert_eq!(
        found.suggestion.as_deref(),
        Some("did you mean `capacity`?")
    );
    expect(
        "/models/small:7b/wieght",
        json!(1),
        "unknown-key",
        "/models/small:7b/wieght",
    );
}

#[test]
fn wrong_types_are_named() {
    let found = expect(
        "/providers/ollama/capacity",
        json!("4"),
        "wrong-type",
        "/providers/ollama/capacity",
    );
    assert_eq!(
        found.message,
        "expected a whole number, found the string \"4\""
    );
    assert_eq!(
        found.suggestion.as_deref(),
        Some("write the number without quotes: 4")
    );
    expect(
        "/models/small:7b/aliases",
        json!("x"),
        "wrong-type",
        "/models/small:7b/aliases",
    );
    expect(
        "/models/small:7b",
        json!(null),
        "wrong-type",
        "/models/small:7b",
    );
    expect(
        "/models/small:7b",
        json!([]),
        "wrong-type",
        "/models/small:7b",
    );
    expect("/patterns", json!({}), "wrong-type", "/patterns");
    expect("/patterns", json!([3]), "wrong-type", "/patterns/0");
    expect(
        "/default_provider",
        json!(7),
        "wrong-type",
        "/default_provider",
    );
    expect(
        "/providers/ollama/capacity",
        json!(1.5),
        "wrong-type",
        "/providers/ollama/capacity",
    );
    expect(
        "/fallback_chains",
        json!({ "small:7b": 3 }),
        "wrong-type",
        "/fallback_chains/small:7b",
    );
    let chain = json!({ "small:7b": ["large", 3] });
    expect(
        "/fallback_chains",
        chain,
        "wrong-type",
        "/fallback_chains/small:7b/1",
    );
}

#[test]
fn times_carry_no_unit() {
    let found = expect(
        "/router_settings/timeout",
        json!("30s"),
        "wrong-type",
        "/router_settings/timeout",
    );
    assert_eq!(
        found.suggestion.as_deref(),
        Some("write a bare number, in seconds")
    );
    let place = "/providers/ollama/connect_timeout_ms";
    let found = expect(place, json!("2000"), "wrong-type", place);
    assert_eq!(
        found.suggestion.as_deref(),
        Some("write the number without quotes, in milliseconds: 2000")
    );
}

#[test]
fn missing_keys_are_named_with_their_owner() {
    let provider = json!({ "kind": "ollama" });
    let found = expect(
        "/providers/extra",
        provider,
        "missing-key",
        "/providers/extra",
    );
    assert_eq!(found.message, "`base_url` is missing");
    expect("/models/new", json!({}), "no-deployment", "/models/new");
}

#[test]
fn words_outside_a_vocabulary_are_refused_with_the_closest() {
    let found = expect(
        "/providers/ollama/kind",
        json!("olama"),
        "unknown-value",
        "/providers/ollama/kind",
    );
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `ollama`?"));
    let pool = json!({ "p": {
        "strategy": "least_loded",
        "providers": [{ "provider": "ollama", "preferred_model": "small:7b" }]
    } });
    let found = expect(
        "/load_balancing",
        pool,
        "unknown-value",
        "/load_balancing/p/strategy",
    );
    assert_eq!(
        found.suggestion.as_deref(),
        Some("did you mean `least_loaded`?")
    );
    let place = "/router_settings/routing_strategy";
    expect(place, json!("simple_shufle"), "unknown-value", place);
    expect(
        "/unknown_model",
        json!("refuse"),
        "unknown-value",
        "/unknown_model",
    );
    expect(
        "/models/small:7b/tier",
        json!("premium"),
        "unknown-value",
        "/models/small:7b/tier",
    );
}

#[test]
fn numbers_out_of_range_are_refused() {
    for (key, value) in [
        ("capacity", json!(0)),
        ("capacity", json!(-1)),
        ("availability", json!(1.5)),
        ("availability", json!(-0.1)),
        ("context_window", json!(0)),
        ("context_window", json!(5_000_000_000_u64)),
        ("connect_timeout_ms", json!(-5)),
    ] {
        let place = format!("/providers/ollama/{key}");
        expect(&place, value, "out-of-range", &place);
    }
    expect(
        "/router_settings/timeout",
        json!(0),
        "out-of-range",
        "/router_settings/timeout",
    );
    expect(
        "/router_settings/allowed_fails",
        json!(300),
        "out-of-range",
        "/router_settings/allowed_fails",
    );
    let place = "/providers/ollama/price";
    let price = json!({ "usd_per_request": -1 });
    expect(
        place,
        price,
        "out-of-range",
        "/providers/ollama/price/usd_per_request",
    );
    expect(
        "/complexity",
        json!({ "low_below": 500 }),
        "out-of-range",
        "/complexity/low_below",
    );
}

#[test]
fn weights_are_shares() {
    let deployments = |first: Value, second: Value| {
        json!([
            { "provider": "ollama", "weight": first },
            { "provider": "remote", "weight": second }
        ])
    };
    let place = "/models/two";
    let model = |first, second| json!({ "deployments": deployments(first, second) });
    expect(
        place,
        model(json!(-1), json!(1)),
        "out-of-range",
        "/models/two/deployments/0/weight",
    );
    expect(
        place,
        model(json!(0), json!(0)),
        "bad-weights",
        "/models/two/deployments",
    );
    expect(
        place,
        model(json!("1"), json!(1)),
        "wrong-type",
        "/models/two/deployments/0/weight",
    );
    let shares = json!({ "small:7b": { "providers": deployments(json!(0), json!(0.0)) } });
    let pointer = "/load_balancing/small:7b/providers";
    expect("/load_balancing", shares.clone(), "bad-weights", pointer);
    expect(
        "/redundant_models",
        shares,
        "bad-weights",
        "/redundant_models/small:7b/providers",
    );
}

#[test]
fn a_number_too_large_for_json_is_an_error() {
    let text = base()
        .to_string()
        .replace("\"ollama\":{", "\"ollama\":{\"availability\":1e999,");
    let found = compile(text.as_bytes()).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "invalid-json");
}

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
    let found = expect(
        "/fallback_chains",
        chain,
        "unknown-model",
        "/fallback_chains/small:7b/chain/0",
    );
    assert_eq!(
        found.suggestion.as_deref(),
        Some("did you mean `large:70b`?")
    );
    let capabilities = json!({ "chat": { "preferred_models": ["small:7b", { "model": "lrge" }] } });
    let pointer = "/capabilities/chat/preferred_models/1/model";
    expect("/capabilities", capabilities, "unknown-model", pointer);
    let rule = json!([{ "size": "< 8B", "provider": "nowhere" }]);
    expect(
        "/model_size_routing",
        rule,
        "unknown-provider",
        "/model_size_routing/0/provider",
    );
    let rule = json!([{ "pattern": "x", "provider": "ollama", "fallback": "nowhere" }]);
    expect("/patterns", rule, "unknown-model", "/patterns/0/fallback");
    let exact = json!({ "x": { "provider": "ollama", "fallback": "nowhere" } });
    expect(
        "/exact_matches",
        exact,
        "unknown-model",
        "/exact_matches/x/fallback",
    );
    let alias = json!({ "model_group_alias": { "gpt-4": "lage" } });
    expect(
        "/router_settings",
        alias,
        "unknown-model",
        "/router_settings/model_group_alias/gpt-4",
    );
    let fallbacks = json!([{ "model": "smal:7b", "fallback_models": ["large"] }]);
    expect(
        "/fallbacks",
        fallbacks,
        "unknown-model",
        "/fallbacks/0/model",
    );
    expect(
        "/default_provider",
        json!("nowhere"),
        "unknown-provider",
        "/default_provider",
    );
}

#[test]
fn a_capability_is_declared_or_standard() {
    let mut config = base();
    set(
        &mut config,
        "/capabilities",
        json!({ "chat": { "preferred_models": ["small:7b"] } }),
    );
    set(
        &mut config,
        "/models/large:70b/capabilities",
        json!(["code", "chatt"]),
    );
    let found = errors(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].code, "unknown-capability");
    assert_eq!(found[0].pointer, "/models/large:70b/capabilities/1");
}

#[test]
fn a_slash_in_a_name_is_escaped_in_its_place() {
    let chain = json!({ "meta/x": { "chain": ["nowhere"] } });
    expect(
        "/fallback_chains",
        chain,
        "unknown-model",
        "/fallback_chains/meta~1x/chain/0",
    );
}

#[test]
fn a_bad_pattern_names_the_character() {
    let rule = json!([{ "pattern": "ab(c", "provider": "ollama" }]);
    let found = expect("/patterns", rule, "bad-pattern", "/patterns/0/pattern");
    assert_eq!(found.offset, Some(2));
    assert_eq!(found.message, "the pattern cannot be read: unclosed group");
    let rule = json!([{ "pattern": "*a", "provider": "ollama" }]);
    assert_eq!(one_error("/patterns", rule).offset, Some(0));
}

#[test]
fn a_bad_condition_names_the_character() {
    let rule =
        json!({ "big": { "provider": "ollama", "condition": "stream == true AND batchsize > 1" } });
    let pointer = "/request_metadata_routing/big/condition";
    let found = expect("/request_metadata_routing", rule, "bad-condition", pointer);
    assert_eq!(found.offset, Some(19));
    assert!(found.suggestion.is_some());
    let chain = json!({ "default": [{ "provider": "ollama", "condition": "stream > 'x'" }] });
    expect(
        "/fallback_chains",
        chain,
        "bad-condition",
        "/fallback_chains/default/0/condition",
    );
}

#[test]
fn names_are_unique() {
    let aliases = json!(["large:70b"]);
    expect(
        "/models/small:7b/aliases",
        aliases,
        "duplicate-name",
        "/models/small:7b/aliases/0",
    );
    expect(
        "/models/small:7b/aliases",
        json!(["x", "x"]),
        "duplicate-name",
        "/models/small:7b/aliases/1",
    );
    let alias = json!({ "model_group_alias": { "large": "small:7b" } });
    expect(
        "/router_settings",
        alias,
        "duplicate-name",
        "/router_settings/model_group_alias/large",
    );
    let model = json!({ "deployments": [{ "provider": "ollama" }, { "provider": "ollama" }] });
    expect(
        "/models/two",
        model,
        "duplicate-deployment",
        "/models/two/deployments/1/provider",
    );
}

#[test]
fn one_member_of_a_group_is_active() {
    let mut config = base();
    for id in ["ollama", "remote"] {
        set(
            &mut config,
            &format!("/providers/{id}/exclusive_group"),
            json!("gpu"),
        );
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
fn sizes_must_be_readable() {
    expect(
        "/models/small:7b/parameters",
        json!("big"),
        "bad-size",
        "/models/small:7b/parameters",
    );
    let rule = json!([{ "size": "around 8B", "provider": "ollama" }]);
    expect(
        "/model_size_routing",
        rule,
        "bad-size",
        "/model_size_routing/0/size",
    );
    let capability = json!({ "chat": { "min_model_size": "13 GB" } });
    expect(
        "/capabilities",
        capability,
        "bad-size",
        "/capabilities/chat/min_model_size",
    );
}

#[test]
fn a_chain_does_not_name_its_own_model() {
    let chain = json!({ "large:70b": { "chain": ["small:7b", "large"] } });
    expect(
        "/fallback_chains",
        chain,
        "self-reference",
        "/fallback_chains/large:70b/chain/1",
    );
}

#[test]
fn base_urls_are_checked() {
    for url in [
        "127.0.0.1:11434",
        "ftp://host",
        "http://",
        "http://host:port",
        "http://host:99999",
        "http://user:key@host",
        "http://host/v1?key=1",
        "http://ho st",
    ] {
        let place = "/providers/ollama/base_url";
        expect(place, json!(url), "bad-url", place);
    }
}

#[test]
fn a_key_is_named_once_and_never_written() {
    let place = "/providers/ollama/credential_env";
    expect(place, json!("sk-0123"), "bad-credential", place);
    let mut config = base();
    set(&mut config, place, json!("KEY"));
    set(
        &mut config,
        "/providers/ollama/credential_file",
        json!("key.txt"),
    );
    let found = errors(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].pointer, "/providers/ollama/credential_file");
}

#[test]
fn a_pool_needs_deployments_that_exist() {
    let member = json!([{ "provider": "ollama", "preferred_model": "large:70b" }]);
    let pool = json!({ "p": { "providers": member } });
    let pointer = "/load_balancing/p/providers/0/preferred_model";
    let found = expect("/load_balancing", pool, "no-deployment", pointer);
    assert!(found.suggestion.unwrap().contains("remote"));
    let pool = json!({ "p": { "providers": [] } });
    expect(
        "/load_balancing",
        pool,
        "no-members",
        "/load_balancing/p/providers",
    );
    let member = json!([{ "provider": "remote", "preferred_model": "large:70b" }]);
    let pool = json!({ "small:7b": { "providers": member } });
    let pointer = "/load_balancing/small:7b/providers/0/preferred_model";
    expect("/load_balancing", pool, "foreign-member", pointer);
}

#[test]
fn a_step_says_where_to_once() {
    for step in [json!({}), json!({ "provider": "ollama", "model": "large" })] {
        let chain = json!({ "small:7b": [step] });
        expect(
            "/fallback_chains",
            chain,
            "bad-step",
            "/fallback_chains/small:7b/0",
        );
    }
}

#[test]
fn an_empty_config_says_what_a_minimal_one_is() {
    for text in ["null", "{}", "{\"providers\": null}"] {
        let found = compile(text.as_bytes()).unwrap_err();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code, "empty-config");
        assert!(found[0]
            .suggestion
            .as_deref()
            .unwrap()
            .contains("default_provider"));
    }
    assert_eq!(compile(b"[]").unwrap_err()[0].code, "wrong-type");
    assert_eq!(compile(b"{").unwrap_err()[0].code, "invalid-json");
    assert_eq!(compile(&[0xff, 0x00]).unwrap_err()[0].code, "invalid-json");
}

#[test]
fn every_error_is_reported_at_once() {
    let mut config = base();
    for (place, value) in [
        ("/colour", json!("blue")),
        ("/providers/ollama/capacity", json!("many")),
        ("/providers/remote/base_url", json!("nowhere")),
        ("/models/small:7b/parameters", json!("big")),
        (
            "/router_settings",
            json!({ "timeout": "30s", "num_retries": 1 }),
        ),
        (
            "/patterns",
            json!([{ "pattern": "(", "provider": "nobody" }]),
        ),
        (
            "/fallback_chains",
            json!({ "large": ["large:70b", "small"], "small:7b": ["tiny:1b"] }),
        ),
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
fn a_broken_entry_is_no_reason_for_further_errors() {
    let mut config = base();
    set(&mut config, "/providers/ollama/kind", json!(1));
    set(
        &mut config,
        "/models/large:70b/deployments",
        json!("remote"),
    );
    set(
        &mut config,
        "/fallback_chains",
        json!({ "small:7b": ["large"], "large:70b": ["small:7b"] }),
    );
    set(
        &mut config,
        "/capabilities",
        json!({ "chat": { "preferred_models": ["small:7b"] } }),
    );
    set(&mut config, "/default_provider", json!("ollama"));
    let found: Vec<String> = errors(&config)
        .into_iter()
        .map(|found| found.pointer)
        .collect();
    assert_eq!(
        found,
        ["/providers/ollama/kind", "/models/large:70b/deployments"]
    );
}

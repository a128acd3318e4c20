//! Mistakes in single values and keys: one error each, at its exact place.

use serde_json::{json, Value};

use super::mistakes::{base, diagnostics, errors, expect, one_error, set};
use crate::config::compile;

#[test]
fn the_base_is_sound() {
    assert_eq!(diagnostics(&base()), []);
}

#[test]
fn unknown_keys_are_refused_with_the_closest() {
    let found = expect("/provders", json!({}), "unknown-key", "/provders");
    assert!(found.at_key);
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `providers`?"));
    let found =
        expect("/providers/ollama/capacty", json!(2), "unknown-key", "/providers/ollama/capacty");
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `capacity`?"));
    expect("/models/small:7b/wieght", json!(1), "unknown-key", "/models/small:7b/wieght");
}

#[test]
fn wrong_types_are_named() {
    let found = expect(
        "/providers/ollama/capacity",
        json!("4"),
        "wrong-type",
        "/providers/ollama/capacity",
    );
    assert_eq!(found.message, "expected a whole number, found the string \"4\"");
    assert_eq!(found.suggestion.as_deref(), Some("write the number without quotes: 4"));
    expect("/models/small:7b/aliases", json!("x"), "wrong-type", "/models/small:7b/aliases");
    expect("/models/small:7b", json!(null), "wrong-type", "/models/small:7b");
    expect("/models/small:7b", json!([]), "wrong-type", "/models/small:7b");
    expect("/patterns", json!({}), "wrong-type", "/patterns");
    expect("/patterns", json!([3]), "wrong-type", "/patterns/0");
    expect("/default_provider", json!(7), "wrong-type", "/default_provider");
    expect("/providers/ollama/capacity", json!(1.5), "wrong-type", "/providers/ollama/capacity");
    expect("/fallback_chains", json!({ "small:7b": 3 }), "wrong-type", "/fallback_chains/small:7b");
    let chain = json!({ "small:7b": ["large", 3] });
    expect("/fallback_chains", chain, "wrong-type", "/fallback_chains/small:7b/1");
}

#[test]
fn times_carry_no_unit() {
    let found =
        expect("/router_settings/timeout", json!("30s"), "wrong-type", "/router_settings/timeout");
    assert_eq!(found.suggestion.as_deref(), Some("write a bare number, in seconds"));
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
    let found = expect("/providers/extra", provider, "missing-key", "/providers/extra");
    assert_eq!(found.message, "`base_url` is missing");
    expect("/models/new", json!({}), "no-deployment", "/models/new");
}

#[test]
fn words_outside_a_vocabulary_are_refused_with_the_closest() {
    let found =
        expect("/providers/ollama/kind", json!("olama"), "unknown-value", "/providers/ollama/kind");
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `ollama`?"));
    let pool = json!({ "p": {
        "strategy": "least_loded",
        "providers": [{ "provider": "ollama", "preferred_model": "small:7b" }]
    } });
    let found = expect("/load_balancing", pool, "unknown-value", "/load_balancing/p/strategy");
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `least_loaded`?"));
    let place = "/router_settings/routing_strategy";
    expect(place, json!("simple_shufle"), "unknown-value", place);
    expect("/unknown_model", json!("refuse"), "unknown-value", "/unknown_model");
    expect("/models/small:7b/tier", json!("premium"), "unknown-value", "/models/small:7b/tier");
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
    expect("/router_settings/timeout", json!(0), "out-of-range", "/router_settings/timeout");
    expect(
        "/router_settings/allowed_fails",
        json!(300),
        "out-of-range",
        "/router_settings/allowed_fails",
    );
    let place = "/providers/ollama/price";
    let price = json!({ "usd_per_request": -1 });
    expect(place, price, "out-of-range", "/providers/ollama/price/usd_per_request");
    expect("/complexity", json!({ "low_below": 500 }), "out-of-range", "/complexity/low_below");
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
    expect(place, model(json!(-1), json!(1)), "out-of-range", "/models/two/deployments/0/weight");
    expect(place, model(json!(0), json!(0)), "bad-weights", "/models/two/deployments");
    expect(place, model(json!("1"), json!(1)), "wrong-type", "/models/two/deployments/0/weight");
    let shares = json!({ "small:7b": { "providers": deployments(json!(0), json!(0.0)) } });
    let pointer = "/load_balancing/small:7b/providers";
    expect("/load_balancing", shares.clone(), "bad-weights", pointer);
    expect("/redundant_models", shares, "bad-weights", "/redundant_models/small:7b/providers");
}

#[test]
fn a_number_too_large_for_json_is_an_error() {
    let text = base().to_string().replace("\"ollama\":{", "\"ollama\":{\"availability\":1e999,");
    let found = compile(text.as_bytes()).unwrap_err();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "invalid-json");
}

#[test]
fn sizes_must_be_readable() {
    expect("/models/small:7b/parameters", json!("big"), "bad-size", "/models/small:7b/parameters");
    let rule = json!([{ "size": "around 8B", "provider": "ollama" }]);
    expect("/model_size_routing", rule, "bad-size", "/model_size_routing/0/size");
    let capability = json!({ "chat": { "min_model_size": "13 GB" } });
    expect("/capabilities", capability, "bad-size", "/capabilities/chat/min_model_size");
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
    set(&mut config, "/providers/ollama/credential_file", json!("key.txt"));
    let found = errors(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0].pointer, "/providers/ollama/credential_file");
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
    expect("/fallback_chains", chain, "bad-condition", "/fallback_chains/default/0/condition");
}

#[test]
fn an_empty_config_says_what_a_minimal_one_is() {
    for text in ["null", "{}", "{\"providers\": null}"] {
        let found = compile(text.as_bytes()).unwrap_err();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].code, "empty-config");
        assert!(found[0].suggestion.as_deref().unwrap().contains("default_provider"));
    }
    assert_eq!(compile(b"[]").unwrap_err()[0].code, "wrong-type");
    assert_eq!(compile(b"{").unwrap_err()[0].code, "invalid-json");
    assert_eq!(compile(&[0xff, 0x00]).unwrap_err()[0].code, "invalid-json");
}

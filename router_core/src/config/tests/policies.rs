//! The section on policies: levels, what is accepted, and what cannot be lowered.

use serde_json::{json, Value};

use super::mistakes::{base, diagnostics, expect, set};
use super::tables::table;
use crate::config::diagnostics::{Diagnostic, Severity};

/// Both models on one domain each, large:70b with a chain that breaks two policies.
fn with_findings(policies: Value) -> Value {
    let mut config = base();
    set(&mut config, "/models/large:70b/parameters", json!("80B"));
    set(&mut config, "/models/large:70b/capabilities", json!(["chat", "code"]));
    set(&mut config, "/fallback_chains", json!({ "large": { "chain": ["small:7b"] } }));
    config["policies"] = policies;
    config
}

fn told(found: &[Diagnostic]) -> Vec<(Severity, &str, &str)> {
    found.iter().map(|found| (found.severity, found.code, found.pointer.as_str())).collect()
}

#[test]
fn policies_warn_at_the_place_that_the_file_has() {
    let warnings = table(&with_findings(json!({ "severity": {} }))).warnings;
    let step = "/fallback_chains/large/chain/0";
    let warning = Severity::Warning;
    assert_eq!(
        told(&warnings),
        [
            (warning, "single-failure-domain", "/models/small:7b"),
            (warning, "parameter-drop", step),
            (warning, "capability-lost", step),
        ]
    );
    assert!(warnings.iter().all(|found| found.suggestion.is_some()));
    let texts: Vec<&str> = warnings.iter().map(|found| found.message.as_str()).collect();
    assert_eq!(
        texts,
        [
            "nothing is left of the plan of `small:7b` when the provider `ollama` goes",
            "the first hop of `large:70b`, to `small:7b`, loses 91.3 % of the parameters (80 B to 7 B)",
            "the plan of `large:70b` loses the capability `code` on hop 2, `small:7b` on `ollama`",
        ]
    );
}

#[test]
fn a_level_is_set_by_policy() {
    let severity = json!({ "capability-lost": "error", "parameter-drop": "off" });
    let found = diagnostics(&with_findings(json!({ "severity": severity })));
    let levels: Vec<_> = found.iter().map(|found| (found.code, found.severity)).collect();
    let expected =
        [("single-failure-domain", Severity::Warning), ("capability-lost", Severity::Error)];
    assert_eq!(levels, expected);
}

#[test]
fn a_level_holds_for_what_is_found_while_reading() {
    let mut config = with_findings(json!({ "severity": {
        "unknown-key": "warning", "single-failure-domain": "off", "parameter-drop": "off",
        "capability-lost": "off", "unused-key": "error",
    } }));
    config["routing"] = json!({});
    assert_eq!(told(&diagnostics(&config)), [(Severity::Warning, "unknown-key", "/routing")]);
    config["metadata"] = json!({ "vesion": "1" });
    let found = diagnostics(&config);
    assert!(told(&found).contains(&(Severity::Error, "unused-key", "/metadata/vesion")));
}

#[test]
fn accepted_findings_are_kept_with_their_reason() {
    let accept = |policy: &str, at: &str| json!({ "policy": policy, "at": at, "reason": "so" });
    let accepts = [
        accept("capability-lost", "code"),
        accept("parameter-drop", "large:70b"),
        accept("single-failure-domain", "small:7b"),
    ];
    let table = table(&with_findings(json!({ "accept": accepts })));
    assert_eq!(table.warnings, []);
    assert_eq!(table.accepted.len(), 3);
    assert!(table.accepted.iter().all(|found| found.accepted.as_deref() == Some("so")));
}

#[test]
fn an_accepted_error_refuses_nothing() {
    let accept = json!({ "policy": "capability-lost", "at": "large:70b", "reason": "so" });
    let severity = json!({ "capability-lost": "error" });
    let table = table(&with_findings(json!({ "severity": severity, "accept": [accept] })));
    assert_eq!(table.accepted.len(), 1);
}

#[test]
fn an_accept_that_accepts_nothing_is_a_warning() {
    let accept = json!({ "policy": "capability-lost", "at": "large:7b", "reason": "so" });
    let found = diagnostics(&with_findings(json!({ "accept": [accept] })));
    let found = found.iter().find(|found| found.code == "unused-accept").unwrap();
    assert_eq!(found.pointer, "/policies/accept/0/at");
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `large:70b`? Else take it out"));
}

#[test]
fn what_no_table_can_do_without_stays_an_error() {
    let at = "/policies/severity/unknown-model";
    let found = expect(at, json!("warning"), "fixed-policy", at);
    assert!(found.message.contains("always an error"), "{}", found.message);
    let accept = json!([{ "policy": "bad-weights", "at": "x", "reason": "so" }]);
    expect("/policies/accept", accept, "fixed-policy", "/policies/accept/0/policy");
    let mut config = base();
    set(&mut config, at, json!("error"));
    assert!(table(&config).accepted.is_empty());
}

#[test]
fn the_section_is_read_strictly() {
    let at = "/policies/severity/cycel";
    let found = expect(at, json!("error"), "unknown-key", at);
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `cycle`?"));
    let accept = |entry: Value| json!([entry]);
    let entry = json!({ "policy": "capabilty-lost", "at": "x", "reason": "so" });
    let found =
        expect("/policies/accept", accept(entry), "unknown-value", "/policies/accept/0/policy");
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `capability-lost`?"));
    let entry = json!({ "policy": "cycle", "at": "x" });
    expect("/policies/accept", accept(entry), "missing-key", "/policies/accept/0");
    let entry = json!({ "policy": "cycle", "at": "x", "reason": " " });
    expect("/policies/accept", accept(entry), "empty-reason", "/policies/accept/0/reason");
}

#[test]
fn inactive_members_of_a_group_are_no_disabled_models() {
    let mut config = base();
    let member = |active: bool| {
        json!({ "kind": "vllm", "base_url": "http://127.0.0.1:9/v1", "exclusive_group": "gpu",
                "active": active })
    };
    set(&mut config, "/providers/one", member(true));
    set(&mut config, "/providers/two", member(false));
    set(&mut config, "/models/other", json!({ "provider": "two" }));
    set(&mut config, "/models/off", json!({ "provider": "one", "enabled": false }));
    set(&mut config, "/fallback_chains", json!({ "small:7b": { "chain": ["other", "off"] } }));
    let found = diagnostics(&config);
    let disabled: Vec<_> = told(&found).into_iter().filter(|it| it.1 == "disabled-model").collect();
    let at = "/fallback_chains/small:7b/chain/1";
    assert_eq!(disabled, [(Severity::Warning, "disabled-model", at)]);
}

#[test]
fn one_domain_for_all_is_one_finding() {
    let mut config = base();
    config["policies"] = json!({});
    set(&mut config, "/providers/ollama/failure_domain", json!("rack"));
    set(&mut config, "/providers/remote/failure_domain", json!("rack"));
    let found = diagnostics(&config);
    assert_eq!(told(&found), [(Severity::Warning, "single-failure-domain", "/providers")]);
    assert_eq!(found[0].names, ["rack"]);
}

#[test]
fn a_chain_with_a_mistake_is_not_judged() {
    let mut config = with_findings(json!({ "accept": [
        { "policy": "parameter-drop", "at": "large:70b", "reason": "so" }
    ] }));
    set(&mut config, "/fallback_chains/large", json!({ "chain": ["smal:7b"] }));
    assert_eq!(diagnostics(&config).len(), 1);
}

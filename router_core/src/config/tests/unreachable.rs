//! Rules that no request reaches, each told at its own place.

use serde_json::{json, Value};

use super::tables::{fleet, table};

/// Each finding as code, place and whether it is at the key.
fn found(extra: &Value) -> Vec<(&'static str, String, bool)> {
    let warnings = table(&fleet(extra)).warnings;
    let codes = ["unreachable-pattern", "unreachable-size", "shadowed"];
    let told = warnings.into_iter().filter(|found| codes.contains(&found.code));
    told.map(|found| (found.code, found.pointer, found.at_key)).collect()
}

fn sizes(sizes: &[&str]) -> Value {
    let rule = |size: &&str| json!({ "size": size, "provider": "ollama" });
    json!({ "model_size_routing": sizes.iter().map(rule).collect::<Vec<_>>() })
}

#[test]
fn a_size_that_those_before_it_cover() {
    let hidden = |place: &str| {
        vec![("unreachable-size", format!("/model_size_routing/{place}/size"), false)]
    };
    assert_eq!(found(&sizes(&["< 8B", ">= 8B", "8B - 13B"])), hidden("2"));
    assert_eq!(found(&sizes(&["<= 13B", "< 8B"])), hidden("1"));
    assert_eq!(found(&sizes(&["7B - 9B", "10B", "8B"])), hidden("2"));
    assert!(found(&sizes(&["< 8B", "8B - 13B", "> 13B"])).is_empty());
    assert!(found(&sizes(&["8B", "< 13B"])).is_empty());
}

#[test]
fn a_pool_whose_name_a_pattern_takes() {
    let pool = |name: &str| {
        json!({
            "patterns": [{ "pattern": "^chat-.*", "provider": "ollama" }],
            "load_balancing": { name: { "providers": [
                { "provider": "ollama", "preferred_model": "one:7b" },
            ] } },
        })
    };
    let shadowed = vec![("shadowed", "/load_balancing/chat-fast".to_owned(), true)];
    assert_eq!(found(&pool("chat-fast")), shadowed);
    assert!(found(&pool("fast-chat")).is_empty());
}

#[test]
fn a_pattern_that_one_before_it_takes_all_of() {
    let patterns = |patterns: [&str; 2]| {
        let rule = |pattern| json!({ "pattern": pattern, "provider": "ollama" });
        json!({ "patterns": patterns.map(rule) })
    };
    let hidden = vec![("unreachable-pattern", "/patterns/1/pattern".to_owned(), false)];
    assert_eq!(found(&patterns(["^meta/.*", "^meta/llama.*"])), hidden);
    assert!(found(&patterns(["^meta/llama.*", "^meta/.*"])).is_empty());
}

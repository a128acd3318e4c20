use std::sync::LazyLock;

use super::{
    inspect, inspect_text, overlay, Inspection, Operation, Place, RequestError, MAX_DEPTH,
};
use crate::complexity::{ComplexityParameters, CueFinder};
use crate::facts::{Cues, Features};
use crate::tokens::{count, count_all};
use proptest::prelude::*;
use serde_json::{json, Value};

fn finder() -> &'static CueFinder {
    static FINDER: LazyLock<CueFinder> =
        LazyLock::new(|| CueFinder::new(&ComplexityParameters::default()).unwrap());
    &FINDER
}

fn read(body: &str, operation: Operation) -> Result<Inspection, RequestError> {
    inspect(body.as_bytes(), operation, 10_000, finder())
}

fn chat(body: &Value) -> Inspection {
    read(&body.to_string(), Operation::Chat).unwrap()
}

fn refused(body: &str) -> RequestError {
    read(body, Operation::Chat).unwrap_err()
}

fn place(line: usize, column: usize) -> Place {
    Place { line, column }
}

const HI: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

#[test]
fn a_chat_is_read() {
    let found = chat(&json!({
        "model": "qwen2.5-coder:7b", "stream": true, "max_tokens": 50, "n": 2, "temperature": 0.1,
        "unknown": {"messages": [1], "model": 3},
        "messages": [
            {"role": "system", "content": "Build me a plan"},
            {"role": "user", "content": "print hello"},
        ],
    }));
    assert_eq!(
        found,
        Inspection {
            model: Some("qwen2.5-coder:7b".to_owned()),
            stream: true,
            max_tokens: Some(50),
            prompt_tokens: count_all(["Build me a plan", "print hello"], 100).tokens,
            prompt_tokens_exact: true,
            features: Features::default(),
            plain: false,
            cues: Cues::default(),
            prompt_hash: inspect_text("Print  Hello", 100, &CueFinder::default()).prompt_hash,
            choices: 2,
            batch_size: 1,
        }
    );
}

#[test]
fn plain_is_one_answer_in_text_of_no_prescribed_form() {
    let messages = json!([{ "role": "user", "content": "hello" }]);
    let asking = |more: &[(&str, serde_json::Value)]| {
        let mut body = json!({ "messages": messages, "temperature": 0.1, "unknown": {} });
        for (name, value) in more {
            body[*name] = value.clone();
        }
        chat(&body).plain
    };
    assert!(asking(&[]));
    assert!(asking(&[("n", json!(1)), ("tools", json!([])), ("logprobs", json!(false))]));
    for (name, value) in [
        ("n", json!(2)),
        ("tools", json!([{ "type": "function" }])),
        ("logprobs", json!(true)),
        ("response_format", json!({ "type": "json_object" })),
        ("guided_json", json!({})),
        ("grammar", json!("root ::= [a-z]+")),
        ("modalities", json!(["text", "audio"])),
    ] {
        assert!(!asking(&[(name, value)]), "{name}");
    }
}

#[test]
fn every_text_counts_and_cues_are_those_of_the_user() {
    let found = chat(&json!({"messages": [
        {"content": [{"type": "text", "text": "implement it"}, {"type": "image_url", "image_url": {"url": "data:"}}],
         "role": "user"},
        {"role": "assistant", "content": null, "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "look", "arguments": "{\"at\": \"a.py\"}"}}]},
        {"role": "tool", "content": "a.py b.py"},
        {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
    ]}));
    let texts = ["implement it", "look", "{\"at\": \"a.py\"}", "a.py b.py", "f", "{}"];
    assert_eq!(found.prompt_tokens, count_all(texts, 100).tokens);
    assert_eq!(found.cues, Cues::MAKE_WHOLE);
    assert_eq!(found.features, Features::VISION);
}

#[test]
fn counting_stops_at_the_limit() {
    let body = json!({"messages": [{"role": "user", "content": "a b c d"}]}).to_string();
    let found = inspect(body.as_bytes(), Operation::Chat, 3, finder()).unwrap();
    assert_eq!((found.prompt_tokens, found.prompt_tokens_exact), (3, false));
}

#[test]
fn features_are_seen() {
    for (member, feature) in [
        (r#""tools":[{"type":"function"}]"#, Features::TOOLS),
        (r#""functions":[{}]"#, Features::TOOLS),
        (r#""response_format":{"type":"json_schema","json_schema":{}}"#, Features::JSON_SCHEMA),
        (r#""response_format":{"type":"json_object"}"#, Features::JSON_SCHEMA),
        (r#""logprobs":true"#, Features::LOGPROBS),
        (r#""logprobs":3"#, Features::LOGPROBS),
        (r#""tools":[],"functions":null"#, Features::default()),
        (r#""response_format":{"type":"text"}"#, Features::default()),
        (r#""logprobs":false"#, Features::default()),
    ] {
        let found = read(&format!("{{{member},{HI}}}"), Operation::Chat).unwrap();
        assert_eq!(found.features, feature, "{member}");
    }
}

#[test]
fn prompts_and_inputs_come_in_four_shapes() {
    let words = |texts: &[&str]| count_all(texts.iter().copied(), 100).tokens;
    for (given, tokens, batch) in [
        (r#""one text""#, words(&["one text"]), 1),
        (r#"["one", "two texts"]"#, words(&["one", "two texts"]), 2),
        ("[1, 2, 3]", 3, 1),
        ("[[1, 2], [3], [4]]", 4, 3),
    ] {
        let prompt = read(&format!(r#"{{"prompt": {given}}}"#), Operation::Completion).unwrap();
        assert_eq!((prompt.prompt_tokens, prompt.batch_size), (tokens, batch), "{given}");
        let input = read(&format!(r#"{{"input": {given}}}"#), Operation::Embedding).unwrap();
        assert_eq!((input.prompt_tokens, input.batch_size), (tokens, batch), "{given}");
        assert_eq!(input.features, Features::EMBEDDINGS);
    }
    let asked = read(r#"{"prompt": "implement it"}"#, Operation::Completion).unwrap();
    assert_eq!(asked.cues, Cues::MAKE_WHOLE);
    assert_eq!(inspect_text("implement it", 100, finder()), asked);
}

#[test]
fn null_is_absent_and_of_two_the_last_holds() {
    let body = format!(
        r#"{{"model":null,"stream":null,"max_tokens":7,"max_completion_tokens":null,"n":null,"tools":null,{HI}}}"#
    );
    let found = read(&body, Operation::Chat).unwrap();
    assert_eq!(
        (found.model, found.stream, found.max_tokens, found.choices),
        (None, false, Some(7), 1)
    );
    let both = format!(r#"{{"max_completion_tokens":9,"max_tokens":7,"max_tokens":8.0,{HI}}}"#);
    assert_eq!(read(&both, Operation::Chat).unwrap().max_tokens, Some(9));
    let twice =
        format!(r#"{{"messages":[{{"content":"a b c d e"}}],{HI},"model":"a","model":"b"}}"#);
    let found = read(&twice, Operation::Chat).unwrap();
    assert_eq!((found.prompt_tokens, found.model.as_deref()), (1, Some("b")));
}

#[test]
fn escapes_and_foreign_numbers_pass() {
    let body = format!(r#"{{"m\u006fdel":"a\"b","big":1e400,"lone":"\ud800",{HI}}}"#);
    assert_eq!(read(&body, Operation::Chat).unwrap().model.as_deref(), Some("a\"b"));
}

#[test]
fn a_wrong_type_names_the_field() {
    for (body, param, part) in [
        (r#"{"model": 5}"#, "model", "`model` must be a string, not 5"),
        (r#"{"stream": "yes"}"#, "stream", "must be true or false, not a string"),
        (r#"{"max_tokens": -1}"#, "max_tokens", "an integer from 0 to 100000000, not -1"),
        (r#"{"max_tokens": 100000001}"#, "max_tokens", "not 100000001"),
        (r#"{"max_tokens": 1.5}"#, "max_tokens", "not 1.5"),
        (r#"{"max_completion_tokens": 1e30}"#, "max_completion_tokens", "an integer"),
        (r#"{"n": 0}"#, "n", "an integer from 1"),
        (r#"{"tools": {}}"#, "tools", "a list, not an object"),
        (r#"{"response_format": "json"}"#, "response_format", "an object"),
        (r#"{"messages": "hi"}"#, "messages", "a list with at least one message, not a string"),
        (r#"{"messages": []}"#, "messages", "not an empty list"),
        (r#"{"messages": [{}, null]}"#, "messages[1]", "an object, not null"),
        (
            r#"{"messages": [{}, {}, {"content": 5}]}"#,
            "messages[2].content",
            "a string or a list of content parts",
        ),
        (
            r#"{"messages": [{"content": [{"text": []}]}]}"#,
            "messages[0].content[0].text",
            "a string, not a list",
        ),
        (
            r#"{"messages": [{"tool_calls": [{"function": {"arguments": {}}}]}]}"#,
            "messages[0].tool_calls[0].function.arguments",
            "a string, not an object",
        ),
    ] {
        let error = refused(body);
        assert_eq!(error.param.as_deref(), Some(param), "{body}: {error}");
        assert!(error.message.contains(part), "{body}: {error}");
        assert!(error.place.is_some(), "{body}");
    }
    let error = read(r#"{"prompt": [[1, "a"]]}"#, Operation::Completion).unwrap_err();
    assert_eq!(error.param.as_deref(), Some("prompt[0][1]"));
    assert!(read(r#"{"input": []}"#, Operation::Embedding).is_err());
}

#[test]
fn a_missing_text_names_its_field() {
    for (operation, field) in [
        (Operation::Chat, "messages"),
        (Operation::Completion, "prompt"),
        (Operation::Embedding, "input"),
    ] {
        for body in ["{}".to_owned(), format!("{{\"{field}\": null}}")] {
            let error = read(&body, operation).unwrap_err();
            assert_eq!((error.param.as_deref(), error.place), (Some(field), None), "{body}");
            assert!(error.message.contains("missing"), "{error}");
        }
    }
}

#[test]
fn malformed_json_names_line_and_column() {
    let error = refused("{\"model\": \"a\",\n  \"stream\" true}");
    assert_eq!((error.place, error.param.as_deref()), (Some(place(2, 12)), None));
    assert_eq!(error.to_string(), "the body is not valid JSON: expected `:` (line 2, column 12)");
    for body in ["", "{\"messages\": [", "nonsense", "{} {}", "{\"a\": \u{1}}"] {
        assert!(refused(body).message.contains("not valid JSON"), "{body:?}");
    }
    for (body, met) in [("[]", "a list"), ("5", "5"), ("null", "null"), ("\"a\"", "a string")] {
        assert_eq!(refused(body).message, format!("the body must be an object, not {met}"));
    }
    assert!(inspect(b"{\"model\": \"\xff\"}", Operation::Chat, 10, finder()).is_err());
}

#[test]
fn nesting_is_bounded_and_brackets_in_text_do_not_nest() {
    let nested =
        |depth: usize| format!("{{{HI},\n\"x\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(&nested(MAX_DEPTH - 1), Operation::Chat).is_ok());
    let error = refused(&nested(MAX_DEPTH));
    assert_eq!(error.place, Some(place(2, 4 + MAX_DEPTH)));
    let text = json!({"messages": [{"content": "\\\"[".repeat(1000)}]}).to_string();
    assert!(read(&text, Operation::Chat).is_ok());
    assert!(refused(&"[".repeat(1_000_000)).message.contains("deep"));
}

#[test]
fn operations_have_names() {
    for operation in Operation::ALL {
        assert_eq!(Operation::parse(operation.as_str()), Some(operation));
    }
    assert_eq!(Operation::parse("chats"), None);
}

fn overlaid(body: &str, changes: &str) -> String {
    String::from_utf8(overlay(body.as_bytes(), changes.as_bytes()).unwrap()).unwrap()
}

#[test]
fn an_overlay_sets_appends_and_removes() {
    let body = r#"{"model": "a", "n": 1, "stop" : [ "x" ]}"#;
    assert_eq!(overlaid(body, r#"{"model":"b"}"#), r#"{"model":"b","n":1,"stop":[ "x" ]}"#);
    assert_eq!(
        overlaid(body, r#"{"n":null,"x":{"y":null}}"#),
        r#"{"model":"a","stop":[ "x" ],"x":{"y":null}}"#
    );
    assert_eq!(overlaid(r#"{"a":1}"#, r#"{"a":null,"b":null}"#), "{}");
    assert_eq!(overlaid(r#"{"a":null}"#, "{}"), r#"{"a":null}"#);
    assert_eq!(overlaid(r#"{"a":1,"b":2,"a":3}"#, "{}"), r#"{"a":3,"b":2}"#);
    assert_eq!(overlaid(r#"{"m\u006fdel":1}"#, r#"{"model":2}"#), r#"{"m\u006fdel":2}"#);
}

#[test]
fn an_overlay_keeps_the_bytes_of_the_rest() {
    let rest = r#""big":123456789012345678901234567890,"huge":1e400,"text":"\u00e9\ud83d\ude00\/","f":1.0E+2,"\ud800":"\ud800""#;
    assert_eq!(
        overlaid(&format!("{{{rest}}}"), r#"{"model":"m"}"#),
        format!(r#"{{{rest},"model":"m"}}"#)
    );
}

#[test]
fn an_overlay_needs_two_objects() {
    for (body, changes, part) in [
        ("[]", "{}", "the body"),
        ("{", "{}", "the body"),
        ("{}", "5", "the overlay"),
        ("{} x", "{}", "the body"),
    ] {
        let error = overlay(body.as_bytes(), changes.as_bytes()).unwrap_err();
        assert!(error.message.starts_with(part), "{error}");
        assert!(error.place.is_some());
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 20, 4, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            proptest::collection::hash_map(any::<String>(), inner, 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn an_empty_overlay_changes_nothing(members in proptest::collection::hash_map(any::<String>(), values(), 0..6)) {
        let body = Value::Object(members.into_iter().collect());
        let same: Value = serde_json::from_str(&overlaid(&body.to_string(), "{}")).unwrap();
        let plain: Value = serde_json::from_str(&body.to_string()).unwrap();
        prop_assert_eq!(same, plain);
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100), cut in 0_usize..200) {
        let body = json!({"model": "a", "messages": [{"role": "user", "content": [{"text": "b\n"}]}]}).to_string();
        let mut damaged = body.into_bytes();
        let at = cut.min(damaged.len());
        damaged.splice(at..at, bytes.iter().copied());
        for body in [&damaged, &bytes] {
            for operation in Operation::ALL {
                let _ = inspect(body, operation, 100, finder());
            }
            let _ = overlay(body, b"{\"model\":\"m\"}");
        }
    }

    #[test]
    fn a_user_text_counts_as_it_is(text in any::<String>()) {
        let found = chat(&json!({"messages": [{"role": "user", "content": text}]}));
        prop_assert_eq!(found.prompt_tokens, count(&text, 10_000).tokens);
        prop_assert_eq!(found.cues, finder().cues([text.as_str()]));
    }
}

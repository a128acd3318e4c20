use super::{Condition, ConditionError, Symbols, Value, Variable, MAX_LENGTH, MAX_NESTING};
use proptest::prelude::*;

const SYMBOLS: Symbols<'static> =
    Symbols { providers: &["ollama", "vllm-qwen", "llama_cpp_python", "gpu0"] };

fn compile(source: &str) -> Result<Condition, ConditionError> {
    Condition::compile(source, &SYMBOLS)
}

fn failure(source: &str) -> ConditionError {
    compile(source).unwrap_err()
}

/// A request of 200 prompt tokens, streamed, of medium complexity and high priority.
fn request(variable: &Variable) -> Value<'static> {
    match variable {
        Variable::TokenCount | Variable::PromptTokens => Value::Number(200.0),
        Variable::ModelSize => Value::Number(13e9),
        Variable::Complexity => Value::Text("medium"),
        Variable::Priority => Value::Text("high"),
        Variable::Header(name) if name.as_ref() == "x-team" => Value::Text("red"),
        Variable::Stream => Value::Flag(true),
        Variable::ProviderUnavailable(name) => Value::Flag(name.as_ref() == "vllm-qwen"),
        _ => Value::Missing,
    }
}

fn holds(source: &str) -> bool {
    compile(source).unwrap_or_else(|error| panic!("{source}: {error:?}")).holds(&request)
}

#[test]
fn conditions_of_the_fleet_compile() {
    for source in [
        "request_count > 5 OR batch_mode",
        "request_count <= 5",
        "local_saturated OR complexity == 'high'",
        "length > 1000 OR quality_tier == 'high'",
        r#"header.x-priority == "high""#,
        "batch_size > 1",
        "stream == true",
        "model_size >= 13B",
        "ollama_unavailable",
        "always",
        "capability == 'code' && !(context_tokens < 4096 || max_tokens != 5)",
    ] {
        assert_eq!(compile(source).unwrap().source(), source);
    }
}

#[test]
fn true_and_false() {
    for source in [
        "token_count > 100",
        "token_count >= 200",
        "200 == prompt_tokens",
        "token_count < 200.5",
        "token_count > -1",
        "stream",
        "stream == TRUE",
        "not batch_mode",
        "always",
        "true",
        "complexity >= 'medium'",
        "complexity < \"high\"",
        "'low' != complexity",
        "model_size == \"13B\"",
        "model_size < 14b",
        "model_size >= 13000000000",
        "priority == 'high'",
        "header.X-Team == 'red'",
        "vllm_qwen_unavailable",
        "vllm-qwen_unavailable",
        "always == true",
        "always OR batch_mode",
    ] {
        assert!(holds(source), "{source}");
    }
    for source in [
        "token_count > 200",
        "batch_mode",
        "!stream",
        "stream != true",
        "complexity == 'high'",
        "model_size > 13B",
        "priority == 'HIGH'",
        "header.x-team != 'red'",
        "ollama_unavailable",
        "false",
        "NOT always",
    ] {
        assert!(!holds(source), "{source}");
    }
}

#[test]
fn a_missing_value_equals_nothing() {
    for operator in ["==", "<", "<=", ">", ">="] {
        assert!(!holds(&format!("max_tokens {operator} 5")), "{operator}");
    }
    assert!(holds("max_tokens != 5"));
    assert!(holds("quality_tier != 'high'"));
    assert!(!holds("quality_tier == 'high'"));
    assert!(holds("header.x-none != 'a' and not header.x-none == 'a'"));
}

#[test]
fn not_binds_tighter_than_and_tighter_than_or() {
    assert!(holds("true OR true AND false"));
    assert!(!holds("(true OR true) AND false"));
    assert!(holds("NOT false AND true"));
    assert!(!holds("NOT (false OR true)"));
    assert!(holds("!token_count == 5 and !!stream"));
    assert!(holds("true or false && false Or false"));
}

#[test]
fn unknown_names_are_answered_with_the_closest() {
    let error = failure("stream AND token_cont > 5");
    assert_eq!(error.offset, 11);
    assert!(error.message.contains("token_cont"));
    assert_eq!(error.suggestion.as_deref(), Some("did you mean `token_count`?"));
    assert_eq!(
        failure("olama_unavailable").suggestion.as_deref(),
        Some("did you mean `ollama_unavailable`?")
    );
    assert_eq!(failure("Batch_Mode").suggestion.as_deref(), Some("did you mean `batch_mode`?"));
    assert!(failure("priority == urgent").suggestion.unwrap().contains("quotes"));
    assert!(failure("header. == 'a'").message.contains("header."));
}

#[test]
fn types_are_checked() {
    for (source, offset, part) in [
        ("token_count > '100'", 14, "they cannot be compared"),
        ("priority == 5", 12, "they cannot be compared"),
        ("token_count > 13B", 14, "they cannot be compared"),
        ("stream > true", 0, "no order"),
        ("priority < 'high'", 0, "no order"),
        ("complexity == 'hard'", 14, "no complexity"),
        ("complexity > 5", 13, "they cannot be compared"),
        ("model_size > 8", 13, "does not have 8 parameters"),
        ("model_size == 'big'", 14, "they cannot be compared"),
        ("batch_mode == 1", 14, "they cannot be compared"),
        ("token_count", 0, "is a number, not a condition"),
        ("stream OR 'yes'", 10, "is text, not a condition"),
    ] {
        let error = failure(source);
        assert_eq!(error.offset, offset, "{source}: {error:?}");
        assert!(error.message.contains(part), "{source}: {error:?}");
        assert!(error.suggestion.is_some(), "{source}: {error:?}");
    }
}

#[test]
fn errors_name_their_place() {
    for (source, offset, part) in [
        ("", 0, "empty"),
        ("   ", 0, "empty"),
        ("stream AND", 10, "found the end"),
        ("(stream", 7, "expected `)`"),
        ("stream)", 6, "expected AND, OR or the end"),
        ("stream batch_mode", 7, "expected AND, OR or the end"),
        ("1 < token_count < 5", 18, "two sides"),
        ("(stream) == true", 9, "expected AND, OR or the end"),
        ("token_count = 5", 12, "no operator"),
        ("stream & batch_mode", 7, "no operator"),
        ("token_count <> 5", 12, "no operator"),
        ("priority == 'high", 12, "no closing"),
        ("token_count > 10k", 14, "neither a number nor a size"),
        ("token_count > 1.2.3", 14, "neither a number nor a size"),
        ("stream ; always", 7, "does not belong"),
        ("OR stream", 0, "expected a name or a value"),
        // Characters, not bytes.
        ("priority == 'größer' AND ?", 25, "does not belong"),
    ] {
        let error = failure(source);
        assert_eq!(error.offset, offset, "{source}: {error:?}");
        assert!(error.message.contains(part), "{source}: {error:?}");
    }
}

#[test]
fn length_and_nesting_are_bounded() {
    let nested = |depth: usize| format!("{}stream{}", "(".repeat(depth), ")".repeat(depth));
    assert!(compile(&nested(MAX_NESTING)).is_ok());
    assert!(failure(&nested(MAX_NESTING + 1)).message.contains("nests"));
    assert!(compile(&("!".repeat(MAX_NESTING) + "stream")).is_ok());
    assert!(failure(&("!".repeat(MAX_NESTING + 1) + "stream")).message.contains("nests"));
    assert!(compile(&format!("{:MAX_LENGTH$}", "stream")).is_ok());
    assert!(failure(&format!("{:1$}", "stream", MAX_LENGTH + 1)).message.contains("at most"));
}

#[test]
fn what_it_reads_is_known() {
    let condition = compile(
        "header.X-Team == 'a' AND (header.x-org != 'b' OR NOT header.x-team == 'c') AND 5 < length",
    )
    .unwrap();
    assert_eq!(condition.headers(), ["x-team", "x-org"]);
    assert!(condition.reads(&Variable::Length));
    assert!(!condition.reads(&Variable::TokenCount));
    let condition = compile("token_count > 100 OR 4096 <= token_count OR length > 9999").unwrap();
    assert_eq!(condition.threshold(&Variable::TokenCount), Some(4096.0));
    assert_eq!(condition.threshold(&Variable::MaxTokens), None);
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let source = String::from_utf8_lossy(&bytes);
        if let Err(error) = compile(&source) {
            prop_assert!(error.offset <= source.chars().count());
        }
    }

    #[test]
    fn no_sequence_of_words_panics(words in proptest::collection::vec(
        prop_oneof![
            Just("("), Just(")"), Just("!"), Just("AND"), Just("or"), Just("=="), Just("<"), Just("'x'"),
            Just("13B"), Just("5"), Just("-2"), Just("stream"), Just("complexity"), Just("model_size"),
            Just("token_count"), Just("header.a"), Just("ollama_unavailable"), Just("é"), Just("true"),
        ], 0..40))
    {
        if let Ok(condition) = compile(&words.join(" ")) {
            let inverse = compile(&format!("NOT ({})", words.join(" "))).unwrap();
            prop_assert_ne!(condition.holds(&request), inverse.holds(&request));
        }
    }
}

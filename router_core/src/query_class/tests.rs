//! The examples of R15, and what must hold besides: case and punctuation do not matter, how-to and why
//! are never simple, and long texts take linear time.

use serde_json::{json, Value};

use super::*;

fn classifier() -> Classifier {
    let vocabulary: Vocabulary = serde_json::from_value(json!({
        "comparison": ["compare", "vs", "versus", "difference between"],
        "multi_step": ["step by step", "and then"],
        "ambiguous": ["it depends", "what about"],
        "complex_types": ["comparative", "diagnostic_synthesis"],
        "simple_types": {
            "genetics_performance": ["breed", "age"], "metric_query": ["breed", "age"]
        },
        "factual": ["what", "when", "where", "who", "which", "how many", "how much"],
        "how_to": ["how to", "how do", "how can", "how should", "why"],
        "metrics": ["weight", "fcr", "body weight"],
        "longest_factual_words": 10,
        "most_context_docs": 20
    }))
    .unwrap();
    Classifier::new(&vocabulary)
}

fn entities(given: &Value) -> Vec<(String, Vec<String>)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let values = |value: &Value| match value {
        Value::Array(items) => items.iter().map(text).collect(),
        single => vec![text(single)],
    };
    let members = given.as_object().unwrap().iter();
    members.map(|(name, value)| (name.clone(), values(value))).collect()
}

fn class(text: &str, query_type: &str, given: &Value) -> QueryClass {
    let entities = entities(given);
    let query_type = Some(query_type).filter(|name| !name.is_empty());
    let query = Query { text, query_type, entities: &entities, context_docs: 0 };
    classifier().classify(&query).class
}

fn class_of(text: &str) -> QueryClass {
    class(text, "", &json!({}))
}

#[test]
fn the_examples_of_the_specification() {
    let given = json!({ "breed": "Ross 308", "age_days": 21 });
    for text in ["What is the weight of Ross 308 at 21 days?", "Weight of Ross 308 at 21 days?"] {
        assert_eq!(class(text, "genetics_performance", &given), QueryClass::Simple, "{text}");
        assert_eq!(class_of(text), QueryClass::Simple, "{text}");
    }
    for text in ["How to improve FCR for Ross 308?", "Vaccination protocol for broilers"] {
        assert_eq!(class_of(text), QueryClass::Medium, "{text}");
    }
    let text = "Compare Ross 308 vs Cobb 500 at 21 and 28 days";
    assert_eq!(class(text, "comparative", &json!({})), QueryClass::Complex);
    assert_eq!(class_of(text), QueryClass::Complex);
    for query_type in ["nutrition_query", "farm_management"] {
        assert_eq!(class("Feeding plan for layers", query_type, &given), QueryClass::Medium);
    }
}

#[test]
fn comparing_is_complex_however_it_is_written() {
    for text in [
        "COMPARE the two",
        "Ross vs. Cobb?",
        "Ross (VS) Cobb",
        "Ross Versus Cobb",
        "What is the Difference  between Ross and Cobb?",
    ] {
        assert_eq!(class_of(text), QueryClass::Complex, "{text}");
    }
    assert_eq!(class_of("What is a comparison-free word?"), QueryClass::Simple);
    assert_eq!(class_of("What is the difference?"), QueryClass::Simple);
}

#[test]
fn several_values_of_an_entity_are_complex() {
    let several = [
        json!({ "age_days": "21,28" }),
        json!({ "breed": "Ross 308, Cobb 500" }),
        json!({ "age_days": [21, 28] }),
        json!({ "breed": ["Ross 308,Cobb 500"] }),
    ];
    for given in several {
        assert_eq!(class("What is the weight?", "metric_query", &given), QueryClass::Complex);
    }
    for given in [json!({ "breed": "Ross 308," }), json!({ "breed": [] }), json!({ "breed": "" })] {
        assert_eq!(class("Protocol for broilers", "", &given), QueryClass::Medium, "{given}");
    }
}

#[test]
fn types_are_complex_or_simple_by_themselves() {
    assert_eq!(class("Sick birds", "Diagnostic_Synthesis", &json!({})), QueryClass::Complex);
    assert_eq!(class("", "comparative", &json!({})), QueryClass::Complex);
    let long = "Please tell me all about the growth of my Ross 308 birds at this age today";
    for given in [json!({ "breed": "Ross", "age": 21 }), json!({ "Breed": "Ross", "age_weeks": 3 })]
    {
        assert_eq!(class(long, "metric_query", &given), QueryClass::Simple, "{given}");
    }
    for given in [
        json!({ "breed": "Ross" }),
        json!({ "age_days": 21 }),
        json!({ "breed": "", "age": 1 }),
        json!({ "breed": "Ross", "ageing": 21 }),
    ] {
        assert_eq!(class(long, "metric_query", &given), QueryClass::Medium, "{given}");
    }
}

#[test]
fn how_to_and_why_are_never_simple() {
    let given = json!({ "breed": "Ross 308", "age_days": 21 });
    for text in ["How to reach the weight?", "Why is the weight low?", "Weight is low, why?"] {
        assert_eq!(class(text, "genetics_performance", &given), QueryClass::Medium, "{text}");
        assert_eq!(class_of(text), QueryClass::Medium, "{text}");
    }
    assert_eq!(class_of("How many birds per square metre?"), QueryClass::Simple);
    assert_eq!(class_of("How much feed is eaten?"), QueryClass::Simple);
}

#[test]
fn a_factual_question_has_at_most_ten_words() {
    assert_eq!(class_of("what a b c d e f g h i"), QueryClass::Simple);
    assert_eq!(class_of("what a b c d e f g h i - ?"), QueryClass::Simple);
    assert_eq!(class_of("what a b c d e f g h i j"), QueryClass::Medium);
    assert_eq!(class_of("FCR Ross 308 day 35"), QueryClass::Simple);
    assert_eq!(class_of("Improve FCR for Ross 308"), QueryClass::Medium);
}

#[test]
fn multi_step_and_ambiguous_questions_are_complex() {
    for text in [
        "What is the weight? And the FCR?",
        "Explain it step-by-step",
        "Weigh and then feed",
        "What about the others?",
        "It depends: what is best?",
    ] {
        assert_eq!(class_of(text), QueryClass::Complex, "{text}");
    }
    assert_eq!(class_of("What is the weight??"), QueryClass::Simple);
}

#[test]
fn many_documents_are_complex() {
    let of = |context_docs| {
        let query = Query { text: "What is the weight?", context_docs, ..Query::default() };
        classifier().classify(&query)
    };
    assert_eq!(of(20).class, QueryClass::Simple);
    assert_eq!(of(21).class, QueryClass::Complex);
    assert_eq!(of(21).signal, "comes with more than 20 documents");
}

#[test]
fn odd_texts_are_medium() {
    for text in ["", "   ", "?", "\u{1F414}", "\u{0}"] {
        assert_eq!(class_of(text), QueryClass::Medium, "{text:?}");
    }
    let nobody = Classifier::default();
    let query = Query { text: "What is it?", ..Query::default() };
    assert_eq!(nobody.classify(&query).class, QueryClass::Medium);
}

#[test]
fn a_megabyte_is_read_once() {
    // Quadratic time over these would take hours.
    for text in ["difference ".repeat(100_000), "?".repeat(1_000_000), "a".repeat(1_000_000)] {
        assert_eq!(class_of(&text), QueryClass::Medium);
    }
}

use std::sync::LazyLock;

use super::{band, work_size, Band, ComplexityParameters, CueFinder};
use crate::facts::{Cues, Facts};
use crate::tokens::count;
use proptest::prelude::*;

fn parameters() -> ComplexityParameters {
    ComplexityParameters::default()
}

fn cues(texts: &[&str]) -> Cues {
    static FINDER: LazyLock<CueFinder> = LazyLock::new(|| CueFinder::new(&parameters()).unwrap());
    FINDER.cues(texts.iter().copied())
}

fn facts(prompt: &str, max_tokens: Option<u32>) -> Facts {
    Facts {
        prompt_tokens: count(prompt, 10_000).tokens,
        max_tokens,
        cues: cues(&[prompt]),
        ..Facts::default()
    }
}

fn sized(prompt_tokens: u32, max_tokens: Option<u32>, cues: Cues) -> Facts {
    Facts { prompt_tokens, max_tokens, cues, ..Facts::default() }
}

#[test]
fn a_small_task_stays_small_whatever_the_client_allows() {
    for max_tokens in [50, 4096, u32::MAX] {
        let facts = facts("print hello", Some(max_tokens));
        assert_eq!(band(&facts, &parameters(), true), Band::Low, "max_tokens {max_tokens}");
    }
    assert_eq!(work_size(&facts("print hello", Some(50)), &parameters()), 27);
    assert_eq!(work_size(&facts("print hello", Some(4096)), &parameters()), 32);
}

#[test]
fn a_whole_program_is_high() {
    let prompt = "Implement a complete REST API with authentication, database integration, and \
                  comprehensive error handling";
    let facts = facts(prompt, Some(500));
    assert_eq!(work_size(&facts, &parameters()), 15 + 95);
    assert_eq!(band(&facts, &parameters(), true), Band::High);
}

#[test]
fn bands_meet_at_fifty_and_one_hundred() {
    for (tokens, expected) in [
        (0, Band::Low),
        (49, Band::Low),
        (50, Band::Medium),
        (100, Band::Medium),
        (101, Band::High),
    ] {
        assert_eq!(
            band(&sized(tokens, None, Cues::default()), &parameters(), true),
            expected,
            "{tokens}"
        );
    }
    // Half a token decides too: 49.5 is low, 100.5 is high.
    assert_eq!(band(&sized(40, Some(19), Cues::default()), &parameters(), false), Band::Low);
    assert_eq!(band(&sized(80, Some(41), Cues::default()), &parameters(), false), Band::High);
}

#[test]
fn asking_for_something_whole_counts_only_without_max_tokens() {
    assert_eq!(work_size(&sized(10, None, Cues::MAKE_WHOLE), &parameters()), 60);
    assert_eq!(work_size(&sized(10, Some(10), Cues::MAKE_WHOLE), &parameters()), 15);
    assert_eq!(work_size(&sized(10, None, Cues::default()), &parameters()), 10);
}

#[test]
fn fenced_code_raises_one_band_and_files_make_code_high() {
    assert_eq!(band(&sized(10, None, Cues::FENCED_CODE), &parameters(), true), Band::Medium);
    assert_eq!(band(&sized(60, None, Cues::FENCED_CODE), &parameters(), true), Band::High);
    assert_eq!(band(&sized(200, None, Cues::FENCED_CODE), &parameters(), true), Band::High);
    assert_eq!(band(&sized(10, None, Cues::SEVERAL_FILES), &parameters(), true), Band::High);
    assert_eq!(band(&sized(10, None, Cues::SEVERAL_FILES), &parameters(), false), Band::Low);
}

#[test]
fn words_are_found_whole_in_any_case() {
    for (text, cue) in [
        ("IMPLEMENT a parser", Cues::MAKE_WHOLE),
        ("please write  a\ncomplete server", Cues::MAKE_WHOLE),
        ("Think step-by-step.", Cues::REASONING),
        ("what is the trade off?", Cues::REASONING),
        ("a multi-step task", Cues::REASONING),
    ] {
        assert_eq!(cues(&[text]), cue, "{text}");
    }
    for text in [
        "a prebuilt house",
        "disapproved",
        "explanation of planets",
        "write complete sentences",
        "",
    ] {
        assert_eq!(cues(&[text]), Cues::default(), "{text}");
    }
}

#[test]
fn fenced_code_needs_an_instruction() {
    assert_eq!(cues(&["fix this\n```py\nx = 1\n```"]), Cues::FENCED_CODE);
    assert_eq!(cues(&["fix this", "```\nx = 1\n```"]), Cues::FENCED_CODE);
    assert_eq!(cues(&["fix this\n```\ncut off"]), Cues::FENCED_CODE);
    assert_eq!(cues(&["```\nx = 1\n```"]), Cues::default());
    assert_eq!(cues(&["an empty ``` ``` block"]), Cues::default());
}

#[test]
fn two_different_files_are_several() {
    assert!(cues(&["move it from src/a.py to lib/b.rs"]).contains(Cues::SEVERAL_FILES));
    assert!(cues(&["see main.c", "and main.h"]).contains(Cues::SEVERAL_FILES));
    for text in [
        "main.py calls main.py",
        "Node.js or Vue.js?",
        "version 3.1 and 4.2",
        "a.pyx b.rsx",
        "1.5 sec.",
    ] {
        assert_eq!(cues(&[text]), Cues::default(), "{text}");
    }
}

#[test]
fn vocabularies_are_config() {
    let custom = ComplexityParameters {
        make_whole: vec!["übersetze".to_owned(), " ".to_owned()],
        reasoning: Vec::new(),
        file_extensions: vec![".zig".to_owned()],
        ..parameters()
    };
    let finder = CueFinder::new(&custom).unwrap();
    assert_eq!(finder.cues(["Bitte ÜBERSETZE das"]), Cues::MAKE_WHOLE);
    assert_eq!(finder.cues(["implement a plan"]), Cues::default());
    assert_eq!(finder.cues(["a.zig b.zig"]), Cues::SEVERAL_FILES);
    let strict: Result<ComplexityParameters, _> = serde_json::from_str(r#"{"low_bellow": 3}"#);
    assert!(strict.unwrap_err().to_string().contains("low_below"));
}

#[test]
fn unusable_numbers_are_named() {
    assert_eq!(parameters().problem(), None);
    let share = ComplexityParameters { output_share: f64::NAN, ..parameters() };
    assert_eq!(share.problem().unwrap().0, "output_share");
    let crossed = ComplexityParameters { low_below: 200, ..parameters() };
    assert_eq!(crossed.problem().unwrap().0, "low_below");
}

proptest! {
    #[test]
    fn more_prompt_is_never_less_work(tokens in 0_u32..1_000_000, more in 0_u32..1000, max in proptest::option::of(any::<u32>())) {
        let (fewer, larger) = (sized(tokens, max, Cues::default()), sized(tokens + more, max, Cues::default()));
        prop_assert!(work_size(&fewer, &parameters()) <= work_size(&larger, &parameters()));
        prop_assert!(band(&fewer, &parameters(), true) <= band(&larger, &parameters(), true));
    }

    #[test]
    fn no_text_panics(texts in proptest::collection::vec(any::<String>(), 0..4)) {
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let _ = cues(&texts);
    }
}

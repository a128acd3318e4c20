//! Experiments and query classes as they are written, and what is wrong with them.

use serde_json::{json, Value};

use super::mistakes::{base, diagnostics, errors, set};
use crate::complexity::Band;
use crate::config::compile;
use crate::config::diagnostics::Diagnostic;
use crate::experiment::{Experiment, Guardrail, Matching, Unit};
use crate::resolve::Rule;
use crate::table::Table;

fn config() -> Value {
    let mut config = base();
    set(
        &mut config,
        "/experiments/sizes",
        json!({
            "enabled": true,
            "match": { "capability": "chat", "rule": "capability", "complexity": "low" },
            "unit": "session",
            "arms": {
                "big": { "model": "large:70b" },
                "small": { "model": "small:7b", "share": 0.3 },
            },
            "schedule": [
                { "from": "2026-03-01T00:00:00Z", "share": 0.1 },
                { "from": "2026-03-08T00:00:00+01:00", "share": 0.5 },
            ],
            "guardrail": { "max_error_rate": 0.2, "min_samples": 50 },
        }),
    );
    set(
        &mut config,
        "/query_classes",
        json!({
            "experiment": "sizes", "simple": "small", "complex": "big", "baseline_latency_ms": 4500,
            "vocabulary": { "comparison": ["vs"] },
        }),
    );
    config
}

fn table(config: &Value) -> Table {
    compile(config.to_string().as_bytes()).unwrap()
}

fn only(table: &Table) -> &Experiment {
    table.experiments.iter().next().unwrap().1
}

/// The one error of the sound config with `value` set at `place`.
#[track_caller]
fn expect(place: &str, value: Value, code: &str, pointer: &str) -> Diagnostic {
    let mut config = config();
    set(&mut config, place, value);
    let mut found = errors(&config);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!((found[0].code, found[0].pointer.as_str()), (code, pointer), "{found:#?}");
    found.remove(0)
}

#[test]
fn everything_written_is_in_the_table() {
    let table = table(&config());
    assert_eq!(table.warnings, []);
    let experiment = only(&table);
    assert_eq!((experiment.name.as_str(), experiment.unit), ("sizes", Unit::Session));
    assert!(experiment.enabled);
    assert_eq!(experiment.matching.rule, Some(Rule::Capability));
    assert_eq!(experiment.matching.band, Some(Band::Low));
    assert_eq!(experiment.matching.capability, Some(table.capability_names["chat"].capability));
    assert_eq!((experiment.control, experiment.scheduled), (0, 1));
    let guardrail = Guardrail { max_error_rate: 0.2, min_samples: 50, ..Guardrail::default() };
    assert_eq!(experiment.guardrail, guardrail);
    let classes = table.query_classes.as_ref().unwrap();
    assert_eq!((classes.simple, classes.complex, classes.on_error), (1, 0, 0));
    assert_eq!(classes.baseline_latency_us, 4_500_000);
}

#[test]
fn an_experiment_is_off_by_prompt_and_matches_all_by_default() {
    let mut config = base();
    let arms = json!({ "a": { "model": "small:7b" }, "b": { "model": "large" } });
    set(&mut config, "/models/large:70b/aliases", json!([]));
    let arms_named = json!({ "a": { "model": "small:7b" }, "b": { "model": "large:70b" } });
    set(&mut config, "/experiments/plain", json!({ "arms": arms_named }));
    let table = table(&config);
    let plain = only(&table);
    assert!(!plain.enabled);
    assert_eq!((plain.unit, plain.matching), (Unit::Prompt, Matching::default()));
    assert_eq!(plain.shares(0).collect::<Vec<_>>(), [0.5, 0.5]);
    set(&mut config, "/experiments/plain/arms", arms);
    assert_eq!(errors(&config)[0].code, "unknown-model");
}

#[test]
fn shares_are_renormalised_and_a_missing_one_takes_the_rest() {
    let shares = |arms: Value| {
        let mut config = config();
        set(&mut config, "/query_classes", Value::Null);
        set(&mut config, "/experiments/sizes/arms", arms);
        set(&mut config, "/experiments/sizes/schedule", json!([]));
        only(&table(&config)).shares(0).map(|share| (share * 100.0).round()).collect::<Vec<_>>()
    };
    let arm = |share: Value| json!({ "model": "small:7b", "share": share });
    assert_eq!(shares(json!({ "a": arm(json!(0.2)), "b": arm(json!(0.6)) })), [25.0, 75.0]);
    let rest = json!({ "a": arm(json!(0.3)), "b": { "model": "small:7b" } });
    assert_eq!(shares(rest), [30.0, 70.0]);
    let even = json!({
        "a": arm(json!(0.4)), "b": { "model": "small:7b" }, "c": { "model": "small:7b" }
    });
    assert_eq!(shares(even), [40.0, 30.0, 30.0]);
}

#[test]
fn a_schedule_moves_the_first_arm_that_is_not_the_control() {
    let table = table(&config());
    let small = |seconds: u64| only(&table).shares(seconds * 1_000_000).nth(1).unwrap();
    let first = 1_772_323_200;
    let second = first + 7 * 86_400 - 3_600;
    for (seconds, share) in
        [(0, 0.3), (first - 1, 0.3), (first, 0.1), (second - 1, 0.1), (second, 0.5)]
    {
        assert!((small(seconds) - share).abs() < 1e-12, "{seconds}");
    }
    let sum: f64 = only(&table).shares(second * 1_000_000).sum();
    assert!((sum - 1.0).abs() < 1e-12);
}

#[test]
fn names_that_lead_nowhere_are_refused_with_the_closest() {
    let at = "/experiments/sizes";
    let place = format!("{at}/arms/small/model");
    let found = expect(&place, json!("smal:7b"), "unknown-model", &place);
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `small:7b`?"));
    let place = format!("{at}/match/capability");
    let found = expect(&place, json!("chatt"), "unknown-capability", &place);
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `chat`?"));
    let place = format!("{at}/match/rule");
    expect(&place, json!("capabilty"), "unknown-value", &place);
    let place = format!("{at}/control");
    expect(&place, json!("bg"), "unknown-arm", &place);
    expect("/query_classes/simple", json!("smal"), "unknown-arm", "/query_classes/simple");
    let place = "/query_classes/experiment";
    let found = expect(place, json!("size"), "unknown-experiment", place);
    assert_eq!(found.suggestion.as_deref(), Some("did you mean `sizes`?"));
}

#[test]
fn arms_and_shares_that_cannot_be_are_refused() {
    let arms = "/experiments/sizes/arms";
    let share = format!("{arms}/small/share");
    for outside in [json!(-0.1), json!(1.5)] {
        let mut config = config();
        set(&mut config, &share, outside);
        let found = &errors(&config)[0];
        assert_eq!((found.code, found.pointer.as_str()), ("out-of-range", share.as_str()));
    }
    let big = json!({ "model": "large:70b" });
    let alone = expect(arms, json!({ "big": big }), "too-few-arms", arms);
    assert_eq!(alone.message, "an experiment needs at least two arms");
    let of = |share: Option<f64>| json!({ "model": "small:7b", "share": share });
    let none = json!({ "big": of(Some(0.0)), "small": of(Some(0.0)) });
    expect(arms, none, "no-share", arms);
    let too_much = json!({ "big": of(Some(0.7)), "small": of(Some(0.7)), "c": of(None) });
    expect(arms, too_much, "no-share", arms);
}

#[test]
fn schedules_and_guardrails_that_make_no_sense_are_refused() {
    let at = "/experiments/sizes";
    let stage = |from: &str| json!({ "from": from, "share": 0.1 });
    let schedule = format!("{at}/schedule");
    let found =
        expect(&schedule, json!([stage("tomorrow")]), "bad-time", &format!("{schedule}/0/from"));
    assert_eq!(found.suggestion.as_deref(), Some("write it as 2026-03-01T09:00:00Z"));
    let twice = json!([stage("2026-03-01T00:00:00Z"), stage("2026-03-01T01:00:00+01:00")]);
    expect(&schedule, twice, "out-of-order", &format!("{schedule}/1/from"));
    let place = format!("{at}/guardrail/min_samples");
    expect(&place, json!(0), "out-of-range", &place);
    let place = format!("{at}/guardrail/review_quality_loss");
    expect(&place, json!(0.5), "out-of-range", &place);
}

#[test]
fn experiments_that_take_the_same_requests_are_warned_of() {
    let mut config = config();
    let arms = config.pointer("/experiments/sizes/arms").unwrap().clone();
    let other = |complexity: &str| json!({ "enabled": true, "match": { "complexity": complexity }, "arms": arms });
    set(&mut config, "/experiments/first", other("low"));
    set(&mut config, "/experiments/second", other("high"));
    // The experiment of the query classes takes only classified queries.
    assert_eq!(diagnostics(&config), []);
    set(&mut config, "/experiments/third", other("low"));
    let found = diagnostics(&config);
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].code, "overlapping-experiments");
    assert_eq!(found[0].pointer, "/experiments/third/match");
    set(&mut config, "/experiments/third/enabled", json!(false));
    assert_eq!(diagnostics(&config), []);
}

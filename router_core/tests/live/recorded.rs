//! Recorded decisions: each can be made again from its record alone, whatever had happened before.

use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::record::Replayer;
use router_core::router::Router;
use serde_json::{json, Value};

use crate::fleet::{provider, SECOND_US, START_US};
use crate::medley::{tables, Medley};
use crate::replays::Replays;
use crate::support::{asking, table};

const SEEDS: std::ops::Range<u64> = 0..40;
const ACTS: usize = 1_500;

#[test]
fn every_decision_of_a_medley_is_made_again_byte_for_byte() {
    let mut counts = [0; 3];
    for seed in SEEDS {
        let mut medley = Medley::new(seed);
        let mut replays = Replays::of(&mut medley.router, tables());
        for _ in 0..ACTS {
            medley.act();
        }
        replays.check(&mut medley.router);
        let of = replays.counts;
        for (count, more) in counts.iter_mut().zip([of.decided, of.refused, of.reported]) {
            *count += more;
        }
    }
    let [decided, refused, reported] = counts;
    assert!(decided >= 10_000 && refused >= 100 && reported >= 100, "{counts:?}");
}

#[test]
fn nothing_is_recorded_until_somebody_wants_it() {
    let mut medley = Medley::new(1);
    for _ in 0..100 {
        medley.act();
    }
    let (entries, lost) = medley.router.take_records();
    assert_eq!((entries.len(), lost), (0, 0));
}

fn config(second_weight: u32) -> Value {
    json!({
        "providers": { "a": provider(4), "b": provider(4) },
        "models": { "m": { "deployments": [
            { "provider": "a" }, { "provider": "b", "weight": second_weight }
        ] } },
    })
}

/// Decides, reports a success and returns the lines.
fn lines(router: &mut Router) -> Vec<Value> {
    let decision = router.decide(&asking("m"), START_US, 7).unwrap();
    let outcome =
        Outcome { ttft_us: Some(250_000), total_us: 500_000, ..Outcome::of(OutcomeClass::Success) };
    router.report(&decision.permit, &outcome, START_US + SECOND_US);
    let (entries, _) = router.take_records();
    entries.iter().map(|entry| serde_json::from_str(&entry.line()).unwrap()).collect()
}

#[test]
fn a_record_holds_what_was_read_and_what_was_reported() {
    let mut router = Router::new(table(&config(1)), "test".to_owned());
    router.record(true);
    let lines = lines(&mut router);
    let (decision, outcome) = (&lines[0], &lines[1]);
    assert_eq!(decision["decision_id"], "test-1");
    assert_eq!(decision["facts"], json!({ "model": "m", "batch_size": 1 }));
    assert_eq!(decision["view"]["deployments"], json!({ "m@a": {}, "m@b": {} }));
    assert_eq!(decision["view"]["shares"], json!({ "model m": {} }));
    assert_eq!(decision["decision"]["seed"], 7);
    assert_eq!(outcome["decision_id"], "test-1");
    assert_eq!(outcome["attempts"][0]["outcome"], "success");
    assert_eq!((&outcome["ttft_s"], &outcome["total_s"]), (&json!(0.25), &json!(0.5)));
}

#[test]
fn another_table_decides_anew_on_the_same_figures() {
    let mut router = Router::new(table(&config(1)), "test".to_owned());
    router.record(true);
    let record = lines(&mut router)[0].to_string();
    let mut other = Replayer::new(table(&config(0)));
    let made = other.replay(record.as_bytes()).unwrap();
    assert_eq!(made["decision"]["provider"], "a");
    assert_ne!(made["decision"]["table_version"], json!(router.table().version));
    let seeds: Vec<u64> = (0..50).collect();
    let draws = other.draws(record.as_bytes(), &seeds).unwrap();
    assert!(draws.iter().all(|drawn| drawn.as_deref() == Some("m@a")), "{draws:?}");
}

#[test]
fn what_is_no_record_is_refused_with_the_reason() {
    let mut replayer = Replayer::new(table(&config(1)));
    let cut = replayer.replay(br#"{"v":1,"decision_id":"x""#).unwrap_err();
    assert!(cut.starts_with("not the record of a decision: EOF"), "{cut}");
    let newer =
        r#"{"v":2,"decision_id":"x","table_version":"t","now_us":1,"seed":1,"facts":{},"view":{}}"#;
    let newer = replayer.replay(newer.as_bytes()).unwrap_err();
    assert_eq!(newer, "a record of version 2; this router reads up to 1");
}

#[test]
fn what_a_caller_gave_as_nothing_is_not_the_same_as_not_given() {
    let mut config = config(1);
    config["load_balancing"] = json!({ "pool": { "strategy": "quality_based", "providers": [
        { "provider": "a", "preferred_model": "m", "condition": "request_count == 0" },
        { "provider": "b", "preferred_model": "m" }
    ] } });
    let table = table(&config);
    let mut router = Router::new(table.clone(), "test".to_owned());
    let mut replays = Replays::of(&mut router, &[table]);
    let given = Facts { request_count: Some(0), ..asking("pool") };
    for seed in 0..10 {
        assert_eq!(router.decide(&given, START_US, seed).unwrap().choice.plan.len(), 2);
    }
    router.decide(&Facts { allowed: Some(Vec::new()), ..asking("m") }, START_US, 1).unwrap_err();
    replays.check(&mut router);
    assert_eq!((replays.counts.decided, replays.counts.refused), (10, 1));
}

#[test]
fn draws_stand_for_every_unit_of_an_experiment() {
    let mut config = config(1);
    config["models"] = json!({ "m": { "provider": "a" }, "n": { "provider": "b" } });
    config["experiments"] = json!({ "test": {
        "enabled": true, "unit": "session", "control": "old",
        "arms": { "old": { "model": "m", "share": 0.8 }, "new": { "model": "n", "share": 0.2 } },
    } });
    let table = table(&config);
    let mut router = Router::new(table.clone(), "test".to_owned());
    router.record(true);
    router.decide(&Facts { session: Some("s".to_owned()), ..asking("m") }, START_US, 1).unwrap();
    let record = router.take_records().0[0].line();
    let mut replayer = Replayer::new(table);
    let seeds: Vec<u64> =
        (0..2_000_u64).map(|nth| nth.wrapping_mul(0x9E37_79B9_7F4A_7C15)).collect();
    let draws = replayer.draws(record.as_bytes(), &seeds).unwrap();
    let new = draws.iter().filter(|drawn| drawn.as_deref() == Some("n@b")).count();
    assert!((330..=470).contains(&new), "{new}");
}

#[test]
fn another_tables_weights_are_met_exactly() {
    let mut router = Router::new(table(&config(1)), "test".to_owned());
    router.record(true);
    for nth in 0..400 {
        let decision = router.decide(&asking("m"), START_US + nth, nth).unwrap();
        router.report(&decision.permit, &Outcome::of(OutcomeClass::Success), START_US + nth);
    }
    let mut other = Replayer::new(table(&config(3)));
    let mut second = 0;
    let lines = router.take_records().0.into_iter().map(|entry| entry.line());
    for line in lines.filter(|line| line.contains(r#""kind":"decision""#)) {
        other.draws(line.as_bytes(), &[1, 2, 3]).unwrap(); // which lets no turn pass
        let made = other.replay(line.as_bytes()).unwrap();
        second += usize::from(made["decision"]["provider"] == "b");
    }
    assert_eq!(second, 300);
}

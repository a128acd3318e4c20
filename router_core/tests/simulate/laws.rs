//! Nothing is lost, nothing is kept, the same seed tells the same story, and a strategy changes where
//! requests go, not which requests come.

use router_core::outcome::{Outcome, OutcomeClass};
use router_core::router::{NextStep, Router};
use router_core::simulate::{ProviderReport, Simulation};
use serde_json::{json, Value};

use crate::support::{asking, table};
use crate::{at_once, pair, run, simulation};

/// Every way to fail, under more load than there is room for.
fn trouble(seed: u64) -> Value {
    json!({
        "seed": seed,
        "duration_s": 60,
        "deadline_s": 15,
        "arrivals": { "process": "burst", "rate_per_s": 6 },
        "workload": [
            { "model": "one", "streamed": 0.5, "sessions": 3,
              "output_tokens": { "mean": 60, "distribution": "exponential" } },
        ],
        "providers": {
            "a": {
                "slots": 2, "queue": 1, "distribution": "log_normal", "slowdown": 0.5,
                "faults": { "server_error": 0.1, "unavailable": 0.1, "hang": 0.1 },
                "dead": [{ "from_s": 10, "until_s": 20 },
                         { "from_s": 40, "until_s": 45, "answer": "hang" }],
            },
            "b": { "rate_limit": { "requests_per_minute": 120, "retry_after": true } },
        },
    })
}

#[test]
fn two_providers_of_four_serve_eight_at_once() {
    let scenario = json!({ "workload": [{ "model": "one" }] });
    let simulation = simulation(&pair(), &scenario, Some(at_once(8)));
    for strategy in simulation.strategies() {
        let report = simulation.run(strategy);
        assert_eq!((report.offered, report.answered), (8, 8), "{strategy}");
        assert_eq!((report.attempts, report.most_in_flight), (8, 8), "{strategy}");
        assert_eq!(report.in_flight_at_end, 0, "{strategy}");
        let first: Vec<_> = report.providers.iter().map(|provider| provider.attempts).collect();
        assert_eq!(first, [4, 4], "{strategy}");
    }
}

#[test]
fn the_router_alone_spreads_eight_over_both_and_takes_every_slot_back() {
    let mut router = Router::new(table(&pair()), "test".to_owned());
    let begin = |seed| router.begin(&asking("one"), 1_000_000, seed, 31_000_000).unwrap();
    let mut journeys: Vec<_> = (0..8).map(begin).collect();
    assert!(journeys.iter().all(|journey| matches!(journey.step, NextStep::Try { .. })));
    assert_eq!(router.in_flight(), [("a", 4), ("b", 4)]);
    for journey in &mut journeys {
        router.finish(journey, 1, &Outcome::of(OutcomeClass::Success), 2_000_000);
    }
    assert_eq!(router.in_flight(), [("a", 0), ("b", 0)]);
}

#[test]
fn whatever_happens_every_request_ends_and_nothing_stays_in_flight() {
    for seed in 1..=3 {
        let simulation = simulation(&pair(), &trouble(seed), None);
        for strategy in simulation.strategies() {
            let report = simulation.run(strategy);
            let ended = report.answered + report.failed + report.refused;
            assert_eq!(ended, report.offered, "seed {seed}, {strategy}");
            assert_eq!(report.in_flight_at_end, 0, "seed {seed}, {strategy}");
            let outcomes = report.providers.iter().flat_map(|provider| provider.outcomes.values());
            assert_eq!(outcomes.sum::<u64>(), report.attempts, "seed {seed}, {strategy}");
            assert!(report.failed > 0 && report.fallbacks > 0, "seed {seed}, {strategy}");
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_report_byte_for_byte() {
    let bytes = |seed: u64| serde_json::to_vec(&run(&trouble(seed), "least_loaded")).unwrap();
    assert_eq!(bytes(7), bytes(7));
    assert_ne!(bytes(7), bytes(8));
}

#[test]
fn strategies_meet_the_same_requests() {
    let simulation = simulation(&pair(), &trouble(3), None);
    let offered = |strategy: &String| {
        let report = simulation.run(strategy);
        (report.offered, report.offered_prompt_tokens, report.offered_output_tokens)
    };
    let all: Vec<_> = simulation.strategies().iter().map(offered).collect();
    assert!(all.iter().all(|offered| *offered == all[0]), "{all:?}");
}

#[test]
fn weights_are_kept_and_reported() {
    let mut config = pair();
    config["models"]["one"]["deployments"][0]["weight"] = json!(3);
    let scenario = json!({
        "duration_s": 5000,
        "arrivals": { "load": 0.05 },
        "workload": [{ "model": "one", "output_tokens": 20 }],
    });
    let report = simulation(&config, &scenario, None).run("weighted");
    let shares =
        |of: fn(&ProviderReport) -> f64| -> Vec<f64> { report.providers.iter().map(of).collect() };
    assert_eq!(shares(|provider| provider.share_wanted.unwrap()), [0.75, 0.25]);
    let got = shares(|provider| provider.share_got);
    assert!((got[0] - 0.75).abs() < 0.01, "{got:?}");
}

#[test]
fn load_is_a_share_of_the_modelled_capacity() {
    let scenario = json!({
        "duration_s": 2000,
        "arrivals": { "load": 0.5 },
        "workload": [{ "model": "one", "output_tokens": 46 }],
    });
    let report = run(&scenario, "least_loaded");
    // 100 ms and 45 tokens of 20 ms: one second in one of eight slots.
    assert!((report.load.capacity_per_s - 8.0).abs() < 1e-6, "{:?}", report.load);
    for provider in &report.providers {
        assert!((provider.utilisation_mean - 0.5).abs() < 0.02, "{provider:?}");
    }
    assert_eq!(report.ttft_ms.p50, Some(100.0));
    assert_eq!(report.total_ms.p50, Some(1_000.0));
    assert_eq!(report.goodput, Some(1.0));
}

#[test]
fn fixed_times_of_single_models_make_the_mean_a_sum_of_shares() {
    let config = json!({
        "providers": { "hub": { "kind": "openai", "base_url": "http://127.0.0.1:1/v1",
                                "capacity": 1000 } },
        "models": { "llama-3b": { "provider": "hub" }, "llama-8b": { "provider": "hub" } },
        "unknown_model": "reject",
    });
    let kind = |model: &str, share: f64| json!({ "model": model, "share": share, "streamed": 0 });
    let fixed = |ms: u32| json!({ "ttft_ms": ms, "ms_per_output_token": 0 });
    let scenario = json!({
        "duration_s": 1000,
        "arrivals": { "rate_per_s": 20 },
        "workload": [kind("llama-3b", 0.55), kind("llama-8b", 0.45)],
        "providers": { "hub": { "models": { "llama-3b": fixed(2500), "llama-8b": fixed(4500) } } },
    });
    let report = simulation(&config, &scenario, None).run("configured");
    let means: Vec<_> = report.models.iter().map(|model| model.total_ms_mean).collect();
    assert_eq!(means, [2500.0, 4500.0]);
    assert!((report.total_ms.mean.unwrap() - 3400.0).abs() < 20.0, "{:?}", report.total_ms);
}

#[test]
fn a_full_queue_answers_503_and_a_rate_limit_429() {
    let scenario = json!({
        "workload": [{ "model": "one" }],
        "providers": {
            "a": { "slots": 1, "queue": 1 },
            "b": { "rate_limit": { "requests_per_minute": 60, "burst": 1 } },
        },
    });
    let simulation = simulation(&pair(), &scenario, Some(at_once(8)));
    let report = simulation.run("least_loaded");
    assert!(report.providers[0].outcomes["unavailable"] >= 2, "{report:?}");
    assert!(report.providers[1].outcomes["rate_limited"] >= 3, "{report:?}");
}

#[test]
fn what_is_asked_for_as_a_stream_has_a_limit_to_its_first_token() {
    let hanging = |streamed: f64| {
        json!({
            "duration_s": 5,
            "workload": [{ "model": "one", "streamed": streamed }],
            "providers": { "a": { "faults": { "hang": 1 } } },
        })
    };
    let streamed = run(&hanging(1.0), "round_robin");
    assert_eq!(streamed.failed, 0);
    assert!(streamed.providers[0].outcomes["silent"] > 0);
    // A whole answer is asked for as a stream too, unless its provider should not be.
    let whole = run(&hanging(0.0), "round_robin");
    assert!(whole.providers[0].outcomes["silent"] > 0);
    let mut config = pair();
    config["providers"]["a"]["stream_whole_answers"] = json!(false);
    let direct = simulation(&config, &hanging(0.0), None).run("round_robin");
    assert!(direct.providers[0].outcomes["deadline"] > 0);
}

#[test]
fn mistakes_are_found_at_their_places_all_at_once() {
    let scenario = json!({
        "arrivals": { "rate_per_s": 1, "load": 0.5 },
        "strategies": ["least_loded"],
        "workload": [{ "share": 1 }],
        "providers": { "aa": {}, "a": { "faults": { "hang": 0.6, "unavailable": 0.6 } } },
    });
    let found = Simulation::new(&table(&pair()), scenario.to_string().as_bytes(), None)
        .expect_err("a scenario with mistakes");
    let places: Vec<_> = found.iter().map(|item| item.pointer.as_str()).collect();
    let wanted =
        ["/strategies/0", "/arrivals/load", "/workload/0", "/providers/a/faults", "/providers/aa"];
    assert_eq!(places, wanted);
    assert_eq!(found[0].suggestion.as_deref(), Some("did you mean `least_loaded`?"));

    let unknown = json!({ "durations_s": 5 });
    let found = Simulation::new(&table(&pair()), unknown.to_string().as_bytes(), None)
        .expect_err("an unknown key");
    assert_eq!(found[0].suggestion.as_deref(), Some("did you mean `duration_s`?"));
}

#[test]
fn absurd_sizes_and_models_nobody_serves_are_refused() {
    let large = json!({ "duration_s": 1_000_000, "arrivals": { "rate_per_s": 1000 } });
    let other = json!({ "workload": [{ "model": "two" }] });
    for (scenario, place) in [(large, "/arrivals"), (other, "/workload/0")] {
        let found = Simulation::new(&table(&pair()), scenario.to_string().as_bytes(), None)
            .expect_err("a refusal");
        assert_eq!(found[0].pointer, place);
    }
}

//! Saturation with its hysteresis (R12), what providers say of themselves, and where pools overflow to.

use router_core::facts::Facts;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::state::LoadSignal;
use serde_json::{json, Value};

use crate::fleet::{only, pool, provider, Fleet, SECOND_US};
use crate::support::asking;

fn reference() -> Value {
    serde_json::from_str(include_str!("../../src/config/reference.json")).unwrap()
}

fn running(count: u32) -> LoadSignal {
    LoadSignal { running: Some(count), ..LoadSignal::default() }
}

fn signal(fleet: &mut Fleet, provider: &str, signal: &LoadSignal, for_us: u64) {
    fleet.router.signal(provider, signal, None, fleet.now_us + for_us, fleet.now_us);
}

fn loaded(fleet: &mut Fleet, provider: &str, models: &[&str], for_us: u64) {
    let models: Vec<String> = models.iter().map(|name| (*name).to_owned()).collect();
    let (until_us, now_us) = (fleet.now_us + for_us, fleet.now_us);
    fleet.router.signal(provider, &LoadSignal::default(), Some(&models), until_us, now_us);
}

fn saturated(fleet: &Fleet) -> bool {
    fleet.figure("providers", "a", "saturated") == true
}

fn done() -> Outcome {
    Outcome::of(OutcomeClass::Success)
}

// ── Hysteresis ──────────────────────────────────────────────────────────────────────────────────

#[test]
fn a_provider_is_saturated_from_eighty_per_cent_until_below_sixty() {
    for capacity in [5, 10, 20, 50] {
        let mut fleet = Fleet::new(&pool("weighted", &[("a", 1.0, capacity)]));
        let mut held = Vec::new();
        for in_flight in 1..=capacity {
            held.push(fleet.hold(&asking("m-a")));
            assert_eq!(saturated(&fleet), 10 * in_flight >= 8 * capacity, "{in_flight}/{capacity}");
        }
        for in_flight in (0..capacity).rev() {
            fleet.report(&held.pop().unwrap(), &done());
            assert_eq!(saturated(&fleet), 10 * in_flight >= 6 * capacity, "{in_flight}/{capacity}");
        }
    }
}

#[test]
fn the_requests_of_others_count_and_ours_count_once() {
    let mut fleet = Fleet::new(&pool("weighted", &[("a", 1.0, 10)]));
    let mut held: Vec<String> = (0..4).map(|_| fleet.hold(&asking("m-a"))).collect();
    signal(&mut fleet, "a", &running(4), 60 * SECOND_US);
    assert_eq!(fleet.figure("providers", "a", "load"), 0.4);
    signal(&mut fleet, "a", &running(7), 60 * SECOND_US);
    assert_eq!(fleet.figure("providers", "a", "load"), 0.7);
    assert!(!saturated(&fleet));
    held.push(fleet.hold(&asking("m-a")));
    assert!(saturated(&fleet));
    for (permit, still) in held.iter().zip([true, true, false, false, false]) {
        fleet.report(permit, &done());
        assert_eq!(saturated(&fleet), still, "{}", fleet.figure("providers", "a", "load"));
    }
    assert_eq!(fleet.figure("providers", "a", "load"), 0.3);
    assert!(!saturated(&fleet));
}

#[test]
fn a_full_cache_and_waiting_requests_saturate_too() {
    let waiting = LoadSignal { waiting: Some(8), ..LoadSignal::default() };
    let cache = LoadSignal { cache_used: Some(0.8), ..LoadSignal::default() };
    for told in [waiting, cache] {
        let mut fleet = Fleet::new(&pool("weighted", &[("a", 1.0, 10)]));
        signal(&mut fleet, "a", &told, 60 * SECOND_US);
        assert!(saturated(&fleet), "{told:?}");
        signal(&mut fleet, "a", &LoadSignal::default(), 60 * SECOND_US);
        assert!(!saturated(&fleet), "{told:?}");
    }
}

#[test]
fn what_others_did_is_believed_until_its_time_and_taken_back_at_the_next_tick() {
    let mut fleet = Fleet::new(&pool("weighted", &[("a", 1.0, 10)]));
    signal(&mut fleet, "a", &running(9), 5 * SECOND_US);
    fleet.pass(5 * SECOND_US - 1);
    assert!(saturated(&fleet));
    assert_eq!(fleet.figure("providers", "a", "load"), 0.9);
    fleet.now_us += 1;
    assert_eq!(fleet.figure("providers", "a", "load"), 0.0);
    fleet.pass(0);
    assert!(!saturated(&fleet));
}

#[test]
fn within_the_hysteresis_a_stale_signal_leaves_what_is_known_of_our_own_load() {
    let mut fleet = Fleet::new(&pool("weighted", &[("a", 1.0, 10)]));
    for _ in 0..7 {
        fleet.hold(&asking("m-a"));
    }
    assert!(!saturated(&fleet));
    signal(&mut fleet, "a", &running(8), SECOND_US);
    fleet.pass(SECOND_US);
    assert!(saturated(&fleet), "7 of 10 is not below 60 %");
}

// ── Overflow ────────────────────────────────────────────────────────────────────────────────────

/// Of low complexity.
fn short(model: &str) -> Facts {
    Facts { prompt_tokens: 20, ..asking(model) }
}

#[test]
fn code_generation_overflows_to_the_cloud_at_eighty_per_cent_and_comes_back_below_sixty() {
    let cloud = "qwen3-coder:480b-cloud@ollama_cloud";
    let local = "qwen2.5-coder:7b@ollama";
    let vllm = "qwen-coder-vllm@vllm-qwen";
    let mut fleet = Fleet::new(&reference());
    let asked = Facts { request_count: Some(1), ..short("code-generation") };
    assert_eq!(fleet.first(&asked), local);
    // Of 64 and of 4 slots; the last of each saturates.
    let on_vllm: Vec<String> =
        (0..52).map(|_| fleet.hold(&only("qwen-coder-vllm", vllm))).collect();
    let mut on_ollama: Vec<String> =
        (0..3).map(|_| fleet.hold(&only("qwen2.5-coder:7b", local))).collect();
    assert_eq!(fleet.first(&asked), local);
    on_ollama.push(fleet.hold(&only("qwen2.5-coder:7b", local)));
    assert_eq!(fleet.first(&asked), cloud);
    fleet.report(&on_ollama.pop().unwrap(), &done());
    assert_eq!(fleet.first(&asked), cloud, "3 of 4 is not below 60 %");
    fleet.report(&on_ollama.pop().unwrap(), &done());
    assert_eq!(fleet.first(&asked), local);
    on_ollama.push(fleet.hold(&only("qwen2.5-coder:7b", local)));
    on_ollama.push(fleet.hold(&only("qwen2.5-coder:7b", local)));
    assert_eq!(fleet.first(&asked), cloud);
    for permit in &on_vllm[..14] {
        fleet.report(permit, &done());
    }
    assert_ne!(fleet.first(&asked), cloud, "38 of 64 is below 60 %");
}

#[test]
fn code_generation_overflows_on_what_others_do_and_while_every_local_member_is_out() {
    let cloud = "qwen3-coder:480b-cloud@ollama_cloud";
    let asked = Facts { request_count: Some(1), ..short("code-generation") };
    let mut fleet = Fleet::new(&reference());
    signal(&mut fleet, "ollama", &running(4), 60 * SECOND_US);
    signal(&mut fleet, "vllm-qwen", &running(60), 10 * SECOND_US);
    assert_eq!(fleet.first(&asked), cloud);
    fleet.pass(10 * SECOND_US);
    assert_ne!(fleet.first(&asked), cloud, "stale: unknown, so not saturated");
    let mut fleet = Fleet::new(&reference());
    for (model, id) in [("qwen2.5-coder:7b", "ollama"), ("qwen-coder-vllm", "vllm-qwen")] {
        for _ in 0..4 {
            let facts = only(model, &format!("{model}@{id}"));
            fleet.ends(&facts, &Outcome::of(OutcomeClass::Unreachable));
        }
    }
    assert_eq!(fleet.first(&asked), cloud);
    fleet.pass(60 * SECOND_US);
    assert_ne!(fleet.first(&asked), cloud);
}

#[test]
fn creative_tasks_stay_local_while_the_local_server_has_room_and_overflow_when_it_has_none() {
    let local = "mythomax-l2-13b-q5_k_m@ollama";
    let cloud = "gpt-oss:120b-cloud@ollama_cloud";
    let mut fleet = Fleet::new(&reference());
    let asked = short("creative-tasks");
    assert_eq!(fleet.first(&asked), local);
    let mut held: Vec<String> =
        (0..4).map(|_| fleet.hold(&only("mythomax-l2-13b-q5_k_m", local))).collect();
    assert_eq!(fleet.first(&asked), cloud, "its condition is false, but nothing else has room");
    for _ in 0..2 {
        fleet.report(&held.pop().unwrap(), &done());
    }
    assert_eq!(fleet.first(&asked), local);
    let long = Facts { max_tokens: Some(2_000), ..short("creative-tasks") };
    assert_eq!(fleet.first(&long), cloud, "where its condition holds the cloud goes first");
}

// ── Warmth ──────────────────────────────────────────────────────────────────────────────────────

#[test]
fn the_loaded_go_before_the_cold_until_the_word_is_old_or_a_first_token_came() {
    let config = json!({
        "providers": { "a": provider(8), "b": provider(8) },
        "models": { "m": { "deployments": [{ "provider": "a" }, { "provider": "b" }] } },
    });
    let firsts = |fleet: &mut Fleet| -> u32 {
        (0..400).map(|_| u32::from(fleet.first(&asking("m")) == "m@b")).sum()
    };
    for seed in [1, 1_000, 1_000_000] {
        let mut fleet = Fleet::new(&config);
        fleet.seed = seed;
        loaded(&mut fleet, "a", &[], 10 * SECOND_US);
        assert!(firsts(&mut fleet) >= 360, "all but the exploratory share goes to the warm one");
        loaded(&mut fleet, "a", &["m"], 10 * SECOND_US);
        assert!((150..250).contains(&firsts(&mut fleet)), "both loaded");
        loaded(&mut fleet, "a", &["another"], 10 * SECOND_US);
        fleet.pass(10 * SECOND_US - 1);
        assert!(firsts(&mut fleet) >= 360);
        fleet.pass(1);
        assert!((150..250).contains(&firsts(&mut fleet)), "unknown, not cold");
        loaded(&mut fleet, "a", &[], 60 * SECOND_US);
        let facts = only("m", "m@a");
        let (now_us, seed) = (fleet.now_us, fleet.seed);
        let journey = fleet.router.begin(&facts, now_us, seed, now_us + 30 * SECOND_US).unwrap();
        fleet.router.first_token(&journey, 1, now_us + SECOND_US);
        assert_eq!(fleet.figure("deployments", "m@a", "cold"), false, "it just answered");
    }
}

#[test]
fn a_cold_deployment_serves_where_every_warm_one_is_full_or_out() {
    let config = json!({
        "providers": { "a": provider(8), "b": provider(1) },
        "models": { "m": { "deployments": [{ "provider": "a" }, { "provider": "b" }] } },
    });
    let mut fleet = Fleet::new(&config);
    loaded(&mut fleet, "a", &[], 600 * SECOND_US);
    let permit = fleet.hold(&only("m", "m@b"));
    assert_eq!(fleet.first(&asking("m")), "m@a");
    fleet.report(&permit, &Outcome::of(OutcomeClass::RateLimited));
    assert_eq!(fleet.first(&asking("m")), "m@a");
}

#[test]
fn ranks_priorities_and_the_order_given_go_before_warmth() {
    let mut fleet = Fleet::new(&reference());
    loaded(&mut fleet, "ollama", &[], 600 * SECOND_US);
    for (model, deployment) in [
        ("creative-tasks", "mythomax-l2-13b-q5_k_m@ollama"),
        ("creative", "mythomax-l2-13b-q5_k_m@ollama"),
        ("code-generation", "qwen2.5-coder:7b@ollama"),
    ] {
        let asked = Facts { request_count: Some(1), ..short(model) };
        let firsts = (0..200).filter(|_| fleet.first(&asked) == deployment).count();
        assert_eq!(firsts, 200, "{model}");
    }
}

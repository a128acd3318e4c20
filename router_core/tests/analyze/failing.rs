//! What failing costs, what is left when much is down, and the cross-check by playing, all against brute
//! force or by hand.

use proptest::prelude::*;
use router_core::analyze::{analyze, Assumptions, Report};
use router_core::rng::Rng;
use serde_json::{json, Value};

use crate::brute::{self, State};
use crate::support::table;
use crate::world::World;

const AGREES_TO: f64 = 1e-12;

fn fleet() -> Value {
    let provider = |port: u16, domain: &str, availability: f64, ttft_ms: u32| {
        json!({
            "kind": "openai", "base_url": format!("http://127.0.0.1:{port}/v1"),
            "failure_domain": domain, "availability": availability, "ttft_prior_ms": ttft_ms,
        })
    };
    let mut cloud = provider(3, "cloud-domain", 0.99, 300);
    cloud["location"] = json!("cloud");
    cloud["price"] = json!({ "usd_per_request": 0.02 });
    json!({
        "providers": {
            "a": provider(1, "rack", 0.9, 100), "b": provider(2, "rack", 0.8, 50), "c": cloud,
        },
        "models": {
            "both": { "deployments": [
                { "provider": "a" }, { "provider": "b", "priority": 1 }
            ] },
            "far": { "provider": "c" },
            "near": { "provider": "b" },
        },
        "fallback_chains": { "both": { "chain": ["far"] } },
        "unknown_model": "reject",
    })
}

fn analysed(config: &Value, assumptions: &Value) -> Report {
    let table = table(config);
    let assumptions = Assumptions::read(assumptions.to_string().as_bytes(), &table).unwrap();
    analyze(&table, &assumptions)
}

fn close(found: f64, expected: f64) {
    assert!((found - expected).abs() < AGREES_TO, "{found} and {expected}");
}

#[test]
fn the_second_member_of_a_domain_saves_nobody() {
    let report = analysed(&fleet(), &json!({ "failed_hop_ms": 1_000 }));
    let both = &report.models[0];
    let answers: Vec<f64> = both.plan.iter().map(|hop| hop.answers).collect();
    close(answers[0], 0.9);
    close(answers[1], 0.0);
    close(answers[2], 0.1 * 0.99);
    close(both.expected.attempts, 0.9 + 3.0 * 0.1);
    let first_token_ms = (0.9 * 100.0 + 0.099 * 2_300.0) / 0.999;
    close(both.expected.first_token_ms.unwrap(), first_token_ms);
    close(both.expected.usd, 0.099 * 0.02);
    assert_eq!((both.worst.attempts, both.worst.first_token_ms), (3, Some(2_300.0)));
    close(both.worst.usd, 0.02);
    assert!(both.worst.within_deadline);
    let slow = analysed(&fleet(), &json!({ "failed_hop_ms": 15_000 }));
    assert!(!slow.models[0].worst.within_deadline);
}

#[test]
fn tokens_are_paid_for_where_they_are_priced() {
    let mut config = fleet();
    config["providers"]["c"]["price"] =
        json!({ "usd_per_1k_prompt_tokens": 0.001, "usd_per_1k_completion_tokens": 0.002 });
    let report = analysed(&config, &json!({ "prompt_tokens": 3_000, "answer_tokens": 500 }));
    close(report.models[1].worst.usd, 0.004);
}

#[test]
fn a_month_of_fallback_costs_its_share_times_its_price() {
    close(analysed(&fleet(), &json!({})).fallback_cost.usd_per_month, 750.0);
    let asked = json!({ "requests_per_month": 2e6, "fallback_rate": 0.1, "fallback_usd": 0.01 });
    close(analysed(&fleet(), &asked).fallback_cost.usd_per_month, 2_000.0);
}

#[test]
fn entropy_is_of_traffic_by_provider() {
    let traffic = analysed(&fleet(), &json!({})).traffic;
    close(traffic.first.entropy_bits, 3f64.log2());
    close(traffic.last.entropy_bits, -(2.0 / 3.0) * (2f64 / 3.0).log2() + 3f64.log2() / 3.0);
    let weighted = json!({ "traffic": { "both": 1, "near": 1 } });
    let traffic = analysed(&fleet(), &weighted).traffic;
    close(traffic.first.entropy_bits, 1.0);
    let one = analysed(&fleet(), &json!({ "traffic": { "far": 5 } })).traffic;
    close(one.first.entropy_bits, 0.0);
    assert_eq!(one.first.shares.len(), 1);
}

#[test]
fn deployments_that_share_a_model_share_its_traffic() {
    let mut config = fleet();
    config["models"]["both"] = json!({ "deployments": [
        { "provider": "a", "weight": 0.7 }, { "provider": "b", "weight": 0.3 }
    ] });
    config["router_settings"] = json!({ "routing_strategy": "weighted" });
    let traffic = analysed(&config, &json!({ "traffic": { "both": 1 } })).traffic;
    let shares: Vec<f64> = traffic.first.shares.iter().map(|share| share.share).collect();
    close(shares[0], 0.7);
    close(shares[1], 0.3);
}

#[test]
fn locations_and_pairs_of_domains_are_looked_at() {
    let report = analysed(&fleet(), &json!({}));
    let told = report.scenarios.iter().map(|found| json!([found.down, found.lost]));
    let expected = [
        json!([["cloud"], ["far"]]),
        json!([["local"], ["near"]]),
        json!([["cloud-domain", "rack"], ["both", "far", "near"]]),
    ];
    assert_eq!(told.collect::<Vec<Value>>(), expected);
    let cloud = &report.scenarios[0];
    close(cloud.lowest_availability.unwrap(), 0.8);
    assert_eq!(cloud.lowest_availability_model.as_deref(), Some("near"));
    close(cloud.answered, (0.9 + 0.8) / 3.0);
    let on: Vec<&str> = cloud.traffic.iter().map(|share| share.provider.as_str()).collect();
    assert_eq!(on, ["a", "b"]);
}

#[test]
fn who_is_up_no_oftener_is_down_with_it() {
    let down = analysed(&fleet(), &json!({ "down": ["b"] })).down.unwrap();
    let left: Vec<f64> = down.models.iter().map(|model| model.availability).collect();
    close(left[0], 1.0 - 0.5 * 0.01); // a is up for half of the time in which b is down
    close(left[2], 0.0);
    assert_eq!(down.whole.lost, ["near"]);
    let down = analysed(&fleet(), &json!({ "down": ["a"] })).down.unwrap();
    close(down.models[0].availability, 0.99);
    close(down.models[0].expected_attempts, 3.0);
    assert_eq!(down.whole.lost, ["near"]);
}

#[test]
fn assumptions_that_make_no_sense_are_refused() {
    let table = table(&fleet());
    let refused = |text: &str| Assumptions::read(text.as_bytes(), &table).unwrap_err();
    let closest = "no provider, failure domain or location is called `clod`; the closest are cloud";
    assert!(refused(r#"{"down": ["clod"]}"#).starts_with(closest));
    assert!(refused(r#"{"traffic": {"fat": 1}}"#).contains("the closest are far"));
    assert!(refused(r#"{"traffic": {"far": -1}}"#).contains("must be 0 or more"));
    assert!(refused(r#"{"traffic": {"far": 0}}"#).contains("above 0"));
    assert_eq!(refused(r#"{"fallback_rate": 2}"#), "`fallback_rate` must be 0 or more, at most 1");
    assert_eq!(refused(r#"{"utilisation": 0}"#), "`utilisation` must be above 0, at most 1");
    let most = "`failed_hop_ms` must be 0 or more, at most 1000000000000";
    assert_eq!(refused(r#"{"failed_hop_ms": -1}"#), most);
    assert_eq!(refused(r#"{"failed_hop_ms": 1e13}"#), most);
    assert_eq!(refused(r#"{"monte_carlo": 0}"#), "`monte_carlo` must be between 1 and 10000000");
    assert!(refused(r#"{"failed_hops_ms": 1}"#).contains("unknown field"));
}

// ── by playing ──────────────────────────────────────────────────────────────────────────────────

#[test]
fn what_is_played_agrees_with_what_is_worked_out() {
    for seed in 0..40 {
        let world = World::random(seed);
        let assumed = json!({ "monte_carlo": 20_000, "seed": seed });
        let check = analysed(&world.config(), &assumed).monte_carlo.unwrap();
        assert_eq!(check.outside, 0, "{seed}: {check:?}");
        let estimates = check.models.iter().flat_map(|model| &model.answers);
        assert!(estimates
            .clone()
            .all(|found| found.low <= found.estimate && found.high >= found.estimate));
        assert!(check.worst_deviation < 0.03, "{seed}: {}", check.worst_deviation);
    }
}

/// Two of a domain taken for independent: a wrong figure that playing must tell from the right one.
#[test]
fn what_is_played_speaks_against_a_wrong_figure() {
    let mut config = fleet();
    config["fallback_chains"] = json!({ "both": { "chain": ["near"] } });
    let check = analysed(&config, &json!({ "monte_carlo": 5_000 })).monte_carlo.unwrap();
    let both = &check.models[0];
    assert!(both.availability.within && both.answers[1].within);
    let wrong = 1.0 - 0.1 * 0.2;
    assert!(wrong > both.availability.high, "{wrong} in {:?}", both.availability);
    let wrong = 0.1 * 0.8;
    assert!(wrong > both.answers[1].high, "{wrong} in {:?}", both.answers[1]);
}

#[test]
fn the_same_seed_plays_the_same() {
    let played = |seed: u64| {
        let assumed = json!({ "monte_carlo": 1_000, "seed": seed });
        analysed(&fleet(), &assumed).monte_carlo.unwrap().models
    };
    assert_eq!(played(7), played(7));
    assert_ne!(played(7), played(8));
}

// ── against brute force ─────────────────────────────────────────────────────────────────────────

fn is_down(up: &State, down: &[usize]) -> bool {
    down.iter().all(|provider| !up.contains(provider))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn who_answers_first_is_the_sum_over_all_states(seed: u64) {
        let world = World::random(seed);
        let report = analysed(&world.config(), &json!({ "failed_hop_ms": 700 }));
        for (index, model) in report.models.iter().enumerate() {
            let plan = brute::plan(&world, index);
            for (place, hop) in model.plan.iter().enumerate() {
                let here = |up: &State| f64::from(u8::from(brute::first_up(&plan, up) == Some(place)));
                let expected = brute::mean(&world, &here);
                prop_assert!((hop.answers - expected).abs() < AGREES_TO, "{} {}", hop.answers, expected);
            }
            let attempts = |up: &State| {
                brute::first_up(&plan, up).map_or(plan.len(), |first| first + 1) as f64
            };
            let expected = brute::mean(&world, &attempts);
            prop_assert!((model.expected.attempts - expected).abs() < AGREES_TO);
            let answered = brute::availability(&world, &plan);
            let ms = |up: &State| brute::first_up(&plan, up).map_or(0.0, |first| {
                700.0 * first as f64 + f64::from(world.providers[plan[first].1].first_token_ms)
            });
            let expected = (answered > 0.0).then(|| brute::mean(&world, &ms) / answered);
            let told = model.expected.first_token_ms;
            prop_assert_eq!(told.is_some(), expected.is_some());
            prop_assert!((told.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-6, "{:?} {:?}", told, expected);
        }
    }

    #[test]
    fn what_is_left_is_the_sum_over_the_states_with_that_down(seed: u64) {
        let world = World::random(seed);
        let mut rng = Rng::new(seed);
        let all = 0..world.providers.len();
        let down: Vec<usize> = all.filter(|index| *index == 0 || rng.below(4) == 0).collect();
        let probability = brute::mean(&world, &|up| f64::from(u8::from(is_down(up, &down))));
        prop_assume!(probability > 1e-4);
        let names: Vec<&str> = down.iter().map(|index| world.providers[*index].name.as_str()).collect();
        let report = analysed(&world.config(), &json!({ "down": names })).down.unwrap();
        for left in &report.models {
            let index = world.models.iter().position(|model| model.name == left.model).unwrap();
            let plan = brute::plan(&world, index);
            let served = |up: &State| {
                f64::from(u8::from(is_down(up, &down) && brute::first_up(&plan, up).is_some()))
            };
            let expected = brute::mean(&world, &served) / probability;
            prop_assert!((left.availability - expected).abs() < 1e-9, "{} {}", left.availability, expected);
            prop_assert_eq!(report.whole.lost.contains(&left.model), expected < 1e-15);
        }
    }
}

//! The limit on the share of requests that fallback and overflow take to the cloud.

use router_core::facts::Facts;
use router_core::outcome::OutcomeClass;
use serde_json::{json, Value};

use crate::support::asking;
use crate::world::{
    answered, config, failed, notes, plan, reason, wanting, World, CLOUD, LOCAL, OTHER_CLOUD,
    SECOND_US,
};

const LIMIT: &str = "fallback to the cloud is at its limit of 10 % of requests";
/// Allowed however little traffic there is.
const FLOOR: u64 = 10;
const WINDOW_US: u64 = 600 * SECOND_US;

fn limited(share: f64) -> World {
    World::new(&json!({ "cloud_fallback_share": share }))
}

/// Requests for the local model whose only provider refuses them.
fn fails_locally(world: &mut World) -> String {
    let mut journey = world.begun(&asking("small"));
    while world.place(&journey) == LOCAL {
        world.finish(&mut journey, &failed(OutcomeClass::ModelMissing));
    }
    let place = world.place(&journey);
    world.router.abandon(&mut journey, world.now_us);
    place
}

#[test]
fn after_the_floor_a_failing_local_model_does_not_fall_back_to_the_cloud() {
    let mut world = limited(0.1);
    let places: Vec<String> = (0..FLOOR).map(|_| fails_locally(&mut world)).collect();
    assert!(places.iter().all(|place| place == CLOUD), "{places:?}");
    assert_eq!(world.fallbacks(), FLOOR);
    let refused = world.begin(&asking("small")).err();
    let refused = refused.expect("the local model is out and the cloud closed");
    assert_eq!(refused.code, "budget_spent");
    assert!(refused.message.contains(LIMIT), "{}", refused.message);
    assert!(refused.details["retry_after_us"].as_u64().unwrap() <= 10 * SECOND_US);
}

#[test]
fn a_full_local_fleet_overflows_no_further_than_the_limit() {
    let mut world = limited(0.1);
    let filling: Vec<_> = (0..2).map(|_| world.begun(&asking("small"))).collect();
    for _ in 0..FLOOR {
        assert_eq!(world.ends(&asking("small"), &answered(1)), CLOUD);
    }
    let told = world.explained(&asking("small"));
    assert_eq!(plan(&told), [LOCAL]);
    assert_eq!(reason(&told, CLOUD), LIMIT);
    assert!(notes(&told).contains(&format!("fallback stays local: {LIMIT}").as_str()));
    let mut journey = world.begun(&asking("small"));
    assert_eq!(world.place(&journey), "waits");
    for mut filled in filling {
        world.finish(&mut filled, &answered(1));
    }
    world.settle(&mut journey);
    assert_eq!(world.place(&journey), LOCAL);
}

#[test]
fn a_request_for_the_cloud_is_none_and_goes_there_all_the_same() {
    let mut world = limited(0.1);
    for _ in 0..FLOOR {
        fails_locally(&mut world);
    }
    for _ in 0..5 {
        assert_eq!(world.ends(&asking("large"), &answered(1)), CLOUD);
    }
    assert_eq!(world.fallbacks(), FLOOR);
    // The local model is still out; what comes after the first in the cloud is closed.
    world.now_us += 120 * SECOND_US;
    let told = world.explained(&asking("large"));
    assert_eq!(plan(&told), [CLOUD, LOCAL]);
    assert_eq!(reason(&told, OTHER_CLOUD), LIMIT);
    let mut journey = world.begun(&asking("large"));
    world.finish(&mut journey, &failed(OutcomeClass::Unavailable));
    assert_eq!(world.place(&journey), LOCAL);
}

#[test]
fn from_one_in_the_cloud_to_another_is_a_fallback_too_but_the_same_again_is_not() {
    let mut world = limited(0.1);
    let mut journey = world.begun(&asking("large"));
    world.finish(&mut journey, &failed(OutcomeClass::ServerError));
    world.settle(&mut journey);
    assert_eq!((world.place(&journey).as_str(), world.fallbacks()), (CLOUD, 0));
    world.finish(&mut journey, &failed(OutcomeClass::ServerError));
    assert_eq!((world.place(&journey).as_str(), world.fallbacks()), (OTHER_CLOUD, 1));
}

#[test]
fn the_walk_looks_again_before_each_attempt() {
    let mut world = limited(0.1);
    let mut early: Vec<_> = (0..2).map(|_| world.begun(&asking("small"))).collect();
    for _ in 0..FLOOR {
        assert_eq!(world.ends(&asking("small"), &answered(1)), CLOUD);
    }
    let journey = &mut early[0];
    assert_eq!(plan(&journey.decision.explain()), [LOCAL, CLOUD]);
    world.finish(journey, &failed(OutcomeClass::InvalidRequest));
    let journey = &mut early[1];
    world.finish(journey, &failed(OutcomeClass::Unavailable));
    assert_eq!(world.place(journey), "plan_exhausted");
}

#[test]
fn a_share_of_nothing_is_none_at_all() {
    let mut world = limited(0.0);
    assert_eq!(fails_locally(&mut world), "plan_exhausted");
    assert_eq!(world.ends(&asking("large"), &answered(1)), CLOUD);
    assert_eq!(world.fallbacks(), 0);
}

#[test]
fn the_share_is_one_of_the_last_ten_minutes() {
    let mut world = limited(0.1);
    for _ in 0..300 {
        world.ends(&asking("large"), &answered(1));
    }
    let went = |world: &mut World| {
        let before = world.fallbacks();
        let filling: Vec<_> = (0..2).map(|_| world.begun(&asking("small"))).collect();
        for _ in 0..98 {
            let mut journey = world.begun(&asking("small"));
            if world.place(&journey) == CLOUD {
                world.finish(&mut journey, &answered(1));
            } else {
                world.router.abandon(&mut journey, world.now_us);
            }
        }
        for mut filled in filling {
            world.finish(&mut filled, &answered(1));
        }
        world.fallbacks() - before
    };
    assert_eq!(went(&mut world), 39, "a tenth of the 399 before the last");
    world.now_us += WINDOW_US / 2;
    assert_eq!(went(&mut world), 10, "a tenth of 499 in all");
    world.now_us += WINDOW_US / 2;
    assert_eq!(went(&mut world), 9, "the first four hundred are forgotten: a tenth of 199 in all");
}

#[test]
fn route_callers_count_too() {
    let mut world = limited(0.1);
    let filling: Vec<_> = (0..2).map(|_| world.begun(&asking("small"))).collect();
    for _ in 0..FLOOR {
        let decision = world.router.decide(&asking("small"), world.now_us, 1).unwrap();
        assert_eq!(plan(&decision.explain()), [CLOUD, LOCAL]);
        world.router.report(&decision.permit, &answered(1), world.now_us);
    }
    let decision = world.router.decide(&asking("small"), world.now_us, 1).unwrap();
    assert_eq!((plan(&decision.explain()), decision.permit.as_str()), (vec![LOCAL], ""));
    drop(filling);
}

/// The pool `p` of both models; `strategy` orders them.
fn pool(strategy: &str, cloud_condition: &Value, share: f64) -> World {
    let mut config = config(&json!({ "cloud_fallback_share": share }));
    config["load_balancing"] = json!({ "p": { "strategy": strategy, "providers": [
        { "provider": "here", "preferred_model": "small", "weight": 0.7 },
        { "provider": "far", "preferred_model": "large", "weight": 0.3,
          "condition": cloud_condition },
    ] } });
    World::of(&config)
}

#[test]
fn shares_of_a_pool_are_no_fallback_but_its_overflow_is() {
    let mut world = pool("weighted", &json!(null), 0.0);
    let mut cloud = 0;
    for _ in 0..100 {
        cloud += u32::from(world.ends(&asking("p"), &answered(1)) == CLOUD);
    }
    assert_eq!((cloud, world.fallbacks()), (30, 0));
    let filling: Vec<_> = (0..2).map(|_| world.begun(&asking("small"))).collect();
    // Those whose turn in the cloud it is go there; the others wait for room.
    let mut places = [0, 0];
    for _ in 0..100 {
        let mut journey = world.begun(&asking("p"));
        let waits = world.place(&journey) == "waits";
        places[usize::from(waits)] += 1;
        world.router.abandon(&mut journey, world.now_us);
    }
    assert_eq!(places, [30, 70]);
    assert_eq!(world.fallbacks(), 0);
    drop(filling);
}

#[test]
fn what_the_nature_of_a_request_sends_to_the_cloud_is_no_fallback() {
    let condition = json!("local_saturated OR complexity == 'high'");
    let mut world = pool("adaptive_weighted", &condition, 0.0);
    let hard = Facts { prompt_tokens: 500, ..wanting("p", 10) };
    let easy = Facts { prompt_tokens: 5, ..wanting("p", 10) };
    assert_eq!(world.ends(&hard, &answered(1)), CLOUD);
    assert_eq!(world.ends(&easy, &answered(1)), LOCAL);
    let filling: Vec<_> = (0..2).map(|_| world.begun(&asking("small"))).collect();
    assert_eq!(world.ends(&hard, &answered(1)), CLOUD);
    let told = world.explained(&easy);
    assert_eq!((plan(&told), world.fallbacks()), (vec![LOCAL], 0));
    drop(filling);
}

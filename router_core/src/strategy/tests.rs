//! What all strategies have in common: classes, equals, sessions, exploration.

use super::testing::{chance, entries, members};
use super::*;

const ALL: [Strategy; 12] = [
    Strategy::Direct,
    Strategy::RoundRobin,
    Strategy::Weighted,
    Strategy::SimpleShuffle,
    Strategy::LeastLoaded,
    Strategy::UsageBased,
    Strategy::FastestResponse,
    Strategy::MostCapacity,
    Strategy::ComplexityBased,
    Strategy::ContextBased,
    Strategy::QualityBased,
    Strategy::AdaptiveWeighted,
];

#[test]
fn every_score_is_finite_and_within_0_and_1() {
    let spoil: [fn(&mut Entry); 6] = [
        |entry| entry.success = 0.0,
        |entry| entry.reliability = 0.0,
        |entry| entry.latency_us = 1e15,
        |entry| entry.load = 1e9,
        |entry| entry.credit = -1e9,
        |entry| entry.seen = false,
    ];
    for strategy in ALL {
        let mut class = entries(&[1.0; 6]);
        class.iter_mut().zip(spoil).for_each(|(entry, spoil)| spoil(entry));
        let drawn = chance(1, |chance| order(strategy, &mut class, chance));
        assert!((0.0..=1.0).contains(&drawn.propensity), "{strategy:?}");
        let sound = |entry: &Entry| (0.0..=1.0).contains(&entry.score);
        assert!(class.iter().all(sound), "{strategy:?} {class:?}");
    }
}

#[test]
fn a_stalled_or_full_or_cold_one_goes_behind_the_others() {
    let spoil: [fn(&mut Class); 4] = [
        |class| class.stalled = true,
        |class| class.full = true,
        |class| class.overflowing = true,
        |class| class.cold = true,
    ];
    for strategy in ALL {
        for spoil in spoil {
            let mut class = entries(&[100.0, 1.0]);
            spoil(&mut class[0].class);
            class[0].awaited = true;
            chance(1, |chance| order(strategy, &mut class, chance));
            assert_eq!(members(&class), [1, 0], "{strategy:?}");
        }
    }
}

#[test]
fn ties_are_fair_by_a_chi_square_test() {
    let fair = [
        Strategy::Weighted,
        Strategy::RoundRobin,
        Strategy::SimpleShuffle,
        Strategy::LeastLoaded,
        Strategy::UsageBased,
        Strategy::FastestResponse,
        Strategy::MostCapacity,
    ];
    for strategy in fair {
        let mut first = [0.0; 5];
        chance(2, |chance| {
            for _ in 0..10_000 {
                let mut class = entries(&[1.0; 5]);
                let drawn = order(strategy, &mut class, chance);
                assert!((drawn.propensity - 0.2).abs() < 1e-12, "{strategy:?}");
                first[class[0].member] += 1.0;
            }
        });
        let square = |count: f64| (count - 2_000.0) * (count - 2_000.0) / 2_000.0;
        let chi_square: f64 = first.into_iter().map(square).sum();
        // Four degrees of freedom: larger once in a thousand.
        assert!(chi_square < 18.47, "{strategy:?}: {first:?}");
    }
}

#[test]
fn of_many_the_first_places_are_in_order_and_nobody_is_lost() {
    const MANY: usize = 300;
    const IN_ORDER: usize = 32;
    for strategy in ALL.into_iter().filter(|strategy| *strategy != Strategy::SimpleShuffle) {
        let mut class = entries(&[1.0; MANY]);
        for (entry, number) in class.iter_mut().zip(0_u32..) {
            // Coprime to 300, so that the figures are all different and in no order.
            let figure = f64::from(number * 77 % 300);
            entry.load = figure / 600.0;
            entry.latency_us = 1_000.0 * (1.0 + figure);
            entry.credit = -figure;
        }
        chance(9, |chance| order(strategy, &mut class, chance));
        let scores: Vec<f64> = class.iter().map(|entry| entry.score).collect();
        // Chance decides between equals on the first place alone.
        assert!(scores[1..IN_ORDER].is_sorted_by(|a, b| a >= b), "{strategy:?} {scores:?}");
        assert!(scores[IN_ORDER..].iter().all(|score| *score <= scores[IN_ORDER - 1]));
        let mut left = members(&class);
        left.sort_unstable();
        assert!(left.into_iter().eq(0..MANY), "{strategy:?}");
    }
}

#[test]
fn ties_of_many_are_fair_by_a_chi_square_test_on_the_first_and_second_place() {
    const MANY: usize = 100;
    for strategy in [Strategy::Weighted, Strategy::SimpleShuffle, Strategy::LeastLoaded] {
        let mut places = [[0.0; MANY]; 2];
        chance(10, |chance| {
            for _ in 0..20_000 {
                let mut class = entries(&[1.0; MANY]);
                let drawn = order(strategy, &mut class, chance);
                assert!((drawn.propensity - 0.01).abs() < 1e-12, "{strategy:?}");
                for (counts, entry) in places.iter_mut().zip(&class) {
                    counts[entry.member] += 1.0;
                }
            }
        });
        for counts in places {
            let square = |count: f64| (count - 200.0) * (count - 200.0) / 200.0;
            let chi_square: f64 = counts.into_iter().map(square).sum();
            // 99 degrees of freedom: larger once in a thousand.
            assert!(chi_square < 148.2, "{strategy:?}: {chi_square}");
        }
    }
}

#[test]
fn a_session_keeps_to_one_of_its_equals_and_sessions_spread_by_weight() {
    let first_of = |session: u64, busy: Option<usize>| {
        chance(session, |chance| {
            chance.session = Some(session.wrapping_mul(0x9E37_79B9_7F4A_7C15));
            let mut class = entries(&[0.7, 0.3]);
            if let Some(busy) = busy {
                class[busy].load = 0.9;
            }
            let drawn = order(Strategy::Weighted, &mut class, chance);
            assert_eq!(drawn, Drawn { basis: Basis::Affinity, propensity: 1.0 });
            class[0].member
        })
    };
    let firsts: Vec<usize> = (0..10_000).map(|session| first_of(session, None)).collect();
    let again: Vec<usize> = (0..10_000).map(|session| first_of(session, None)).collect();
    assert_eq!(again, firsts);
    let share = firsts.iter().filter(|member| **member == 0).count();
    assert!((6_850..7_150).contains(&share), "{share}");
    // Bounded load: a session leaves one that has far more than its share.
    assert!((0..100).all(|session| first_of(session, Some(0)) == 1));
}

#[test]
fn the_unmeasured_get_their_exploratory_share_and_no_more() {
    for strategy in [Strategy::FastestResponse, Strategy::UsageBased] {
        let mut firsts = [0; 3];
        chance(4, |chance| {
            for _ in 0..10_000 {
                let mut class = entries(&[1.0; 3]);
                class[0].latency_us = 500_000.0;
                class[1].seen = false;
                class[1].latency_us = 1_000.0; // a hopeful prior
                let drawn = order(strategy, &mut class, chance);
                let expected = if class[0].member == 1 { 0.05 } else { 0.95 };
                assert!((drawn.propensity - expected).abs() < 1e-12);
                firsts[class[0].member] += 1;
            }
        });
        assert!((400..600).contains(&firsts[1]), "{strategy:?}: {firsts:?}");
        assert_eq!(firsts[0], 0, "{strategy:?}");
    }
}

#[test]
fn who_waits_for_the_unmeasured_is_enough() {
    chance(4, |chance| {
        for _ in 0..1_000 {
            let mut class = entries(&[1.0; 2]);
            class[1].seen = false;
            class[1].awaited = true;
            order(Strategy::FastestResponse, &mut class, chance);
            assert_eq!(class[0].member, 0);
        }
    });
}

#[test]
fn chance_keeps_to_one_member_where_the_order_given_decides() {
    chance(6, |chance| {
        chance.scope = Scope::Member;
        for _ in 0..1_000 {
            let mut class = entries(&[1.0; 3]);
            class[1].member = 0;
            class[2].seen = false;
            order(Strategy::UsageBased, &mut class, chance);
            assert_eq!(class[0].member, 0);
        }
    });
}

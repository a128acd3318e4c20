//! Whatever happens, in whatever order: everything taken is given back, and the same again gives the
//! same decisions.

use proptest::prelude::*;

use crate::medley::Medley;

const SEEDS: std::ops::Range<u64> = 0..20;
/// Many, for two probes at once are rare.
const WATCHED: std::ops::Range<u64> = 0..200;
const ACTS: usize = 300;

proptest! {
    #[test]
    fn in_flight_probes_and_waiting_are_none_once_all_has_ended(seed: u64, acts in 0..400_usize) {
        let mut medley = Medley::new(seed);
        for _ in 0..acts {
            medley.act();
        }
        medley.end();
        prop_assert_eq!(medley.under_way(), [0, 0, 0]);
    }
}

#[test]
fn medleys_hold_slots_probe_and_wait_along_the_way() {
    let mut most = [0; 3];
    for seed in WATCHED {
        let mut medley = Medley::new(seed);
        for _ in 0..ACTS {
            medley.act();
            for (most, now) in most.iter_mut().zip(medley.under_way()) {
                *most = now.max(*most);
            }
        }
    }
    assert!(most.iter().all(|most| *most >= 2), "{most:?}");
}

#[test]
fn the_same_state_time_and_seed_give_the_same_decision_byte_for_byte() {
    let (mut tested, mut by_session) = (0, 0);
    for seed in SEEDS {
        let (mut one, mut other) = (Medley::new(seed), Medley::new(seed));
        for act in 0..ACTS {
            one.act();
            other.act();
            let explained = one.explained();
            // To explain changes nothing, so one may be asked more often than the other.
            if act % 3 == 0 {
                assert_eq!(one.explained().to_string(), explained.to_string());
            }
            assert_eq!(explained.to_string(), other.explained().to_string(), "{seed}, {act}");
            tested += u32::from(explained["allocation"] == "tested");
            by_session += u32::from(explained["basis"] == "affinity");
        }
        assert_eq!(one.router.snapshot(), other.router.snapshot());
    }
    assert!(
        tested > 100 && by_session > 100,
        "{tested} in the experiment, {by_session} by session"
    );
}

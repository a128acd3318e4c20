//! Recorded decisions under budgets: what was spent, set aside and fallen back is part of the record.

use crate::laws::Mix;
use crate::replays::Replays;

#[test]
fn every_decision_under_budgets_is_made_again_byte_for_byte() {
    let (mut decided, mut refused) = (0, 0);
    for seed in 0..20 {
        let mut mix = Mix::new(seed, 600);
        let tables = [mix.world.router.table().clone()];
        let mut replays = Replays::of(&mut mix.world.router, &tables);
        for _ in 0..800 {
            mix.act();
        }
        replays.check(&mut mix.world.router);
        decided += replays.counts.decided;
        refused += replays.counts.refused;
    }
    assert!(decided >= 2_000 && refused >= 200, "{decided} decided, {refused} refused");
}

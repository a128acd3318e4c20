//! `least_loaded`: the smallest share of capacity in use. In-flight counts are taken when a request is
//! decided, so every transport moves the same figure and nothing stale is compared.

use super::{by_score, Chance, Drawn, Entry};

/// Scores: reliability / (1 + load), which is 1 at rest, 0.5 at capacity, towards 0 beyond. Failures
/// count like load, so that a provider which fails fast does not look idle.
pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    for entry in class.iter_mut() {
        entry.score = entry.reliability / (1.0 + entry.load);
    }
    by_score(class, 0.0, chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::{chance, entries, members};

    #[test]
    fn the_idlest_comes_first_and_ties_are_fair() {
        chance(5, |chance| {
            let mut first = [0_u32; 3];
            for _ in 0..20_000 {
                let mut class = entries(&[1.0, 1.0, 1.0]);
                class[0].load = 0.5;
                let drawn = order(&mut class, chance);
                assert!((drawn.propensity - 0.5).abs() < 1e-12);
                first[class[0].member] += 1;
            }
            assert_eq!(first[0], 0);
            assert!((9_700..10_300).contains(&first[1]), "{first:?}");
        });
    }

    #[test]
    fn preference_decides_between_equals_only() {
        let mut class = entries(&[1.0, 1.0, 1.0]);
        class[0].load = 0.5;
        for (entry, preference) in class.iter_mut().zip([0, 1, 0]) {
            entry.preference = preference;
        }
        let drawn = chance(5, |chance| order(&mut class, chance));
        assert!((drawn.propensity - 1.0).abs() < 1e-12);
        assert_eq!(members(&class), [2, 1, 0]);
    }

    #[test]
    fn one_that_fails_fast_does_not_look_idle() {
        let mut class = entries(&[1.0, 1.0]);
        class[0].reliability = 0.5;
        class[1].load = 0.5;
        chance(1, |chance| order(&mut class, chance));
        assert_eq!(class[0].member, 1);
    }
}

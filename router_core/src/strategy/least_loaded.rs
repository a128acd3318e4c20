//! `least_loaded`: the smallest share of capacity in use. In-flight counts are taken when a request is
//! decided, so every transport moves the same figure and nothing stale is compared.

use super::{by_score, Entry};
use crate::rng::Rng;

/// Scores: 1 at rest, 0.5 at capacity, towards 0 beyond it: 1 / (1 + load).
pub fn order(class: &mut [Entry], rng: &mut Rng) -> f64 {
    for entry in class.iter_mut() {
        entry.score = 1.0 / (1.0 + entry.load);
    }
    by_score(class, rng)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::entries;

    #[test]
    fn the_idlest_comes_first_and_ties_are_fair() {
        let mut rng = Rng::new(5);
        let mut first = [0_u32; 3];
        for _ in 0..20_000 {
            let mut class = entries(&[1.0, 1.0, 1.0]);
            class[0].load = 0.5;
            assert!((order(&mut class, &mut rng) - 0.5).abs() < 1e-12);
            first[class[0].member] += 1;
        }
        assert_eq!(first[0], 0);
        assert!((9_700..10_300).contains(&first[1]), "{first:?}");
    }

    #[test]
    fn preference_decides_between_equals_only() {
        let mut rng = Rng::new(5);
        let mut class = entries(&[1.0, 1.0, 1.0]);
        class[0].load = 0.5;
        for (entry, preference) in class.iter_mut().zip([0, 1, 0]) {
            entry.preference = preference;
        }
        assert!((order(&mut class, &mut rng) - 1.0).abs() < 1e-12);
        assert_eq!(class.iter().map(|entry| entry.member).collect::<Vec<_>>(), [2, 1, 0]);
    }
}

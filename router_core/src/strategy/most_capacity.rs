//! `most_capacity`: the largest share of free slots. Which candidates have a large enough context was
//! settled before, by eligibility.

use super::{by_score, Chance, Drawn, Entry};

/// Scores: reliability × (1 - load), at least 0: the share of capacity that is free, failures counting
/// as in `least_loaded`.
pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    for entry in class.iter_mut() {
        entry.score = entry.reliability * (1.0 - entry.load).max(0.0);
    }
    by_score(class, 0.0, chance)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::{chance, entries, members};

    #[test]
    fn the_freest_comes_first() {
        let mut class = entries(&[1.0, 1.0, 1.0]);
        for (entry, load) in class.iter_mut().zip([0.5, 0.25, 3.0]) {
            entry.load = load;
        }
        chance(1, |chance| order(&mut class, chance));
        assert_eq!(members(&class), [1, 0, 2]);
        assert!(class.iter().all(|entry| (0.0..=1.0).contains(&entry.score)));
    }
}

//! `quality_based`: a member whose condition is true goes before the unconditioned ones, and those
//! before members whose condition is false; weights share among equals.

use super::{weighted, Entry};
use crate::rng::Rng;

pub fn order(class: &mut [Entry], rng: &mut Rng) -> f64 {
    class.sort_by_key(rank);
    let mut first = None;
    for equals in class.chunk_by_mut(|a, b| rank(a) == rank(b)) {
        let propensity = weighted::order(equals, rng);
        first.get_or_insert(propensity);
        for entry in equals {
            // Each rank keeps to its own third of 0…1, so that scores say what the order says.
            entry.score = (f64::from(2 - rank(entry)) + entry.score) / 3.0;
        }
    }
    first.unwrap_or(1.0)
}

fn rank(entry: &Entry) -> u8 {
    match entry.condition {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::entries;

    #[test]
    fn a_true_condition_outranks_any_weight() {
        let mut class = entries(&[0.7, 0.3]);
        class[1].condition = Some(true);
        order(&mut class, &mut Rng::new(1));
        assert_eq!(class[0].member, 1);
    }

    #[test]
    fn a_false_condition_stays_in_the_order() {
        let mut class = entries(&[0.7, 0.3]);
        class[1].condition = Some(false);
        order(&mut class, &mut Rng::new(1));
        assert_eq!(class.iter().map(|entry| entry.member).collect::<Vec<_>>(), [0, 1]);
    }
}

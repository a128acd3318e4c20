//! `simple_shuffle`: independent weighted draws without replacement. The probability of the first is
//! its weight over the sum of weights.

use super::entry::{draw, to_front};
use super::{Basis, Chance, Drawn, Entry};

/// Scores: the share of the weight each had when it was drawn against those left. A session hashes to
/// its own first.
pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    let mut left: f64 = class.iter().map(|entry| entry.weight).sum();
    for entry in class.iter_mut() {
        entry.score = entry.weight / left;
    }
    for start in 0..class.len() {
        let Some(rest) = class.get_mut(start..) else { break };
        let drawn = draw(rest, left, chance.rng);
        to_front(rest, drawn);
        left -= rest.first().map_or(0.0, |first| first.weight);
    }
    let propensity = class.first().map_or(1.0, |first| first.score);
    match chance.session {
        Some(_) => chance.decide(class),
        None => Drawn { basis: Basis::Strategy, propensity },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::{chance, entries};

    #[test]
    fn draws_follow_the_weights() {
        let mut first = [0_u32; 2];
        chance(11, |chance| {
            for _ in 0..20_000 {
                let mut class = entries(&[3.0, 1.0]);
                let drawn = order(&mut class, chance);
                let expected = [0.75, 0.25][class[0].member];
                assert!((drawn.propensity - expected).abs() < 1e-12);
                first[class[0].member] += 1;
            }
        });
        assert!((14_700..15_300).contains(&first[0]), "{first:?}");
    }
}

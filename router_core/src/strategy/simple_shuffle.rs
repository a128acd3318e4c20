//! `simple_shuffle`: independent weighted draws without replacement. The probability of the first is
//! its weight over the sum of weights.

use super::score::put_first;
use super::{Basis, Chance, Drawn, Entry};
use crate::rendezvous::ln;

/// Scores: the share of the weight. The order is that of -ln(u)/w for uniform u, which draws without
/// replacement in one pass (Efraimidis and Spirakis, Information Processing Letters 97(5), 2006). A
/// session hashes to its own first.
pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    let total: f64 = class.iter().map(|entry| entry.weight).sum();
    for entry in class.iter_mut() {
        entry.score = entry.weight / total;
    }
    let all: Vec<usize> = (0..class.len()).collect();
    let key = |index: usize| {
        let uniform = 1.0 - chance.rng.unit();
        class.get(index).map(|entry| ((ln(uniform).abs() / entry.weight).to_bits(), index))
    };
    let mut keys: Vec<(u64, usize)> = all.iter().copied().filter_map(key).collect();
    let decided = chance.session.is_some().then(|| chance.decide(class, &all));
    if let Some((key, _)) = decided.and_then(|(nth, _)| keys.get_mut(nth)) {
        *key = 0;
    }
    put_first(class, &mut keys, |(_, index)| *index);
    let by_weight = || {
        let propensity = class.first().map_or(1.0, |first| first.score);
        Drawn { basis: Basis::Strategy, propensity }
    };
    decided.map_or_else(by_weight, |(_, drawn)| drawn)
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

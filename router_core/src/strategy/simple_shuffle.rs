//! `simple_shuffle`: independent weighted draws without replacement. The probability of the first is
//! its weight over the sum of weights.

use super::Entry;
use crate::rng::Rng;

/// Scores: the share of the weight each had when it was drawn against those left.
pub fn order(class: &mut [Entry], rng: &mut Rng) -> f64 {
    let total: f64 = class.iter().map(|entry| entry.weight).sum();
    for entry in class.iter_mut() {
        entry.score = entry.weight / total;
    }
    for start in 0..class.len() {
        let Some(rest) = class.get_mut(start..) else { break };
        let drawn = draw(rest, rng);
        rest.swap(0, drawn);
    }
    class.first().map_or(1.0, |first| first.score)
}

fn draw(rest: &[Entry], rng: &mut Rng) -> usize {
    let total: f64 = rest.iter().map(|entry| entry.weight).sum();
    let mut left = rng.unit() * total;
    for (index, entry) in rest.iter().enumerate() {
        left -= entry.weight;
        if left < 0.0 {
            return index;
        }
    }
    rest.len().saturating_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::entries;

    #[test]
    fn draws_follow_the_weights() {
        let mut rng = Rng::new(11);
        let mut first = [0_u32; 2];
        for _ in 0..20_000 {
            let mut class = entries(&[3.0, 1.0]);
            let propensity = order(&mut class, &mut rng);
            let expected = [0.75, 0.25][class[0].member];
            assert!((propensity - expected).abs() < 1e-12);
            first[class[0].member] += 1;
        }
        assert!((14_700..15_300).contains(&first[0]), "{first:?}");
    }
}

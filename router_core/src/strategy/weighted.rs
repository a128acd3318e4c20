//! `weighted`: exact traffic shares, smooth over time. Smooth weighted round robin as in nginx: at
//! each pick every candidate earns its share, the one owed most is chosen and pays one request.
//! Shares are renormalised over the candidates at hand, so a member that leaves takes nothing along.

use super::{by_score, Chance, Drawn, Entry};

/// Scores: what is owed after earning, mapped to 0…1 by x / (1 + |x|) / 2 + 1 / 2. All are equals to a
/// session, which hashes to one in proportion to the weights.
pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    let total = class.iter().map(|entry| entry.weight).sum();
    share(class, total, chance)
}

/// The same, for who knows what the weights add up to.
pub fn share(class: &mut [Entry], total: f64, chance: &mut Chance<'_>) -> Drawn {
    for entry in class.iter_mut() {
        entry.score = owed_score(entry.credit + entry.weight / total);
    }
    let equal_within = if chance.session.is_some() { 1.0 } else { 0.0 };
    by_score(class, equal_within, chance)
}

fn owed_score(owed: f64) -> f64 {
    0.5 + 0.5 * owed / (1.0 + owed.abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::strategy::testing::{chance, entries};

    /// Picks `n` times, keeping credits as the state does, and returns the counts by member.
    fn pick(weights: &[f64], n: usize) -> Vec<usize> {
        let mut credits = vec![0.0; weights.len()];
        let mut counts = vec![0; weights.len()];
        for _ in 0..n {
            let mut class = entries(weights);
            for (entry, credit) in class.iter_mut().zip(&credits) {
                entry.credit = *credit;
            }
            chance(3, |chance| order(&mut class, chance));
            let total: f64 = weights.iter().sum();
            for (credit, weight) in credits.iter_mut().zip(weights) {
                *credit += weight / total;
            }
            credits[class[0].member] -= 1.0;
            counts[class[0].member] += 1;
        }
        counts
    }

    #[test]
    fn shares_are_exact() {
        assert_eq!(pick(&[0.7, 0.3], 1_000), [700, 300]);
        assert_eq!(pick(&[5.0, 1.0, 1.0], 700), [500, 100, 100]);
    }

    #[test]
    fn picks_are_interleaved() {
        assert_eq!(pick(&[2.0, 1.0], 3), [2, 1]);
    }
}

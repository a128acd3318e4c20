//! complexity_based: the members are listed from the most to the least able, and the request's band
//! picks one: high the first, low the last, medium the middle. A member with a condition is picked
//! by that instead.

use crate::complexity::Band;

/// The order in which to use `members` members for `band`: the band's own, then by distance from it.
/// `same_tier(a, b)` says whether two members share a tier; at equal distance the one in the chosen
/// tier comes first (B6), then the more able.
pub fn by_complexity(
    members: usize,
    band: Band,
    conditions: &[Option<bool>],
    same_tier: impl Fn(usize, usize) -> bool,
) -> Vec<usize> {
    let last = members.saturating_sub(1);
    let chosen = conditions.iter().position(|held| *held == Some(true)).unwrap_or(match band {
        Band::High => 0,
        Band::Medium => members / 2,
        Band::Low => last,
    });
    let chosen = chosen.min(last);
    let mut order: Vec<usize> = (0..members).collect();
    order.sort_by_key(|member| (member.abs_diff(chosen), !same_tier(*member, chosen), *member));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_band_has_its_member() {
        let none = [None, None, None];
        let tiers = |a: usize, b: usize| (a == 0) == (b == 0);
        assert_eq!(by_complexity(3, Band::High, &none, tiers), [0, 1, 2]);
        assert_eq!(by_complexity(3, Band::Medium, &none, tiers), [1, 2, 0]);
        assert_eq!(by_complexity(3, Band::Low, &none, tiers), [2, 1, 0]);
    }

    #[test]
    fn one_or_two_members_serve_every_band() {
        for band in [Band::Low, Band::Medium, Band::High] {
            assert_eq!(by_complexity(1, band, &[None], |_, _| true), [0]);
        }
        assert_eq!(by_complexity(2, Band::Medium, &[None, None], |_, _| true), [1, 0]);
    }

    #[test]
    fn a_true_condition_wins_over_the_band() {
        let conditions = [None, Some(true), None];
        assert_eq!(by_complexity(3, Band::High, &conditions, |_, _| true)[0], 1);
    }
}

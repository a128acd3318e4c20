//! `complexity_based`: the members are listed from the most to the least able, and the request's band
//! picks one: high the first, low the last, medium the middle. A member with a condition is picked
//! by that instead.

use crate::complexity::Band;
use crate::table::Tier;

/// The order in which to use the members, whose tiers these are: the band's own, then by distance from
/// it. At equal distance one in the chosen member's tier comes first (B6), then the more able.
#[must_use]
pub fn by_complexity(
    tiers: &[Option<Tier>],
    band: Band,
    conditions: &[Option<bool>],
) -> Vec<usize> {
    let last = tiers.len().saturating_sub(1);
    let held = conditions.iter().position(|held| *held == Some(true));
    let chosen = held.unwrap_or(match band {
        Band::High => 0,
        Band::Medium => tiers.len() / 2,
        Band::Low => last,
    });
    let tier = |member: usize| tiers.get(member).copied().flatten();
    let mut order: Vec<usize> = (0..tiers.len()).collect();
    order.sort_by_key(|member| (member.abs_diff(chosen), tier(*member) != tier(chosen), *member));
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    const TIERS: [Option<Tier>; 3] =
        [Some(Tier::CloudStandard), Some(Tier::Local), Some(Tier::Local)];
    const NONE: [Option<bool>; 3] = [None, None, None];

    #[test]
    fn each_band_has_its_member() {
        assert_eq!(by_complexity(&TIERS, Band::High, &NONE), [0, 1, 2]);
        assert_eq!(by_complexity(&TIERS, Band::Medium, &NONE), [1, 2, 0]);
        assert_eq!(by_complexity(&TIERS, Band::Low, &NONE), [2, 1, 0]);
    }

    #[test]
    fn one_or_two_members_serve_every_band() {
        for band in Band::ALL {
            assert_eq!(by_complexity(&TIERS[..1], band, &NONE[..1]), [0]);
        }
        assert_eq!(by_complexity(&TIERS[..2], Band::Medium, &NONE[..2]), [1, 0]);
        assert!(by_complexity(&[], Band::High, &[]).is_empty());
    }

    #[test]
    fn a_true_condition_wins_over_the_band() {
        assert_eq!(by_complexity(&TIERS, Band::High, &[None, Some(true), None])[0], 1);
    }
}

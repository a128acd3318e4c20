//! Weighted rendezvous hashing: who gets a unit follows from the unit, the names and the weights
//! alone, on every machine. Changing one weight moves only the units that it must.

use crate::rng::Rng;

/// Never part of a name: no UTF-8 text holds this byte.
const SEPARATOR: u8 = 0xFF;

/// A 64-bit hash of text that is the same everywhere and in every version: FNV-1a (Fowler, Noll and
/// Vo), whose high bits are weak, followed by the finaliser of `SplitMix64`.
#[derive(Debug, Clone)]
pub struct StableHasher(u64);

impl Default for StableHasher {
    fn default() -> Self {
        Self(0xCBF2_9CE4_8422_2325)
    }
}

impl StableHasher {
    pub fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01B3);
        }
    }

    #[must_use]
    pub fn finish(&self) -> u64 {
        mix(self.0)
    }
}

/// The hash of a list of names: `["a", "bc"]` and `["ab", "c"]` differ.
#[must_use]
pub fn stable_hash(parts: &[&str]) -> u64 {
    let mut hasher = StableHasher::default();
    for part in parts {
        hasher.write(part.as_bytes());
        hasher.write(&[SEPARATOR]);
    }
    hasher.finish()
}

/// The index of the member a unit belongs to: each draws a score -ln(u)/w from the hash of unit and
/// member, and the smallest wins; `None` where no weight is positive and finite.
///
/// Members are (hash of the name, weight). A member wins in proportion to its weight, as the smallest
/// of exponential variables does; its score depends on no other member, so that units move only to a
/// member whose weight grew or from one whose weight shrank. Sources: Thaler and Ravishankar, "Using
/// Name-Based Mappings to Increase Hit Rates", IEEE/ACM Transactions on Networking 6(1), 1998;
/// weights: Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", SPAA 2005, and, as
/// weighted sampling, Efraimidis and Spirakis, Information Processing Letters 97(5), 2006.
#[must_use]
pub fn pick(unit: u64, members: impl IntoIterator<Item = (u64, f64)>) -> Option<usize> {
    pick_able(unit, members, |_| true)
}

/// As `pick`, among the members that are able, of which only those are asked that would win.
pub fn pick_able(
    unit: u64,
    members: impl IntoIterator<Item = (u64, f64)>,
    able: impl Fn(usize) -> bool,
) -> Option<usize> {
    // -ln(u) is at least 1 - u, which settles most members without a logarithm; the factor keeps
    // rounding on the safe side.
    const SAFELY: f64 = 1.0 - 1e-12;
    let mut best = (f64::INFINITY, None);
    for (index, (member, weight)) in members.into_iter().enumerate() {
        if !(weight.is_finite() && weight > 0.0) {
            continue;
        }
        let uniform = drawn(unit, member);
        if (1.0 - uniform) * SAFELY / weight >= best.0 {
            continue;
        }
        let score = -ln(uniform) / weight;
        if score < best.0 && able(index) {
            best = (score, Some(index));
        }
    }
    best.1
}

/// Uniform in 0…1, both excluded, with 52 bits of the hash of both.
fn drawn(unit: u64, member: u64) -> f64 {
    let bits = mix(unit ^ mix(member)) >> 12;
    (bits as f64 + 0.5) / (1_u64 << 52) as f64
}

/// A bijection under which every bit of the input changes about half of the output.
fn mix(bits: u64) -> u64 {
    Rng::new(bits).next_u64()
}

/// Natural logarithm of a positive normal number, from additions, multiplications and divisions
/// alone: IEEE 754 fixes their results to the bit, while a platform's own `ln` may differ in the last.
///
/// x = m·2^e with m within √½…√2, and ln m = 2 atanh(s) = 2 (s + s³/3 + s⁵/5 + …) for
/// s = (m-1)/(m+1) (Abramowitz and Stegun 4.1.27). |s| < 0.172, so twelve terms leave a relative error
/// below 1e-16.
pub(crate) fn ln(x: f64) -> f64 {
    const TERMS: u32 = 12;
    const MANTISSA: u64 = (1 << 52) - 1;
    const ONE: u64 = 1023 << 52;
    let bits = x.to_bits();
    let exponent = f64::from((bits >> 52) as u16) - 1023.0;
    let mantissa = f64::from_bits((bits & MANTISSA) | ONE);
    let (m, e) = if mantissa > std::f64::consts::SQRT_2 {
        (mantissa / 2.0, exponent + 1.0)
    } else {
        (mantissa, exponent)
    };
    let s = (m - 1.0) / (m + 1.0);
    let square = s * s;
    // Horner's scheme, from the smallest term to the largest.
    let series =
        (0..TERMS).rev().fold(0.0, |sum, term| sum * square + 1.0 / f64::from(2 * term + 1));
    e * std::f64::consts::LN_2 + 2.0 * s * series
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UNITS: usize = 10_000;

    fn assigned(shares: &[(&str, f64)]) -> Vec<usize> {
        let members: Vec<(u64, f64)> =
            shares.iter().map(|(name, share)| (stable_hash(&["test", name]), *share)).collect();
        let unit = |number: usize| stable_hash(&[&format!("user-{number}")]);
        (0..UNITS).map(|number| pick(unit(number), members.iter().copied()).unwrap()).collect()
    }

    fn share(assigned: &[usize], arm: usize) -> f64 {
        assigned.iter().filter(|got| **got == arm).count() as f64 / UNITS as f64
    }

    #[test]
    fn hashes_are_pinned_so_that_no_version_moves_anyone() {
        assert_eq!(stable_hash(&["session-1"]), 3_848_801_748_758_949_430);
        assert_ne!(stable_hash(&["a", "bc"]), stable_hash(&["ab", "c"]));
        let members = [(stable_hash(&["a"]), 1.0), (stable_hash(&["b"]), 1.0)];
        let picks: Vec<_> = (0..8).map(|unit| pick(mix(unit), members).unwrap()).collect();
        assert_eq!(picks, [0, 0, 0, 0, 0, 1, 0, 1]);
    }

    #[test]
    fn the_logarithm_is_exact_to_a_unit_in_the_last_place() {
        for step in 1..100_000_u32 {
            let x = f64::from(step) / 100_000.0;
            assert!((ln(x) - x.ln()).abs() <= 3e-16 * x.ln().abs().max(1.0), "{x}");
        }
        let tiny = 0.5 / (1_u64 << 52) as f64;
        assert!((ln(tiny) - tiny.ln()).abs() < 1e-14);
        assert!(ln(1.0).abs() < f64::MIN_POSITIVE);
    }

    #[test]
    fn shares_hold_within_a_per_cent_over_ten_thousand_units() {
        for shares in [[0.1, 0.9], [0.3, 0.7], [0.5, 0.5], [0.8, 0.2]] {
            let assigned = assigned(&[("3b", shares[0]), ("8b", shares[1])]);
            assert!((share(&assigned, 0) - shares[0]).abs() < 0.01, "{shares:?}");
        }
        let three = assigned(&[("a", 0.2), ("b", 0.3), ("c", 0.5)]);
        for (arm, wanted) in [0.2, 0.3, 0.5].into_iter().enumerate() {
            assert!((share(&three, arm) - wanted).abs() < 0.01);
        }
    }

    /// Whether a share is met differs between populations by chance alone: the standard deviation is
    /// that of independent draws, √(p(1-p)/n).
    #[test]
    fn shares_stray_no_further_than_independent_draws_would() {
        let deviation = |population: u64| {
            let members = [(stable_hash(&["3b"]), 0.3), (stable_hash(&["8b"]), 0.7)];
            let unit = |number: usize| stable_hash(&[&population.to_string(), &number.to_string()]);
            let first = (0..UNITS).filter(|number| pick(unit(*number), members) == Some(0)).count();
            (first as f64 - 3_000.0) / 2_100.0_f64.sqrt()
        };
        let squares: f64 = (0..100).map(|population| deviation(population).powi(2)).sum();
        // Chi-square with 100 degrees of freedom: beyond these bounds once in ten thousand.
        assert!((54.0..162.0).contains(&squares), "{squares}");
    }

    #[test]
    fn a_grown_share_takes_just_the_difference_and_from_the_other_arm_alone() {
        let before = assigned(&[("3b", 0.3), ("8b", 0.7)]);
        let after = assigned(&[("3b", 0.5), ("8b", 0.5)]);
        let moved: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
        assert!(moved.iter().all(|(from, to)| (**from, **to) == (1, 0)));
        assert!((moved.len() as f64 / UNITS as f64 - 0.2).abs() < 0.01);
    }

    #[test]
    fn removing_an_arm_moves_only_its_own_units() {
        let before = assigned(&[("a", 0.2), ("b", 0.3), ("c", 0.5)]);
        let after = assigned(&[("a", 0.2), ("b", 0.3), ("c", 0.0)]);
        assert!(before.iter().zip(&after).all(|(was, is)| *was == 2 || was == is));
        assert!((share(&after, 0) - 0.4).abs() < 0.015);
    }

    #[test]
    fn nothing_is_picked_where_nobody_has_weight() {
        assert_eq!(pick(1, []), None);
        assert_eq!(pick(1, [(1, 0.0), (2, f64::NAN), (3, -1.0), (4, f64::INFINITY)]), None);
        assert_eq!(pick(1, [(1, 0.0), (2, 1e-300)]), Some(1));
    }

    proptest! {
        #[test]
        fn the_same_unit_has_the_same_arm_whatever_the_order(
            unit: u64, members in proptest::collection::vec((any::<u64>(), 0.01_f64..10.0), 1..8),
        ) {
            let chosen = members[pick(unit, members.clone()).unwrap()].0;
            let mut turned = members.clone();
            turned.reverse();
            prop_assert_eq!(turned[pick(unit, turned.clone()).unwrap()].0, chosen);
        }

        #[test]
        fn logarithms_left_out_change_no_pick(
            unit: u64,
            members in proptest::collection::vec((any::<u64>(), 0.01_f64..10.0, any::<bool>()), 0..40),
        ) {
            let scores = members.iter().enumerate().filter(|(_, (_, _, able))| *able);
            let scores = scores.map(|(at, (key, weight, _))| (-ln(drawn(unit, *key)) / weight, at));
            let least = scores.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, at)| at);
            let weighted = members.iter().map(|(key, weight, _)| (*key, *weight));
            prop_assert_eq!(pick_able(unit, weighted, |at| members[at].2), least);
        }

        #[test]
        fn a_heavier_member_only_gains(
            unit: u64, members in proptest::collection::vec((any::<u64>(), 0.01_f64..10.0), 2..8),
            factor in 1.0_f64..5.0,
        ) {
            let before = pick(unit, members.clone()).unwrap();
            let mut heavier = members.clone();
            heavier[0].1 *= factor;
            let after = pick(unit, heavier).unwrap();
            prop_assert!(after == before || after == 0);
        }
    }
}

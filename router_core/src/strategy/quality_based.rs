//! `quality_based`: a member whose condition is true goes before the unconditioned ones, and those
//! before members whose condition is false; weights share among equals.

use super::{weighted, Chance, Drawn, Entry};

/// The rank of a member by its condition.
#[must_use]
pub fn rank(condition: Option<bool>) -> u8 {
    match condition {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    }
}

/// Orders members of one rank. Each rank keeps to its own third of 0…1, so that scores say what the
/// order says.
pub fn order(equals: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    let drawn = weighted::order(equals, chance);
    for entry in equals {
        entry.score = (f64::from(2 - entry.class.rank.min(2)) + entry.score) / 3.0;
    }
    drawn
}

//! `round_robin`: each candidate in turn. It is `weighted` with equal weights, so a candidate that
//! comes back neither catches up in a burst nor is forgotten.

use super::{weighted, Chance, Drawn, Entry};

pub fn order(class: &mut [Entry], chance: &mut Chance<'_>) -> Drawn {
    for entry in class.iter_mut() {
        entry.weight = 1.0;
    }
    weighted::order(class, chance)
}

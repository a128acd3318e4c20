//! `round_robin`: each candidate in turn. It is `weighted` with equal weights, so a candidate that
//! comes back neither catches up in a burst nor is forgotten.

use super::{weighted, Entry};
use crate::rng::Rng;

pub fn order(class: &mut [Entry], rng: &mut Rng) -> f64 {
    for entry in class.iter_mut() {
        entry.weight = 1.0;
    }
    weighted::order(class, rng)
}

//! What policies find in generated fleets, against brute force.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../analyze/brute.rs"]
#[allow(dead_code)] // what `analyze` alone is compared with
mod brute;
#[path = "../support/mod.rs"]
#[allow(dead_code)] // nothing is asked for here
mod support;
#[path = "../analyze/world.rs"]
mod world;

mod expected;
mod fleet;
mod laws;

//! What `analyze` says against brute force on small fleets, and that it ends on a large one.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod brute;
mod failing;
mod figures;
mod herd;
mod large;
mod laws;
mod world;

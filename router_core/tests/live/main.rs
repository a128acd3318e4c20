//! Live state through the whole router: what outcomes, time, sessions and signals do to the decisions
//! that follow.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../replays/mod.rs"]
mod replays;
#[path = "../support/mod.rs"]
mod support;

mod affinity;
mod fleet;
mod laws;
mod levels;
mod medley;
mod operator;
mod recorded;
mod recovery;
mod shares;
mod signals;
mod starvation;
mod traffic;
mod trouble;

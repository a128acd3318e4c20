//! Budgets on cloud spending (S5): what they limit, what they set aside, and what an attacker can and
//! cannot make them do.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../replays/mod.rs"]
mod replays;
#[path = "../support/mod.rs"]
mod support;

mod attacks;
mod bills;
mod fallback;
mod laws;
mod limits;
mod recorded;
mod world;

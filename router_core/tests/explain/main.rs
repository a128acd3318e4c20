//! Explanations: what candidates were scored by, what hops cost in quality, and the nearest change, each
//! of which is made here by other means and must do what was said.

// As in tests inside the crate: to panic is how a test fails.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "../support/mod.rs"]
mod support;

mod changes;
mod laws;
mod quality;
mod terms;
mod world;

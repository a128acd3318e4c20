//! Routing decisions for LLM requests: a strict config is compiled once into a table, and every
//! request is resolved, judged, scored and walked through its plan against it. Pure: no I/O, no clock,
//! no generator; time and seed are arguments.

pub mod allowance;
pub mod analyze;
pub mod choose;
pub mod complexity;
pub mod condition;
pub mod config;
pub mod decision;
pub mod delivery;
pub mod eligibility;
pub mod experiment;
pub mod explain;
pub mod facts;
pub mod hold;
pub mod ids;
pub mod outcome;
pub mod outline;
pub mod policies;
pub mod price;
pub mod query_class;
pub mod record;
pub mod refusal;
pub mod rendezvous;
pub mod request;
pub mod resolve;
pub mod rng;
pub mod router;
pub mod settings;
pub mod simulate;
pub mod size;
pub mod state;
pub mod status;
pub mod strategy;
pub mod table;
pub mod tokens;
pub mod view;
pub mod walk;

#[cfg(feature = "python")]
mod python;

//! What a config means and what is wrong with one.

mod budgets;
mod experiments;
mod mistakes;
mod policies;
mod reference;
mod references;
mod shapes;
mod tables;
mod unreachable;
mod values;

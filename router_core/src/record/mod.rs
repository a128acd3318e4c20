//! What decisions leave behind: each with the request and the figures it read, so that it can be made
//! again, and what the callers of `Route` reported. Collected beside the decision, written out later.

mod figures;
mod lines;
mod outbox;
mod recorder;
mod replayer;

pub use figures::Figures;
pub use outbox::{Entry, Outbox};
pub use recorder::{Read, Recorder};
pub use replayer::{recall, Replayer};

/// Of the form of the lines; a reader refuses what is newer.
pub const RECORD_VERSION: u32 = 1;

//! Records on their way out: a bounded list that decisions append to and a writer empties. What does
//! not fit is counted, never waited for.

use std::sync::Arc;

use super::recorder::Read;
use crate::decision::Decision;
use crate::facts::Facts;
use crate::outcome::Outcome;
use crate::refusal::Refused;
use crate::table::Table;

/// Figures held at most, some 50 MB; a record counts as one more than it holds.
const MOST_FIGURES: usize = 200_000;

/// One thing to be written.
#[derive(Debug, Clone)]
pub enum Entry {
    Decided {
        decision: Arc<Decision>,
        facts: Facts,
        read: Read,
    },
    Refused {
        refused: Refused,
        table: Arc<Table>,
        facts: Facts,
        read: Read,
        now_us: u64,
        seed: u64,
    },
    /// A `Route` caller told how its own attempt went.
    Reported {
        decision_id: String,
        deployment: String,
        outcome: Outcome,
        now_us: u64,
    },
}

impl Entry {
    fn size(&self) -> usize {
        match self {
            Self::Decided { read, .. } | Self::Refused { read, .. } => read.len() + 1,
            Self::Reported { .. } => 1,
        }
    }
}

#[derive(Debug, Default)]
pub struct Outbox {
    /// Whether anybody wants records.
    pub open: bool,
    entries: Vec<Entry>,
    figures: usize,
    lost: u64,
}

impl Outbox {
    pub fn push(&mut self, entry: Entry) {
        let size = entry.size();
        if self.figures + size > MOST_FIGURES {
            self.lost += 1;
            return;
        }
        self.figures += size;
        self.entries.push(entry);
    }

    /// Everything that waits, and how many were lost after it.
    pub fn take(&mut self) -> (Vec<Entry>, u64) {
        self.figures = 0;
        (std::mem::take(&mut self.entries), std::mem::take(&mut self.lost))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::OutcomeClass;

    fn report(now_us: u64) -> Entry {
        Entry::Reported {
            decision_id: String::new(),
            deployment: String::new(),
            outcome: Outcome::of(OutcomeClass::Success),
            now_us,
        }
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let mut outbox = Outbox::default();
        for now_us in 0..MOST_FIGURES as u64 + 3 {
            outbox.push(report(now_us));
        }
        let (entries, lost) = outbox.take();
        assert_eq!((entries.len(), lost), (MOST_FIGURES, 3));
        outbox.push(report(0));
        let (entries, lost) = outbox.take();
        assert_eq!((entries.len(), lost), (1, 0));
    }
}

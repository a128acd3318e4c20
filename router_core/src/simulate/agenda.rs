//! What is to happen and when, in virtual time: a heap ordered by time, and by order of entry where
//! times are equal, so that a run never depends on chance.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::workload::Request;
use crate::outcome::OutcomeClass;

/// One thing that happens. Those of an attempt carry its number: they mean nothing once it has ended.
#[derive(Debug)]
pub enum Event {
    Arrival(Request),
    /// A wait the walk asked for is over.
    Resume {
        request: u64,
    },
    /// The provider answers with an error.
    Error {
        request: u64,
        attempt: usize,
        class: OutcomeClass,
        retry_after_us: Option<u64>,
    },
    FirstToken {
        request: u64,
        attempt: usize,
    },
    /// The whole answer is there.
    Answer {
        request: u64,
        attempt: usize,
    },
    /// No first token for longer than usual.
    Slow {
        request: u64,
        attempt: usize,
    },
    /// No first token in time.
    Silent {
        request: u64,
        attempt: usize,
    },
    Deadline {
        request: u64,
        attempt: usize,
    },
    /// The service's own clockwork.
    Tick,
}

#[derive(Debug)]
struct Entry {
    at_us: u64,
    sequence: u64,
    event: Event,
}

#[derive(Debug, Default)]
pub struct Agenda {
    heap: BinaryHeap<Entry>,
    entered: u64,
}

impl Agenda {
    pub fn at(&mut self, at_us: u64, event: Event) {
        self.heap.push(Entry { at_us, sequence: self.entered, event });
        self.entered += 1;
    }

    pub fn next(&mut self) -> Option<(u64, Event)> {
        self.heap.pop().map(|entry| (entry.at_us, entry.event))
    }
}

impl Ord for Entry {
    /// The earliest is the greatest: the heap gives that one first.
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at_us, other.sequence).cmp(&(self.at_us, self.sequence))
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

//! Requests that still wait for something from one deployment, oldest first: streams for their first
//! token, others for the whole answer. Their age counts before any of them ends.

use std::collections::VecDeque;

use crate::view::Waiting;

/// By permit, which are issued in rising order, with the time each began.
#[derive(Debug, Clone, Default)]
pub struct WaitingList {
    streams: VecDeque<(u64, u64)>,
    wholes: VecDeque<(u64, u64)>,
}

impl WaitingList {
    pub fn join(&mut self, permit: u64, stream: bool, now_us: u64) {
        // A time of 0 would read as nobody waiting.
        self.queue(stream).push_back((permit, now_us.max(1)));
    }

    /// Harmless for one who left already.
    pub fn leave(&mut self, permit: u64, stream: bool) {
        let queue = self.queue(stream);
        if let Ok(place) = queue.binary_search_by_key(&permit, |(permit, _)| *permit) {
            queue.remove(place);
        }
    }

    #[must_use]
    pub fn oldest(&self) -> Waiting {
        let since = |queue: &VecDeque<(u64, u64)>| queue.front().map_or(0, |(_, since)| *since);
        Waiting { stream_since_us: since(&self.streams), whole_since_us: since(&self.wholes) }
    }

    fn queue(&mut self, stream: bool) -> &mut VecDeque<(u64, u64)> {
        if stream {
            &mut self.streams
        } else {
            &mut self.wholes
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_of_each_kind_counts() {
        let mut list = WaitingList::default();
        list.join(1, true, 10);
        list.join(2, false, 20);
        list.join(3, true, 30);
        assert_eq!(list.oldest(), Waiting { stream_since_us: 10, whole_since_us: 20 });
        list.leave(1, true);
        list.leave(1, true);
        list.leave(2, false);
        assert_eq!(list.oldest(), Waiting { stream_since_us: 30, whole_since_us: 0 });
    }
}

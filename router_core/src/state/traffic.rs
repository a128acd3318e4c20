//! How many requests came in a sliding window, and how many of them took something that only a share
//! of the traffic may take.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Since the epoch, in widths.
    pub number: u64,
    pub requests: u64,
    pub taken: u64,
}

/// So many buckets of so many microseconds.
#[derive(Debug)]
pub struct Traffic<const BUCKETS: usize, const WIDTH_US: u64> {
    buckets: [Bucket; BUCKETS],
}

impl<const BUCKETS: usize, const WIDTH_US: u64> Default for Traffic<BUCKETS, WIDTH_US> {
    fn default() -> Self {
        Self { buckets: [Bucket::default(); BUCKETS] }
    }
}

impl<const BUCKETS: usize, const WIDTH_US: u64> Traffic<BUCKETS, WIDTH_US> {
    /// Counts one incoming request.
    pub fn request(&mut self, now_us: u64) {
        self.at(now_us / WIDTH_US).requests += 1;
    }

    /// Counts one that took its share.
    pub fn take(&mut self, now_us: u64) {
        self.at(now_us / WIDTH_US).taken += 1;
    }

    /// Requests in the window, and those that took.
    #[must_use]
    pub fn counts(&self, now_us: u64) -> (u64, u64) {
        let recent = self.recent(now_us);
        recent.fold((0, 0), |(requests, taken), bucket| {
            (requests + bucket.requests, taken + bucket.taken)
        })
    }

    fn recent(&self, now_us: u64) -> impl Iterator<Item = &Bucket> {
        let oldest = (now_us / WIDTH_US).saturating_sub(BUCKETS as u64 - 1);
        self.buckets.iter().filter(move |bucket| bucket.number >= oldest)
    }

    // ── Snapshots ───────────────────────────────────────────────────────────────────────────────

    /// What has counted anything.
    #[must_use]
    pub fn buckets(&self) -> Vec<Bucket> {
        let used = |bucket: &&Bucket| bucket.requests + bucket.taken > 0;
        self.buckets.iter().filter(used).copied().collect()
    }

    pub fn restore(&mut self, buckets: &[Bucket]) {
        *self = Self::default();
        for bucket in buckets {
            *self.at(bucket.number) = *bucket;
        }
    }

    #[allow(clippy::indexing_slicing)] // the remainder is below the length
    fn at(&mut self, number: u64) -> &mut Bucket {
        let bucket = &mut self.buckets[usize::try_from(number).unwrap_or(0) % BUCKETS];
        if bucket.number != number {
            *bucket = Bucket { number, ..Bucket::default() };
        }
        bucket
    }
}

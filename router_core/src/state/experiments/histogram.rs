//! A bounded picture of many times: counts in buckets that grow with the value, so that a percentile
//! is known to within a thirtieth whatever the range.

/// Buckets to a doubling, as a power of two.
const BITS: u32 = 4;
const PER_DOUBLING: usize = 1 << BITS;
/// Values from 2^40 µs, twelve days, share the last bucket.
const BUCKETS: usize = (40 - BITS as usize + 1) * PER_DOUBLING;

/// Counts of times in microseconds.
#[derive(Debug, Clone)]
pub struct Histogram {
    buckets: Vec<u32>,
    count: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { buckets: vec![0; BUCKETS], count: 0 }
    }
}

impl Histogram {
    pub fn add(&mut self, us: u64) {
        if let Some(bucket) = self.buckets.get_mut(bucket_of(us)) {
            *bucket = bucket.saturating_add(1);
            self.count += 1;
        }
    }

    /// The time that this share of all (0…1) does not exceed: the middle of its bucket. 0 without any.
    #[must_use]
    pub fn quantile(&self, share: f64) -> u64 {
        let wanted = share * self.count as f64;
        let mut seen = 0_u64;
        for (index, bucket) in self.buckets.iter().enumerate() {
            seen += u64::from(*bucket);
            if *bucket > 0 && seen as f64 >= wanted {
                return middle_of(index);
            }
        }
        0
    }
}

/// Small values have a bucket each; a larger one goes by its highest bits.
fn bucket_of(us: u64) -> usize {
    let doubling = us.max(1).ilog2().saturating_sub(BITS);
    let bucket = (us >> doubling) + (u64::from(doubling) << BITS);
    usize::try_from(bucket).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

fn middle_of(bucket: usize) -> u64 {
    let doubling = (bucket >> BITS).saturating_sub(1);
    let lowest = ((bucket - (doubling << BITS)) as u64) << doubling;
    lowest + ((1_u64 << doubling) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_again_to_within_a_thirtieth() {
        for us in (0..100).chain((2..39).flat_map(|bit| [(1 << bit) - 1, 1 << bit, 3 << (bit - 1)]))
        {
            let mut histogram = Histogram::default();
            histogram.add(us);
            let found = histogram.quantile(0.95);
            assert!(found.abs_diff(us) as f64 <= us as f64 / 30.0, "{us} came back as {found}");
        }
    }

    #[test]
    fn buckets_rise_without_a_gap() {
        let mut last = 0;
        for us in 0..1_000_000_u64 {
            let bucket = bucket_of(us);
            assert!(bucket == last || bucket == last + 1, "{us}");
            last = bucket;
        }
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn percentiles_are_those_of_the_values() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.95), 0);
        (1..=1_000).for_each(|ms| histogram.add(ms * 1_000));
        let near = |share: f64, ms: f64| {
            let found = histogram.quantile(share) as f64;
            assert!((found / (ms * 1_000.0) - 1.0).abs() < 0.04, "{share}: {found}");
        };
        near(0.5, 500.0);
        near(0.95, 950.0);
    }
}

//! Facts about the last so many numbered things; older ones are forgotten.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

/// How many are remembered.
pub const REMEMBERED: usize = 16_384;

#[derive(Debug)]
pub struct Recent<T> {
    known: FxHashMap<u64, T>,
    order: VecDeque<u64>,
}

impl<T> Default for Recent<T> {
    fn default() -> Self {
        Self { known: FxHashMap::default(), order: VecDeque::new() }
    }
}

impl<T> Recent<T> {
    /// Numbers are never given twice.
    pub fn insert(&mut self, number: u64, item: T) {
        self.known.insert(number, item);
        self.order.push_back(number);
        if self.order.len() > REMEMBERED {
            if let Some(oldest) = self.order.pop_front() {
                self.known.remove(&oldest);
            }
        }
    }

    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.known.get_mut(&number)
    }

    pub fn take(&mut self, number: u64) -> Option<T> {
        self.known.remove(&number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_are_forgotten() {
        let mut recent = Recent::default();
        for number in 0..=REMEMBERED as u64 {
            recent.insert(number, number);
        }
        assert_eq!(recent.take(0), None);
        assert_eq!(recent.take(1), Some(1));
        assert_eq!(recent.take(1), None);
        assert_eq!(recent.known.len(), REMEMBERED - 1);
    }
}

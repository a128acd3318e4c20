//! Dense indexes into one table's arenas. They are minted by `Arena::push` only, live as long as
//! that table, and never leave the core: state, permits and logs are keyed by stable string ids.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;

/// Index of a `T` in its `Arena<T>`.
pub struct Id<T>(u32, PhantomData<fn() -> T>);

impl<T> Id<T> {
    /// The position as a plain number, for arrays laid out beside the arena.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }

    /// An id without an arena, for tests of code that only compares ids.
    #[cfg(test)]
    #[must_use]
    pub fn nth(index: u32) -> Self {
        Self(index, PhantomData)
    }
}

impl<T> Clone for Id<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T> Copy for Id<T> {}
impl<T> PartialEq for Id<T> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<T> Eq for Id<T> {}
impl<T> PartialOrd for Id<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<T> Ord for Id<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<T> Hash for Id<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<T> fmt::Debug for Id<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// A list that hands out ids and takes back only its own.
#[derive(Debug, Clone)]
pub struct Arena<T>(Vec<T>);

impl<T> Default for Arena<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T> Arena<T> {
    /// Adds an item and returns its id.
    pub fn push(&mut self, item: T) -> Id<T> {
        self.push_with(|_| item)
    }

    /// As `push`, for an item that must know its own id.
    ///
    /// More than `u32::MAX` items saturate the id; a config of that size does not fit in memory.
    pub fn push_with(&mut self, make: impl FnOnce(Id<T>) -> T) -> Id<T> {
        let id = Id(u32::try_from(self.0.len()).unwrap_or(u32::MAX), PhantomData);
        self.0.push(make(id));
        id
    }

    /// The item behind an id this arena minted.
    #[must_use]
    #[allow(clippy::indexing_slicing)] // ids are minted by push alone, so this is in range
    pub fn get(&self, id: Id<T>) -> &T {
        &self.0[id.index()]
    }

    /// As `get`, mutable.
    #[allow(clippy::indexing_slicing)] // as in get
    pub fn get_mut(&mut self, id: Id<T>) -> &mut T {
        &mut self.0[id.index()]
    }

    pub fn iter(&self) -> impl Iterator<Item = (Id<T>, &T)> {
        self.0
            .iter()
            .enumerate()
            .map(|(index, item)| (Id(u32::try_from(index).unwrap_or(u32::MAX), PhantomData), item))
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

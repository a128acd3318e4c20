//! Whom the planner tells what it ordered candidates by, for explanations. A live decision tells nobody:
//! for `()` every call here is nothing at all.

use super::group::Group;
use super::scene::Candidate;
use crate::eligibility::Subject;
use crate::strategy::{Drawn, Entry};

pub trait Witness {
    /// A candidate that may serve, before its group is ordered.
    fn candidate(
        &mut self,
        candidate: &Candidate,
        subject: &Subject<'_>,
        group: &Group<'_>,
        entry: &Entry,
    );

    /// A group in its order, with what its strategy made of every entry.
    fn ordered(&mut self, entries: &[Entry], drawn: Drawn);

    /// A candidate nothing was compared with.
    fn alone(&mut self, subject: &Subject<'_>);
}

impl Witness for () {
    #[inline]
    fn candidate(&mut self, _: &Candidate, _: &Subject<'_>, _: &Group<'_>, _: &Entry) {}

    #[inline]
    fn ordered(&mut self, _: &[Entry], _: Drawn) {}

    #[inline]
    fn alone(&mut self, _: &Subject<'_>) {}
}

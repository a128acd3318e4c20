//! Ordering by a score: the best first, chance between equals, and a small share of traffic for what
//! nobody has measured yet.

use super::entry::{to_front, Basis, Chance, Class, Drawn, Entry, Scope};

/// Sorts by score, larger first. Entries within `margin` of the best are its equals; between them
/// the measured go first, then preference (R7), then in scope `Member` the order given, then the
/// session or chance.
pub fn by_score(class: &mut [Entry], margin: f64, chance: &mut Chance<'_>) -> Drawn {
    if class.len() < 2 {
        return Drawn::CERTAIN;
    }
    // Where the order starts among equals is chance, so that the second place is not always the same.
    class.rotate_left(chance.rng.below(class.len()));
    class.sort_by_cached_key(|entry| (descending(entry.score), entry.preference));
    let least = class.first().map_or(0.0, |best| best.score - margin);
    let near = class.iter().take_while(|entry| entry.score >= least).count();
    let Some(near) = class.get_mut(..near) else { return Drawn::CERTAIN };
    let scope = chance.scope;
    near.sort_by_key(|entry| tie(entry, scope));
    let first = near.first().map(|entry| tie(entry, scope));
    let equals = near.iter().take_while(|entry| Some(tie(entry, scope)) == first).count();
    near.get_mut(..equals).map_or(Drawn::CERTAIN, |equals| chance.decide(equals))
}

/// Sorts larger scores first; the bits of floats from 0 up are in the order of their values.
fn descending(score: f64) -> u64 {
    !score.max(0.0).to_bits()
}

/// What decides between entries of about the same score before chance does.
fn tie(entry: &Entry, scope: Scope) -> (bool, u8, usize) {
    let member = if scope == Scope::Member { entry.member } else { 0 };
    (entry.unproven, entry.preference, member)
}

/// Gives a small share of traffic to candidates that would get none and so never be measured, or
/// never be loaded: at most the parameters' `exploration`, shared among those nobody waits for.
/// Keeps to the first's own priority and to the scope's idea of who may be chosen by chance.
pub fn explore(entries: &mut [Entry], drawn: Drawn, chance: &mut Chance<'_>) -> Drawn {
    let unknown = |entry: &Entry| entry.class.cold || entry.unproven;
    let Some(first) = entries.first().filter(|first| !unknown(first)) else { return drawn };
    let (priority, member, scope) = (first.class.priority, first.member, chance.scope);
    let open = Class { priority, ..Class::default() };
    let candidate = |entry: &Entry| {
        unknown(entry)
            && !entry.awaited
            && Class { cold: false, preference: 0, ..entry.class } == open
            && (scope == Scope::All || entry.member == member)
    };
    let candidates = entries.iter().filter(|entry| candidate(entry)).count();
    let share = chance.parameters.exploration;
    if candidates == 0 || share <= 0.0 {
        return drawn;
    }
    if chance.rng.unit() >= share {
        return Drawn { propensity: drawn.propensity * (1.0 - share), ..drawn };
    }
    let nth = chance.rng.below(candidates);
    let mut places = entries.iter().enumerate().filter(|(_, entry)| candidate(entry));
    if let Some((place, _)) = places.nth(nth) {
        to_front(entries, place);
    }
    Drawn { basis: Basis::Exploration, propensity: share / candidates as f64 }
}

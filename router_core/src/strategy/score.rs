//! Ordering by a score: the best first, chance between equals, and a small share of traffic for what
//! nobody has measured yet.

use super::entry::{to_front, Basis, Chance, Class, Drawn, Entry, Scope};

/// So many places of a class are put in order. A walk tries at most twenty deployments, so those after
/// them, which it only looks through for a free slot, follow in no order.
const PLACES: usize = 32;

/// Orders by score, larger first. Entries within `margin` of the best are its equals: `tie` decides
/// between them, then the session or chance.
pub fn by_score(class: &mut [Entry], margin: f64, chance: &mut Chance<'_>) -> Drawn {
    if class.len() < 2 {
        return Drawn::CERTAIN;
    }
    // Where the order starts among equals is chance, so that the second place is not always the same.
    let start = chance.rng.below(class.len());
    let scope = chance.scope;
    let key = |(index, entry): (usize, &Entry)| {
        let wrapped = u64::from(index < start);
        let last = u64::from(entry.preference) << 56 | place(entry, scope) << 1 | wrapped;
        ((tie(entry, scope), descending(entry.score), last), index)
    };
    let mut keys: Vec<_> = class.iter().enumerate().map(key).collect();
    let best = keys.iter().map(|((_, score, _), _)| *score).min().unwrap_or(0);
    let least = descending(f64::from_bits(!best) - margin);
    let mut first = u64::MAX;
    for ((ties, score, _), _) in &mut keys {
        if *score > least {
            *ties = u64::MAX;
        }
        first = first.min(*ties);
    }
    let (before, from) = keys.split_at(start);
    let equal = from.iter().chain(before).filter(|((ties, ..), _)| *ties == first);
    let equals: Vec<usize> = equal.map(|(_, index)| *index).collect();
    let (chosen, drawn) = chance.decide(class, &equals);
    if let Some((key, _)) = keys.get_mut(chosen) {
        *key = (0, 0, 0);
    }
    put_first(class, &mut keys);
    drawn
}

/// Brings the entries of the smallest keys to the first places, in order. `keys` are with the index.
pub fn put_first<K: Ord>(class: &mut [Entry], keys: &mut [(K, usize)]) {
    if keys.len() > PLACES {
        keys.select_nth_unstable(PLACES);
    }
    let first = keys.get_mut(..PLACES.min(class.len())).unwrap_or_default();
    first.sort_unstable();
    for place in 0..first.len() {
        // What stood in an earlier place was swapped to where that place's entry came from.
        let mut index = place;
        while let Some((_, from)) = first.get(index) {
            index = *from;
            if index >= place {
                break;
            }
        }
        class.swap(place, index);
        if let Some((_, from)) = first.get_mut(place) {
            *from = index;
        }
    }
}

/// Sorts larger scores first; the bits of floats from 0 up are in the order of their values.
pub fn descending(score: f64) -> u64 {
    !score.max(0.0).to_bits()
}

/// The place in the order given, where that decides.
fn place(entry: &Entry, scope: Scope) -> u64 {
    match scope {
        Scope::Member => u64::from(u32::try_from(entry.member).unwrap_or(u32::MAX)),
        Scope::All | Scope::Measured => 0,
    }
}

/// What decides between entries of about the same score before chance does, the most weighty bits
/// first: what is measured (where the order given does not decide), preference, the order given,
/// what is loaded, what is measured.
fn tie(entry: &Entry, scope: Scope) -> u64 {
    let unproven = u64::from(entry.unproven);
    let unproven_first = if scope == Scope::Member { 0 } else { unproven };
    unproven_first << 63
        | u64::from(entry.preference) << 48
        | place(entry, scope) << 2
        | u64::from(entry.cold) << 1
        | unproven
}

/// Gives a small share of traffic to candidates that would get none and so never be measured, or
/// never be loaded: at most the parameters' `exploration`, shared among those nobody waits for.
/// Where the order given decides, only what stands before the first in it comes back that way.
pub fn explore(entries: &mut [Entry], drawn: Drawn, chance: &mut Chance<'_>) -> Drawn {
    let unknown = |entry: &Entry| entry.cold || entry.unproven;
    let Some(first) = entries.first().filter(|first| !unknown(first)) else { return drawn };
    let open = Class { cold: false, preference: 0, ..first.class };
    let (member, cost_usd, scope) = (first.member, first.cost_usd, chance.scope);
    let candidate = |entry: &Entry| {
        let allowed = match scope {
            Scope::All => true,
            Scope::Measured => entry.cost_usd <= cost_usd,
            Scope::Member => entry.member <= member,
        };
        unknown(entry)
            && !entry.awaited
            && allowed
            && Class { cold: false, preference: 0, ..entry.class } == open
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

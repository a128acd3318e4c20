//! Ordering by a score: the best first, chance between equals, and a small share of traffic for what
//! nobody has measured yet.

use super::entry::{to_front, Basis, Chance, Class, Drawn, Entry, Scope};

/// So many places of a class are put in order. A walk tries at most twenty deployments, so those after
/// them, which it only looks through for a free slot, follow in no order.
const PLACES: usize = 32;

/// Orders by score, larger first. Entries within `margin` of the best are its equals: `tie` decides
/// between them, then the session or chance.
pub fn by_score(class: &mut [Entry], margin: f64, chance: &mut Chance<'_>) -> Drawn {
    let among = class.len();
    if among < 2 {
        return Drawn::CERTAIN;
    }
    // Where the order starts among equals is chance, so that the second place is not always the same.
    let start = chance.rng.below(among);
    let scope = chance.scope;
    let (before, from) = class.split_at(start);
    let turns = from.iter().chain(before).zip(0_u32..);
    let key = |(entry, turn): (&Entry, u32)| {
        let last = u64::from(entry.preference) << 56 | place(entry, scope) << 32 | u64::from(turn);
        (tie(entry, scope), descending(entry.score), last)
    };
    let mut keys: Vec<(u64, u64, u64)> = turns.map(key).collect();
    let index = |(_, _, last): &(u64, u64, u64)| (start + (last & TURN) as usize) % among;

    let best = keys.iter().map(|(_, score, _)| *score).min().unwrap_or(0);
    let least = descending(f64::from_bits(!best) - margin);
    let mut first = u64::MAX;
    for (ties, score, _) in &mut keys {
        if *score > least {
            *ties = u64::MAX;
        }
        first = first.min(*ties);
    }
    let equals: Vec<usize> = keys.iter().filter(|(ties, ..)| *ties == first).map(index).collect();
    let (nth, drawn) = chance.decide(class, &equals);
    if let Some((ties, score, _)) = keys.iter_mut().filter(|(ties, ..)| *ties == first).nth(nth) {
        (*ties, *score) = (0, 0);
    }
    put_first(class, &mut keys, index);
    drawn
}

/// The bits of the turn in the last part of a key.
const TURN: u64 = u32::MAX as u64;

/// Brings the entries of the smallest keys to the first places, in order. `index` is where the entry
/// of a key stands.
pub fn put_first<K: Ord>(class: &mut [Entry], keys: &mut [K], index: impl Fn(&K) -> usize) {
    let (first, rest) = keys.split_at_mut(PLACES.min(keys.len()));
    first.sort_unstable();
    for key in rest {
        // Seldom true after the first few, so this costs less than partitioning them all.
        if first.last().is_some_and(|last| *key < *last) {
            let place = first.partition_point(|known| known < key);
            if let Some(last) = first.last_mut() {
                std::mem::swap(last, key);
            }
            if let Some(after) = first.get_mut(place..) {
                after.rotate_right(1);
            }
        }
    }
    let mut origins: Vec<usize> = first.iter().map(index).collect();
    for place in 0..origins.len() {
        let origin = origin(&origins, place);
        class.swap(place, origin);
        if let Some(swapped) = origins.get_mut(place) {
            *swapped = origin;
        }
    }
}

/// Where the entry for a place stands now: what stood in an earlier place was swapped to where that
/// place's own came from.
fn origin(origins: &[usize], place: usize) -> usize {
    let of = |place: usize| origins.get(place).copied().unwrap_or(place);
    let mut origin = of(place);
    while origin < place {
        origin = of(origin);
    }
    origin
}

/// Sorts larger scores first; the bits of floats from 0 up are in the order of their values.
pub fn descending(score: f64) -> u64 {
    !score.max(0.0).to_bits()
}

/// The place in the order given, where that decides, in 24 bits.
fn place(entry: &Entry, scope: Scope) -> u64 {
    const LAST: u64 = (1 << 24) - 1;
    match scope {
        Scope::Member => LAST.min(entry.member as u64),
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

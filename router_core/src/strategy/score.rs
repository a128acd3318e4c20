//! Ordering by a score: the best first, chance between equals, and a small share of traffic for what
//! nobody has measured yet.

use super::entry::{to_front, Basis, Chance, Class, Drawn, Entry, Scope};

/// Sorts by score, larger first. Entries within `margin` of the best are its equals: `tie` decides
/// between them, then the session or chance.
pub fn by_score(class: &mut [Entry], margin: f64, chance: &mut Chance<'_>) -> Drawn {
    if class.len() < 2 {
        return Drawn::CERTAIN;
    }
    // Where the order starts among equals is chance, so that the second place is not always the same.
    let start = chance.rng.below(class.len());
    let scope = chance.scope;
    let mut number = 0;
    class.sort_by_cached_key(|entry| {
        number += 1;
        let wrapped = u64::from(number <= start);
        let ties = u64::from(entry.preference) << 56 | place(entry, scope) << 1 | wrapped;
        u128::from(descending(entry.score)) << 64 | u128::from(ties)
    });
    let least = class.first().map_or(0.0, |best| best.score - margin);
    let near = class.iter().take_while(|entry| entry.score >= least).count();
    let Some(near) = class.get_mut(..near) else { return Drawn::CERTAIN };
    near.sort_by_key(|entry| tie(entry, scope));
    let first = near.first().map(|entry| tie(entry, scope));
    let equals = near.iter().take_while(|entry| Some(tie(entry, scope)) == first).count();
    near.get_mut(..equals).map_or(Drawn::CERTAIN, |equals| chance.decide(equals))
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

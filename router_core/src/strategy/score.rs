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
    let least = class.iter().map(|entry| entry.score).fold(0.0, f64::max) - margin;
    let (before, from) = class.split_at(start);
    let turns = from.iter().chain(before).zip(0_u32..);
    let mut keys: Vec<u128> =
        turns.map(|(entry, turn)| key(entry, entry.score >= least, scope, turn)).collect();
    let index = |key: &u128| (start + (key & TURN) as usize) % among;

    let first = keys.iter().min().map(|key| key >> TIE);
    let equal = |key: u128| Some(key >> TIE) == first;
    let equals: Vec<usize> = keys.iter().filter(|key| equal(**key)).map(index).collect();
    let (nth, drawn) = chance.decide(class, &equals);
    if let Some(chosen) = keys.iter_mut().filter(|key| equal(**key)).nth(nth) {
        // No other key is as small: none has a score's part of 0.
        *chosen &= TURN;
    }
    put_first(class, &mut keys, index);
    drawn
}

/// Bits of a key, from the lowest: the turn, then of one near the best the score and above it the tie;
/// of any other what decides between equal scores, the score, and the highest bit of all.
const TURN: u128 = (1 << 24) - 1;
const SCORE: u32 = 24;
const TIE: u32 = 24 + 62;
const SCORE_OF_OTHERS: u32 = 24 + 32;
const OTHERS: u128 = 1 << 127;

/// What the place of an entry follows from, the smallest first, in one number: to compare many is most
/// of the work. `turn` tells entries apart that are alike.
fn key(entry: &Entry, is_near: bool, scope: Scope, turn: u32) -> u128 {
    let by_score = u128::from(descending(entry.score));
    let turn = TURN & u128::from(turn);
    if is_near {
        return u128::from(tie(entry, scope)) << TIE | by_score << SCORE | turn;
    }
    OTHERS | by_score << SCORE_OF_OTHERS | u128::from(given(entry, scope)) << SCORE | turn
}

/// Brings the entries of the smallest keys to the first places, in order. `index` is where the entry
/// of a key stands.
pub fn put_first<K: Ord>(class: &mut [Entry], keys: &mut [K], index: impl Fn(&K) -> usize) {
    if keys.len() > PLACES {
        keys.select_nth_unstable(PLACES);
    }
    let first = keys.get_mut(..PLACES.min(class.len())).unwrap_or_default();
    first.sort_unstable();
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

/// Smaller for larger scores of 0…1, above 0 and in 62 bits; the bits of floats from 0 up are in the
/// order of their values.
fn descending(score: f64) -> u64 {
    const LARGEST: u64 = (1 << 62) - 1;
    LARGEST - score.clamp(0.0, 1.0).to_bits()
}

/// Preference, then the place in the order given where that decides, in 32 bits.
fn given(entry: &Entry, scope: Scope) -> u64 {
    const LAST: u64 = (1 << 24) - 1;
    let place = match scope {
        Scope::Member => LAST.min(entry.member as u64),
        Scope::All | Scope::Measured => 0,
    };
    u64::from(entry.preference) << 24 | place
}

/// What decides between entries of about the same score before chance does, the most weighty bits
/// first: what is measured (where the order given does not decide), preference, the order given,
/// what is loaded, what is measured. In 35 bits.
fn tie(entry: &Entry, scope: Scope) -> u64 {
    let unproven = u64::from(entry.unproven);
    let unproven_first = if scope == Scope::Member { 0 } else { unproven };
    unproven_first << 34 | given(entry, scope) << 2 | u64::from(entry.cold) << 1 | unproven
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

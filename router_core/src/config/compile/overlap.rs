//! Whether two patterns can match the same name (R3), with such a name as witness: a walk through both
//! automata at once, breadth first, so the witness is the shortest.

use std::collections::VecDeque;

use regex_automata::dfa::{dense, Automaton};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use rustc_hash::{FxHashMap, FxHashSet};

type Dfa = dense::DFA<Vec<u32>>;
type Pair = (StateID, StateID);

/// Patterns compared with each other; further ones are not, as pairs grow with the square.
pub const MOST_PATTERNS: usize = 64;
/// Bytes one automaton may take; a larger one is not compared.
const LARGEST: usize = 1 << 20;
/// Pairs of states looked at for one pair of patterns.
const MOST_PAIRS: usize = 20_000;
/// The same, to tell whether one pattern takes all that another does.
const MOST_COVERED: usize = 2_000;
/// What a witness is made of, the plainest first: names are of these, and the first found is kept.
const ALPHABET: &[u8] = b"abcdefghijklmnopqrstuvwxyz0123456789-:/._ABCDEFGHIJKLMNOPQRSTUVWXYZ@+ ";

/// The automaton of an anchored pattern over ASCII; `None` where it is too large or needs Unicode.
pub fn automaton(pattern: &str) -> Option<Dfa> {
    let config =
        dense::Config::new().dfa_size_limit(Some(LARGEST)).determinize_size_limit(Some(LARGEST));
    let ascii = syntax::Config::new().unicode(false).utf8(false);
    dense::Builder::new().configure(config).syntax(ascii).build(pattern).ok()
}

/// The shortest name both take, if there is one within the bounds above.
pub fn witness(a: &Dfa, b: &Dfa) -> Option<String> {
    let first = (start(a)?, start(b)?);
    let mut came_from: FxHashMap<Pair, Option<(Pair, u8)>> = FxHashMap::default();
    came_from.insert(first, None);
    let mut waiting = VecDeque::from([first]);
    while let Some(pair) = waiting.pop_front() {
        if accepts(a, pair.0) && accepts(b, pair.1) {
            return Some(spelt(&came_from, pair));
        }
        for byte in ALPHABET {
            let next = (a.next_state(pair.0, *byte), b.next_state(pair.1, *byte));
            let dead = a.is_dead_state(next.0) || b.is_dead_state(next.1);
            if !dead && came_from.len() < MOST_PAIRS && !came_from.contains_key(&next) {
                came_from.insert(next, Some((pair, *byte)));
                waiting.push_back(next);
            }
        }
    }
    None
}

/// Whether `a` takes every ASCII name that `b` takes; false where that takes too long to tell.
pub fn covers(a: &Dfa, b: &Dfa) -> bool {
    let Some(first) = start(a).zip(start(b)) else { return false };
    let mut seen = FxHashSet::from_iter([first]);
    let mut waiting = vec![first];
    while let Some(pair) = waiting.pop() {
        if accepts(b, pair.1) && !accepts(a, pair.0) {
            return false;
        }
        for byte in 0..=i8::MAX.unsigned_abs() {
            let next = (a.next_state(pair.0, byte), b.next_state(pair.1, byte));
            if !b.is_dead_state(next.1) && seen.insert(next) {
                waiting.push(next);
            }
        }
        if seen.len() > MOST_COVERED {
            return false;
        }
    }
    true
}

fn start(dfa: &Dfa) -> Option<StateID> {
    dfa.start_state_forward(&Input::new("").anchored(Anchored::Yes)).ok()
}

fn accepts(dfa: &Dfa, state: StateID) -> bool {
    dfa.is_match_state(dfa.next_eoi_state(state))
}

fn spelt(came_from: &FxHashMap<Pair, Option<(Pair, u8)>>, end: Pair) -> String {
    let mut bytes = Vec::new();
    let mut at = end;
    while let Some(Some((before, byte))) = came_from.get(&at) {
        bytes.push(*byte);
        at = *before;
    }
    bytes.reverse();
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(a: &str, b: &str) -> Option<String> {
        let anchored = |pattern: &str| automaton(&format!("\\A(?:{pattern})\\z")).unwrap();
        witness(&anchored(a), &anchored(b))
    }

    #[test]
    fn a_witness_is_matched_by_both() {
        for (a, b) in [("^meta-llama/.*", r".*:\d+[bB]$"), (r".*\.gguf$", "^mistralai/.*")] {
            let name = between(a, b).unwrap();
            for pattern in [a, b] {
                assert!(regex::Regex::new(pattern).unwrap().is_match(&name), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn what_takes_all_that_another_takes_covers_it() {
        let covered = |a: &str, b: &str| {
            let anchored = |pattern: &str| automaton(&format!("\\A(?:{pattern})\\z")).unwrap();
            covers(&anchored(a), &anchored(b))
        };
        assert!(covered("^meta/.*", "^meta/llama.*"));
        assert!(covered(".*", r".*\.gguf$"));
        assert!(covered("a|b", "b|a"));
        assert!(!covered("^meta/llama.*", "^meta/.*"));
        assert!(!covered("^meta-llama/.*", r".*:\d+[bB]$"));
    }

    #[test]
    fn patterns_that_exclude_each_other_have_none() {
        assert_eq!(between("^meta-llama/.*", "^mistralai/.*"), None);
        assert_eq!(between(r".*:\d+[bB]$", r".*\.gguf$"), None);
    }
}

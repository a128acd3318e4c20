//! Whether two patterns can match the same name (R3), with such a name as witness: a walk through both
//! automata at once, breadth first, so the witness is the shortest.

use std::collections::VecDeque;

use regex_automata::dfa::{dense, Automaton};
use regex_automata::util::primitives::StateID;
use regex_automata::util::syntax;
use regex_automata::{Anchored, Input};
use rustc_hash::FxHashMap;

type Dfa = dense::DFA<Vec<u32>>;
type Pair = (StateID, StateID);

/// Patterns compared with each other; further ones are not, as pairs grow with the square.
pub const MOST_PATTERNS: usize = 64;
/// Bytes one automaton may take; a larger one is not compared.
const LARGEST: usize = 1 << 20;
/// Pairs of states looked at for one pair of patterns.
const MOST_PAIRS: usize = 20_000;
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
    let start = |dfa: &Dfa| dfa.start_state_forward(&Input::new("").anchored(Anchored::Yes)).ok();
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
    fn patterns_that_exclude_each_other_have_none() {
        assert_eq!(between("^meta-llama/.*", "^mistralai/.*"), None);
        assert_eq!(between(r".*:\d+[bB]$", r".*\.gguf$"), None);
    }
}

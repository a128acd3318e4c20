//! Patterns (R3): regular expressions over whole names, tested in file order. The syntax is the `regex`
//! crate's, so matching takes linear time whatever the name.

use regex::{Regex, RegexSet};

use super::overlap::{automaton, covers, witness, MOST_PATTERNS};
use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::containers::Items;
use crate::config::schema::rules::PatternEntry;
use crate::table::{PatternRule, Target};

pub(super) fn compile(draft: &mut Draft, entries: &Items<PatternEntry>) {
    let section = Pointer::root().key("patterns");
    let mut rules: Vec<PatternRule> = Vec::new();
    let mut places = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = section.index(index);
        let entry = draft.built(entry, &at).ok_or(Reported);
        if let Ok(rule) = entry.and_then(|entry| compile_one(draft, entry, &at)) {
            rules.push(rule);
            places.push(at.key("pattern"));
        }
    }
    warn_of_overlaps(draft, &rules, &places);
    match RegexSet::new(rules.iter().map(|rule| anchored(&rule.pattern))) {
        Ok(set) => draft.table.patterns.set = set,
        Err(error) => {
            let message = format!("the patterns are too large together: {error}");
            draft.error("bad-pattern", &section, message);
        }
    }
    draft.table.patterns.rules = rules;
}

/// Legal, as the first in file order wins, but seldom meant.
fn warn_of_overlaps(draft: &mut Draft, rules: &[PatternRule], places: &[Pointer]) {
    let automata: Vec<_> =
        rules.iter().take(MOST_PATTERNS).map(|rule| automaton(&anchored(&rule.pattern))).collect();
    for (later, (rule, at)) in rules.iter().zip(places).take(MOST_PATTERNS).enumerate() {
        for (first, earlier) in rules.iter().zip(&automata).take(later) {
            let both = earlier.as_ref().zip(automata.get(later).and_then(Option::as_ref));
            let Some((a, b)) = both else { continue };
            let Some(name) = witness(a, b) else { continue };
            if covers(a, b) {
                let message = format!(
                    "`{}` is never reached: `{}` before it matches every name that it does",
                    rule.pattern, first.pattern
                );
                let found = Diagnostic::warning("unreachable-pattern", at, message);
                let found = found.about(&rule.pattern);
                draft.report.add(found.suggest("put it before that one, or take it out"));
                break;
            }
            let message = format!(
                "`{}` and `{}` both match `{name}`; the first in the file wins",
                first.pattern, rule.pattern
            );
            let found = Diagnostic::warning("pattern-overlap", at, message);
            let found = found.about(&rule.pattern).about(&first.pattern);
            draft.report.add(found.suggest("put the one that should win first"));
        }
    }
}

fn anchored(pattern: &str) -> String {
    format!("\\A(?:{pattern})\\z")
}

fn compile_one(
    draft: &mut Draft,
    entry: &PatternEntry,
    at: &Pointer,
) -> Result<PatternRule, Reported> {
    let checked = check(draft, &entry.pattern, &at.key("pattern"));
    let provider = draft.provider(&entry.provider, &at.key("provider"));
    let fallback = draft.fallback(&entry.fallback, &at.key("fallback"));
    checked?;
    Ok(PatternRule {
        pattern: entry.pattern.clone(),
        target: Target::Deployment(draft.table.providers.get(provider?).passthrough),
        fallback,
        delivery: draft.delivery(entry.delivery),
    })
}

fn check(draft: &mut Draft, pattern: &str, at: &Pointer) -> Result<(), Reported> {
    let Err(error) = Regex::new(pattern) else {
        return Ok(());
    };
    let text = error.to_string();
    let reason = text.lines().rev().find_map(|line| line.strip_prefix("error: "));
    let message = format!("the pattern cannot be read: {}", reason.unwrap_or(&text));
    let found = Diagnostic::error("bad-pattern", at, message).at_offset(offset(&text));
    Err(draft.reported(found.suggest("patterns use the syntax of Rust's regex crate")))
}

/// Where in a pattern of one line the fault is: under it the message draws carets, indented by four.
fn offset(message: &str) -> Option<usize> {
    const INDENT: usize = 4;
    let carets = |line: &&str| line.contains('^') && line.trim_matches([' ', '^']).is_empty();
    let line = message.lines().skip(2).find(carets)?;
    line.find('^')?.checked_sub(INDENT)
}

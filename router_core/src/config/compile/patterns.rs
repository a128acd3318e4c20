//! Patterns (R3): regular expressions over whole names, tested in file order. The syntax is the `regex`
//! crate's, so matching takes linear time whatever the name.

use regex::{Regex, RegexSet};

use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::containers::Items;
use crate::config::schema::rules::PatternEntry;
use crate::table::{PatternRule, Target};

pub(super) fn compile(draft: &mut Draft, entries: &Items<PatternEntry>) {
    let section = Pointer::root().key("patterns");
    let mut rules = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = section.index(index);
        let entry = draft.built(entry, &at).ok_or(Reported);
        rules.extend(entry.and_then(|entry| compile_one(draft, entry, &at)));
    }
    match RegexSet::new(rules.iter().map(|rule: &PatternRule| anchored(&rule.pattern))) {
        Ok(set) => draft.table.patterns.set = set,
        Err(error) => {
            let message = format!("the patterns are too large together: {error}");
            draft.error("bad-pattern", &section, message);
        }
    }
    draft.table.patterns.rules = rules;
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

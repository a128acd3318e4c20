//! Size rules (R6): where a name that nothing else knows goes, by the parameter count it carries.

use super::{Draft, Reported};
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::containers::Items;
use crate::config::schema::rules::SizeEntry;
use crate::size::parse_size;
use crate::table::{SizeBound, SizeRule, Target};

pub(super) fn compile(draft: &mut Draft, entries: &Items<SizeEntry>) {
    let section = Pointer::root().key("model_size_routing");
    let mut places = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let at = section.index(index);
        let entry = draft.built(entry, &at).ok_or(Reported);
        if let Ok(rule) = entry.and_then(|entry| compile_one(draft, entry, &at)) {
            draft.table.size_rules.push(rule);
            places.push(at.key("size"));
        }
    }
    warn_of_hidden(draft, &places);
}

/// Legal, as the first in file order wins, but never meant.
fn warn_of_hidden(draft: &mut Draft, places: &[Pointer]) {
    let ranges: Vec<_> = draft.table.size_rules.iter().map(range).collect();
    for (later, at) in places.iter().enumerate() {
        let earlier = ranges.iter().take(later).copied().collect();
        let hidden = ranges.get(later).is_some_and(|range| is_covered(*range, earlier));
        if let Some(rule) = draft.table.size_rules.get(later).filter(|_| hidden) {
            let message = format!(
                "`{}` is never reached: the sizes before it cover every size that it does",
                rule.size
            );
            let found = Diagnostic::warning("unreachable-size", at, message).about(&rule.size);
            draft.report.add(found.suggest("put it before those, or take it out"));
        }
    }
}

/// The least and the largest size that a rule covers.
fn range(rule: &SizeRule) -> (u64, u64) {
    let least = match rule.min {
        SizeBound::Open => 0,
        SizeBound::Inclusive(bound) => bound,
        SizeBound::Exclusive(bound) => bound.saturating_add(1),
    };
    let most = match rule.max {
        SizeBound::Open => u64::MAX,
        SizeBound::Inclusive(bound) => bound,
        SizeBound::Exclusive(bound) => bound.saturating_sub(1),
    };
    (least, most)
}

/// Whether the other ranges together hold all of this one.
fn is_covered((least, most): (u64, u64), mut others: Vec<(u64, u64)>) -> bool {
    others.sort_unstable();
    let mut open = least;
    for (from, to) in others {
        if from <= open && to >= most {
            return true;
        }
        if from <= open {
            open = open.max(to.saturating_add(1));
        }
    }
    false
}

fn compile_one(draft: &mut Draft, entry: &SizeEntry, at: &Pointer) -> Result<SizeRule, Reported> {
    let bounds = bounds(&entry.size).ok_or_else(|| {
        let message = format!("`{}` is no range of model sizes", entry.size);
        let found = Diagnostic::error("bad-size", &at.key("size"), message);
        draft.reported(found.suggest("write `< 8B`, `8B - 13B` or `> 13B`"))
    });
    let provider = draft.provider(&entry.provider, &at.key("provider"));
    let fallback = draft.fallback(&entry.fallback, &at.key("fallback"));
    let (min, max) = bounds?;
    Ok(SizeRule {
        size: entry.size.clone(),
        min,
        max,
        target: Target::Deployment(draft.table.providers.get(provider?).passthrough),
        fallback,
        reason: entry.reason.clone().unwrap_or_default(),
        delivery: draft.delivery(entry.delivery),
    })
}

fn bounds(text: &str) -> Option<(SizeBound, SizeBound)> {
    use SizeBound::{Exclusive, Inclusive, Open};
    let text = text.trim();
    let size = |text: &str| parse_size(text.trim());
    if let Some(bound) = text.strip_prefix("<=") {
        return Some((Open, Inclusive(size(bound)?)));
    }
    if let Some(bound) = text.strip_prefix('<') {
        return Some((Open, Exclusive(size(bound)?)));
    }
    if let Some(bound) = text.strip_prefix(">=") {
        return Some((Inclusive(size(bound)?), Open));
    }
    if let Some(bound) = text.strip_prefix('>') {
        return Some((Exclusive(size(bound)?), Open));
    }
    let (least, most) = match text.split_once(['-', '–']) {
        Some((least, most)) => (size(least)?, size(most)?),
        None => (size(text)?, size(text)?),
    };
    (least <= most).then_some((Inclusive(least), Inclusive(most)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use SizeBound::{Exclusive, Inclusive, Open};

    const B: u64 = 1_000_000_000;

    #[test]
    fn every_way_to_write_a_range() {
        for (text, wanted) in [
            ("< 8B", (Open, Exclusive(8 * B))),
            ("<=8B", (Open, Inclusive(8 * B))),
            ("> 13B", (Exclusive(13 * B), Open)),
            (">= 13B", (Inclusive(13 * B), Open)),
            ("8B - 13B", (Inclusive(8 * B), Inclusive(13 * B))),
            ("8B-13B", (Inclusive(8 * B), Inclusive(13 * B))),
            ("7B", (Inclusive(7 * B), Inclusive(7 * B))),
        ] {
            assert_eq!(bounds(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn ranges_that_others_hold_together_are_covered() {
        assert!(is_covered((8, 13), vec![(10, 20), (0, 9)]));
        assert!(is_covered((0, u64::MAX), vec![(0, 7), (8, u64::MAX)]));
        assert!(!is_covered((8, 13), vec![(0, 9), (11, 20)]));
        assert!(!is_covered((8, 13), vec![(0, 12)]));
        assert!(!is_covered((8, 13), vec![]));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", "<", "small", "13B - 8B", "8B - ", "< 8B - 13B", "8 - 13B B"] {
            assert_eq!(bounds(text), None, "{text}");
        }
    }
}

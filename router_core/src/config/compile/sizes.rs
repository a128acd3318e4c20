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
    for (index, entry) in entries.iter().enumerate() {
        let at = section.index(index);
        let entry = draft.built(entry, &at).ok_or(Reported);
        if let Ok(rule) = entry.and_then(|entry| compile_one(draft, entry, &at)) {
            draft.table.size_rules.push(rule);
        }
    }
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
    fn what_is_no_range_is_refused() {
        for text in ["", "<", "small", "13B - 8B", "8B - ", "< 8B - 13B", "8 - 13B B"] {
            assert_eq!(bounds(text), None, "{text}");
        }
    }
}

//! Budgets on cloud spending: the limits as money, and a warning for what they cannot count.

use super::Draft;
use crate::allowance::Budgets;
use crate::config::diagnostics::Diagnostic;
use crate::config::pointer::Pointer;
use crate::config::schema::scalars::Dollars;
use crate::config::schema::settings::BudgetsEntry;

const ANSWER_TOKENS: u32 = 1_000;

pub(super) fn compile(draft: &mut Draft, entry: &BudgetsEntry) {
    let at = Pointer::root().key("budgets").key("callers");
    let callers = entry.callers.iter().filter_map(|(name, limit)| {
        let limit = draft.built(limit, &at.key(name))?;
        Some((name.to_owned(), limit.usd()))
    });
    let budgets = Budgets {
        callers: callers.collect(),
        per_day: entry.cloud_usd_per_day.map(Dollars::usd),
        per_caller: entry.cloud_usd_per_day_per_caller.map(Dollars::usd),
        fallback_share: entry.cloud_fallback_share,
        answer_tokens: entry.assumed_answer_tokens.unwrap_or(ANSWER_TOKENS),
    };
    let limits_money =
        budgets.per_day.is_some() || budgets.per_caller.is_some() || !budgets.callers.is_empty();
    if limits_money {
        warn_of_unpriced(draft);
    }
    if limits_money || budgets.fallback_share.is_some() {
        draft.table.budgets = Some(budgets);
    }
}

/// Whoever is sent there spends nothing, as far as the budgets know.
fn warn_of_unpriced(draft: &mut Draft) {
    let providers = draft.table.providers.iter().map(|(_, provider)| provider);
    let unpriced = providers
        .filter(|provider| provider.active && provider.is_in_cloud() && provider.price.is_free());
    for provider in unpriced {
        let at = Pointer::root().key("providers").key(&provider.id);
        let message =
            format!("`budgets` cannot limit what `{}` costs: it has no price", provider.id);
        let found = Diagnostic::warning("unpriced-provider", &at, message).at_key();
        draft.report.add(found.suggest("say what it charges under `price:`"));
    }
}

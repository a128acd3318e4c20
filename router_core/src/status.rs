//! The live figures as JSON, for operators and metrics: what every provider and deployment is doing now.

use serde_json::{json, Map, Value};

use crate::allowance::{Budgets, Purse};
use crate::price::Usd;
use crate::state::spending::midnight_us;
use crate::state::{Bindings, LiveView, State};
use crate::table::{Deployment, DeploymentId, Provider, ProviderId, Table};
use crate::view::{Patience, View};

/// Callers whose spending is told.
const MOST_CALLERS: usize = 100;

/// `{"providers": {id: …}, "deployments": {id: …}, "spending": …}`; times are microseconds, 0 stands for
/// "not". Without budgets, spending is null.
#[must_use]
pub fn status(table: &Table, state: &State, bindings: &Bindings, now_us: u64) -> Value {
    let view = LiveView::new(state, bindings);
    let providers: Map<String, Value> = table
        .providers
        .iter()
        .map(|(id, provider)| {
            (provider.id.clone(), provider_row(table, &view, id, provider, now_us))
        })
        .collect();
    let deployments: Map<String, Value> = table
        .deployments
        .iter()
        .map(|(id, entry)| (entry.id.clone(), deployment_row(table, &view, id, entry, now_us)))
        .collect();
    json!({
        "table_version": table.version,
        "providers": providers,
        "deployments": deployments,
        "spending": table.budgets.as_ref().map(|budgets| spending_row(budgets, state, now_us)),
    })
}

/// Of the callers, those that have spent most.
fn spending_row(budgets: &Budgets, state: &State, now_us: u64) -> Value {
    let (day, callers) = state.spending.purses(budgets, now_us);
    let (requests, fallbacks) = state.spending.fallbacks(now_us);
    let callers: Map<String, Value> = callers
        .into_iter()
        .take(MOST_CALLERS)
        .map(|(name, purse)| (name.to_owned(), purse_row(purse)))
        .collect();
    json!({
        "day": purse_row(day),
        "day_ends_us": midnight_us(now_us),
        "callers": callers,
        "fallback": {
            "requests": requests,
            "to_cloud": fallbacks,
            "limit": budgets.fallback_share,
        },
    })
}

fn purse_row(purse: Purse) -> Value {
    json!({
        "spent_usd": purse.spent.dollars(),
        "set_aside_usd": purse.set_aside.dollars(),
        "limit_usd": purse.limit.map(Usd::dollars),
    })
}

fn provider_row(
    table: &Table,
    view: &LiveView<'_>,
    id: ProviderId,
    provider: &Provider,
    now_us: u64,
) -> Value {
    let figures = view.provider(id);
    let hold = figures.held(now_us);
    json!({
        "kind": provider.kind.as_str(),
        "location": provider.location.as_str(),
        "active": provider.active,
        "state": hold.map_or("enabled", |hold| hold.kind.as_str()),
        "state_reason": hold.map(|hold| hold.text(now_us)),
        "state_until_us": hold.map_or(0, |hold| hold.until_us),
        "exclusive_group": provider.exclusive_group,
        "health": figures.standing.health(&table.settings, now_us).as_str(),
        "in_flight": figures.in_flight,
        "capacity": provider.capacity,
        "load": figures.load(provider.capacity, now_us),
        "saturated": figures.saturated,
        "out_until_us": figures.standing.out_until_us,
    })
}

fn deployment_row(
    table: &Table,
    view: &LiveView<'_>,
    id: DeploymentId,
    entry: &Deployment,
    now_us: u64,
) -> Value {
    let figures = view.deployment(id);
    let measured = &figures.measured;
    let provider = table.providers.get(entry.provider);
    json!({
        "model": entry.model.map(|model| table.models.get(model).name.as_str()),
        "provider": provider.id,
        "enabled": entry.enabled,
        "health": figures.standing.health(&table.settings, now_us).as_str(),
        "weight": entry.weight * figures.standing.weight_factor(&table.settings, now_us),
        "in_flight": figures.in_flight,
        "outcomes": measured.outcomes,
        "successes": measured.successes,
        "first_token_p50_us": measured.first_token.p50_us,
        "first_token_p95_us": measured.first_token.p95_us,
        "whole_p50_us": measured.whole.p50_us,
        "whole_p95_us": measured.whole.p95_us,
        "waiting_us": figures.waiting_us(true, now_us).max(figures.waiting_us(false, now_us)),
        "stalled": figures.stalled(&Patience::with(provider, &table.settings), now_us),
        "cold": figures.cold_until_us > now_us,
        "out_until_us": figures.standing.out_until_us,
    })
}

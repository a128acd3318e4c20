//! What a schema cannot say of a scenario: names the table must know, and figures that must agree.

use super::{ProviderModel, Scenario, CONFIGURED};
use crate::config::diagnostics::{Diagnostic, Report};
use crate::config::pointer::Pointer;
use crate::strategy::Strategy;
use crate::table::Table;

pub fn check(scenario: &Scenario, table: &Table, report: &mut Report) {
    strategies(scenario, report);
    arrivals(scenario, report);
    workload(scenario, table, report);
    providers(scenario, table, report);
}

fn strategies(scenario: &Scenario, report: &mut Report) {
    let at = Pointer::root().key("strategies");
    for (index, name) in scenario.strategies.iter().enumerate() {
        let place = at.index(index);
        if name != CONFIGURED && Strategy::parse(name).is_none() {
            let known = std::iter::once(CONFIGURED).chain(Strategy::names());
            let found = Diagnostic::error("unknown-value", &place, format!("no strategy `{name}`"));
            report.add(found.suggest_name(name, known));
        }
        if scenario.strategies.iter().take(index).any(|earlier| earlier == name) {
            let message = format!("the strategy `{name}` is named twice");
            report.add(Diagnostic::error("duplicate", &place, message).suggest("name it once"));
        }
    }
}

fn arrivals(scenario: &Scenario, report: &mut Report) {
    let arrivals = &scenario.arrivals;
    let at = Pointer::root().key("arrivals");
    if arrivals.rate_per_s.is_some() && arrivals.load.is_some() {
        let message = "both `rate_per_s` and `load` are given";
        let found = Diagnostic::error("contradiction", &at.key("load"), message);
        report.add(found.suggest("keep one: a rate in requests a second, or a share of capacity"));
    }
    let own_rate = arrivals.rate_per_s.is_some() || arrivals.load.is_some();
    if arrivals.file.is_some() && own_rate {
        let message = "a recording has its own rate";
        let found = Diagnostic::error("contradiction", &at.key("file"), message);
        report.add(found.suggest("remove `rate_per_s` and `load`, or the file"));
    }
}

fn workload(scenario: &Scenario, table: &Table, report: &mut Report) {
    let at = Pointer::root().key("workload");
    for (index, kind) in scenario.workload.iter().enumerate() {
        if kind.model.is_empty() && kind.capability.is_none() {
            let message = "this kind of request asks for nothing";
            let found = Diagnostic::error("missing-key", &at.index(index), message);
            report.add(found.suggest("add `model:` with a model, capability or pool"));
        }
        if kind.query_class.is_some() && table.query_classes.is_none() {
            let message = "this config has no query classes, so this would change nothing";
            let place = at.index(index).key("query_class");
            let found = Diagnostic::error("no-query-classes", &place, message);
            report.add(found.suggest("remove it, or use a config with `query_classes`"));
        }
    }
    if scenario.workload.iter().all(|kind| kind.share <= 0.0) {
        let found = Diagnostic::error("no-share", &at, "every kind of request has a share of 0");
        report.add(found.suggest("give at least one a larger share"));
    }
}

fn providers(scenario: &Scenario, table: &Table, report: &mut Report) {
    let at = Pointer::root().key("providers");
    for (id, model) in &scenario.providers {
        let place = at.key(id);
        provider_name(id, &place, table, report);
        for name in model.models.keys() {
            model_name(name, &place.key("models").key(name), table, report);
        }
        behaviour(model, &place, report);
    }
}

fn provider_name(id: &str, place: &Pointer, table: &Table, report: &mut Report) {
    let known = table.providers.iter().find(|(_, provider)| provider.id == *id);
    match known {
        Some((_, provider)) if provider.active => {}
        Some(_) => {
            let message = format!("the provider `{id}` is not active in this config");
            let found = Diagnostic::error("inactive-provider", place, message).at_key();
            report.add(found.suggest("model one that is, or remove this entry"));
        }
        None => {
            let message = format!("no provider `{id}` in this config");
            let found = Diagnostic::error("unknown-provider", place, message).at_key();
            let ids = table.providers.iter().map(|(_, provider)| provider.id.as_str());
            report.add(found.suggest_name(id, ids));
        }
    }
}

/// Reports name models, never their aliases.
fn model_name(name: &str, place: &Pointer, table: &Table, report: &mut Report) {
    if table.names.get(name).is_none_or(|known| known.alias) {
        let message = format!("no model `{name}` in this config");
        let found = Diagnostic::error("unknown-model", place, message).at_key();
        let names = table.models.iter().map(|(_, model)| model.name.as_str());
        report.add(found.suggest_name(name, names));
    }
}

fn behaviour(model: &ProviderModel, place: &Pointer, report: &mut Report) {
    let faults = model.faults;
    if faults.server_error + faults.unavailable + faults.hang > 1.0 {
        let message = "the shares of failures add up to more than 1";
        let found = Diagnostic::error("out-of-range", &place.key("faults"), message);
        report.add(found.suggest("lower them: each is a share of all requests"));
    }
    for (index, dead) in model.dead.iter().enumerate() {
        if dead.until_s.is_some_and(|until| until <= dead.from_s) {
            let at = place.key("dead").index(index);
            let found = Diagnostic::error("out-of-range", &at, "`until_s` is not after `from_s`");
            report.add(found.suggest("write a later time, or leave it out for the end"));
        }
    }
}

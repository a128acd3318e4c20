//! The last stage: policies are judged on the finished table, and every finding gets the severity that the
//! config gives its policy, or is accepted for the reason it gives.

use std::collections::BTreeSet;

use super::Draft;
use crate::analyze::idle_choices;
use crate::config::diagnostics::{closest, Diagnostic, Severity};
use crate::config::pointer::Pointer;
use crate::config::schema::policies::{AcceptEntry, PoliciesEntry};
use crate::policies::catalogue::{policy, Level, Policy, CYCLE};
use crate::policies::judge;

pub(super) fn compile(draft: &mut Draft, entry: &PoliciesEntry) {
    let mut rulings = Rulings::read(draft, entry);
    if !rulings.settle_all(draft) {
        return;
    }
    draft.table.idle_choices = idle_choices(&draft.table);
    let with_cycles = policy(CYCLE).is_some_and(|cycle| rulings.level(cycle) != Level::Off);
    for found in judge(&draft.table, &draft.places, with_cycles) {
        if let Some(found) = rulings.settle(found) {
            draft.report.add(found);
        }
    }
    rulings.warn_of_unused(draft);
}

/// What the config says of findings.
struct Rulings {
    levels: Vec<(&'static Policy, Level)>,
    accepts: Vec<Accept>,
    /// What an `accept` can name, by the code of the policy.
    names: BTreeSet<(&'static str, String)>,
}

struct Accept {
    policy: &'static Policy,
    name: String,
    reason: String,
    at: Pointer,
    used: bool,
}

impl Rulings {
    fn read(draft: &mut Draft, entry: &PoliciesEntry) -> Self {
        let section = Pointer::root().key("policies");
        let mut levels = Vec::new();
        for (policy, level) in entry.severity.iter() {
            let at = section.key("severity").key(policy.code);
            if level == Level::Error || !refuse_fixed(draft, policy, &at) {
                levels.push((policy, level));
            }
        }
        let mut accepts = Vec::new();
        for (index, entry) in entry.accept.iter().enumerate() {
            let at = section.key("accept").index(index);
            let entry = draft.built(entry, &at);
            accepts.extend(entry.and_then(|entry| accept(draft, entry, &at)));
        }
        Self { levels, accepts, names: BTreeSet::new() }
    }

    fn level(&self, policy: &'static Policy) -> Level {
        let set = self.levels.iter().find(|(known, _)| *known == policy);
        set.map_or(policy.level, |(_, level)| *level)
    }

    /// Settles what was found so far. False where a mistake remains, so that there is no table to judge.
    fn settle_all(&mut self, draft: &mut Draft) -> bool {
        let mut whole = true;
        for found in std::mem::take(&mut draft.report).into_diagnostics() {
            let mistake = found.severity == Severity::Error;
            if let Some(found) = self.settle(found) {
                whole &= !(mistake && found.is_fatal());
                draft.report.add(found);
            }
        }
        whole
    }

    /// The finding as the config has it; `None` for one of a policy that is off.
    fn settle(&mut self, mut found: Diagnostic) -> Option<Diagnostic> {
        let Some(policy) = policy(found.code) else { return Some(found) };
        found.severity = match self.level(policy) {
            Level::Error => Severity::Error,
            Level::Warning => Severity::Warning,
            Level::Off => return None,
        };
        for accept in self.accepts.iter_mut().filter(|accept| accept.policy == policy) {
            if found.names.contains(&accept.name) {
                accept.used = true;
                found.accepted.get_or_insert_with(|| accept.reason.clone());
            }
        }
        self.names.extend(found.names.iter().map(|name| (policy.code, name.clone())));
        Some(found)
    }

    /// So that lists do not rot.
    fn warn_of_unused(&self, draft: &mut Draft) {
        for accept in self.accepts.iter().filter(|accept| !accept.used) {
            let Accept { policy, name, at, .. } = accept;
            let message = format!("`{}` finds nothing at `{name}` to accept", policy.code);
            let others = self.names.iter().filter(|(known, _)| *known == policy.code);
            let fix = match closest(name, others.map(|(_, name)| name.as_str())) {
                Some(near) => format!("did you mean `{near}`? Else take it out"),
                None => "take it out".to_owned(),
            };
            draft
                .report
                .add(Diagnostic::warning("unused-accept", &at.key("at"), message).suggest(fix));
        }
    }
}

fn accept(draft: &mut Draft, entry: &AcceptEntry, at: &Pointer) -> Option<Accept> {
    let policy = entry.policy.0;
    if refuse_fixed(draft, policy, &at.key("policy")) {
        return None;
    }
    if entry.reason.trim().is_empty() {
        let message = "the reason is empty";
        let found = Diagnostic::error("empty-reason", &at.key("reason"), message);
        draft.reported(found.suggest("say in a sentence why this is meant so"));
        return None;
    }
    Some(Accept {
        policy,
        name: entry.at.clone(),
        reason: entry.reason.clone(),
        at: at.clone(),
        used: false,
    })
}

/// Whether the findings of a policy stay errors, which is then reported.
fn refuse_fixed(draft: &mut Draft, policy: &Policy, at: &Pointer) -> bool {
    let Some(why) = policy.fixed else { return false };
    let message = format!("`{}` is always an error: without it {why}", policy.code);
    let found = Diagnostic::error("fixed-policy", at, message);
    draft.reported(found.suggest("take this out, and correct what it finds"));
    true
}

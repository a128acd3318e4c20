//! What the answer loses, or gains, where a later hop of the plan gives it: against the first hop.

use serde_json::{json, Value};

use crate::decision::{change_pct, Decision};
use crate::facts::Facts;
use crate::resolve::Rule;
use crate::table::{DeploymentId, Model};

/// What a hop costs in quality.
#[derive(Debug, Clone, PartialEq)]
pub struct Quality {
    /// Tiers further down than the first hop, of four; below 0 further up. `None` where either is of
    /// no known model.
    pub tier_step: Option<i8>,
    pub param_change_pct: Option<f64>,
    /// Of the capabilities the request asks for: the one it names, else those of the first hop's model.
    pub kept: Vec<String>,
    pub lost: Vec<String>,
    /// Tokens.
    pub context_window: Option<u32>,
    pub context_change_pct: Option<f64>,
}

impl Quality {
    #[must_use]
    pub fn of(decision: &Decision, facts: &Facts, id: DeploymentId) -> Self {
        let first = decision.chosen().unwrap_or(id);
        let model = |id| model_of(decision, id);
        let window = |id| decision.table.deployments.get(id).context_window;
        let wanted = wanted(decision, facts, first);
        let offered = model(id).map(|model| decision.table.labels_of(model)).unwrap_or_default();
        let (kept, lost) = wanted.into_iter().partition(|name| offered.contains(&name.as_str()));
        // Tiers are declared best first.
        let step = |(from, to): (&Model, &Model)| to.tier as i8 - from.tier as i8;
        let change = |(from, to)| change_pct(u64::from(from), u64::from(to));
        Self {
            tier_step: model(first).zip(model(id)).map(step),
            param_change_pct: decision.param_change_pct(id),
            kept,
            lost,
            context_window: window(id),
            context_change_pct: window(first).zip(window(id)).map(change),
        }
    }

    /// In plain words, such as `2 tiers down, 88 % fewer parameters, without large_context`.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        match self.tier_step {
            Some(step) if step != 0 => {
                let tiers = if step.abs() == 1 { "tier" } else { "tiers" };
                let way = if step > 0 { "down" } else { "up" };
                words.push(format!("{} {tiers} {way}", step.abs()));
            }
            Some(_) => {}
            None => words.push("a model of unknown tier".to_owned()),
        }
        words.extend(change(self.param_change_pct, "parameters"));
        if !self.lost.is_empty() {
            words.push(format!("without {}", self.lost.join(", ")));
        }
        words.extend(change(self.context_change_pct, "tokens of context"));
        if words.is_empty() {
            words.push("as good as the first".to_owned());
        }
        words.join(", ")
    }

    #[must_use]
    pub fn json(&self) -> Value {
        json!({
            "tier_step": self.tier_step,
            "capabilities_kept": self.kept,
            "capabilities_lost": self.lost,
            "context_window": self.context_window,
            "context_change_pct": self.context_change_pct,
            "quality": self.words(),
        })
    }
}

fn change(percent: Option<f64>, of: &str) -> Option<String> {
    let percent = percent.filter(|percent| *percent != 0.0)?;
    let which = if percent < 0.0 { "fewer" } else { "more" };
    Some(format!("{} % {which} {of}", percent.abs()))
}

fn model_of(decision: &Decision, id: DeploymentId) -> Option<&Model> {
    let model = decision.table.deployments.get(id).model;
    model.map(|model| decision.table.models.get(model))
}

fn wanted(decision: &Decision, facts: &Facts, first: DeploymentId) -> Vec<String> {
    let table = &decision.table;
    let by_rule = (decision.choice.rule == Rule::Capability).then_some(&decision.choice.matched);
    let named = by_rule.or(facts.capability.as_ref());
    if let Some(entry) = named.and_then(|name| table.capability_names.get(name)) {
        return vec![table.capabilities.get(entry.capability).name.clone()];
    }
    let of_first = model_of(decision, first).map(|model| table.labels_of(model));
    of_first.unwrap_or_default().into_iter().map(str::to_owned).collect()
}

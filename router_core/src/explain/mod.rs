//! Explanations: a decision with what its candidates were scored by, what each hop costs in quality, and
//! the nearest change that would alter the choice. All of it is apart from the decision, which is as
//! live traffic gets it.

mod change;
mod quality;
mod search;
mod terms;
mod words;

use serde_json::{json, Value};

use crate::decision::Decision;
use crate::facts::Facts;
use crate::record::Figures;

pub use change::{Change, WeightPlace};
pub use quality::Quality;
pub use search::{Found, Nearest, Search, MOST_CHANGES, MOST_RERUNS};
pub use terms::{Compared, Scores, Terms};

/// A decision and all that is needed to say why it is so.
#[derive(Debug)]
pub struct Explained {
    pub decision: Decision,
    pub facts: Facts,
    pub scores: Scores,
    /// The state it was made on.
    pub figures: Figures,
}

impl Explained {
    /// The decision as `Decision::explain` has it, and what belongs to an explanation alone.
    #[must_use]
    pub fn json(&self) -> Value {
        let mut explained = self.decision.explain();
        let choice = &self.decision.choice;
        for (hop, entry) in choice.plan.iter().zip(entries(&mut explained, "plan")) {
            let quality = Quality::of(&self.decision, &self.facts, hop.deployment);
            extend(entry, quality.json());
        }
        // Candidates are the plan and then what was left out, which was scored by nothing.
        for (hop, entry) in choice.plan.iter().zip(entries(&mut explained, "candidates")) {
            extend(entry, json!({ "terms": self.scores.json(&self.decision, hop) }));
        }
        extend(&mut explained, self.nearest());
        explained
    }

    fn nearest(&self) -> Value {
        let Decision { table, now_us, .. } = &self.decision;
        let nearest = Search::nearest(self);
        let words = |change: &Change| change.words(table, &self.facts, *now_us);
        let found = |Found { change, first }: &Found| {
            let deployment = table.deployments.get(*first);
            let amount = change.amount(*now_us);
            json!({
                "kind": change.kind(),
                "deployment": change.deployment().map(|id| &table.deployments.get(id).id),
                "amount": amount.map(|(amount, _)| amount),
                "unit": amount.map(|(_, unit)| unit),
                "first": deployment.id,
                "distance": change.distance(table, &self.facts, *now_us),
                "text": format!("{} → {}", words(change), deployment.id),
            })
        };
        json!({
            "nearest_changes": nearest.changes.iter().map(found).collect::<Vec<_>>(),
            "changes_without_effect": nearest.unaltered.iter().map(words).collect::<Vec<_>>(),
            "reruns": nearest.reruns,
            "search_complete": nearest.complete,
        })
    }
}

fn entries<'v>(explained: &'v mut Value, name: &str) -> impl Iterator<Item = &'v mut Value> {
    explained.get_mut(name).and_then(Value::as_array_mut).into_iter().flatten()
}

fn extend(object: &mut Value, more: Value) {
    if let (Value::Object(members), Value::Object(more)) = (object, more) {
        members.extend(more);
    }
}

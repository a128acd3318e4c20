//! A decision as callers see it: the choice with ids turned back into names, and as JSON for
//! explanations.

use std::sync::Arc;

use serde_json::{json, Value};

use crate::allowance::Spender;
use crate::choose::{Choice, Hop, Note};
use crate::eligibility::Skip;
use crate::table::{DeploymentId, Table};

#[derive(Debug, Clone)]
pub struct Decision {
    /// Unique over restarts: instance and a running number.
    pub id: String,
    pub table: Arc<Table>,
    /// The name the caller used; empty when only a capability was given.
    pub requested: String,
    pub choice: Choice,
    /// Whose money it would cost; `None` where no budgets are configured.
    pub spender: Option<Spender>,
    pub prompt_tokens: u32,
    pub now_us: u64,
    pub seed: u64,
    /// The reserved slot; empty for an explanation or while waiting for room.
    pub permit: String,
    pub permit_expires_us: u64,
}

impl Decision {
    /// The chosen deployment.
    #[must_use]
    pub fn chosen(&self) -> Option<DeploymentId> {
        self.choice.plan.first().map(|hop| hop.deployment)
    }

    /// Public model name behind a deployment; a passthrough serves what was asked for.
    #[must_use]
    pub fn model_name(&self, id: DeploymentId) -> &str {
        match self.table.deployments.get(id).model {
            Some(model) => &self.table.models.get(model).name,
            None => self.asked_for(),
        }
    }

    /// The name sent upstream.
    #[must_use]
    pub fn upstream_name(&self, id: DeploymentId) -> &str {
        match self.table.deployments.get(id) {
            deployment if deployment.model.is_some() => &deployment.upstream_model,
            _ => self.asked_for(),
        }
    }

    #[must_use]
    pub fn provider_id(&self, id: DeploymentId) -> &str {
        &self.table.provider_of(id).id
    }

    /// An alias stands for its model; without a name, the chosen model is what was asked for.
    fn asked_for(&self) -> &str {
        let known = self.table.names.get(&self.requested).map(|name| name.model);
        let lead = || {
            let mut models =
                self.choice.plan.iter().map(|hop| self.table.deployments.get(hop.deployment).model);
            models.find_map(|model| model)
        };
        let model = known.or_else(|| if self.requested.is_empty() { lead() } else { None });
        model.map_or(self.requested.as_str(), |model| &self.table.models.get(model).name)
    }

    /// Change of the parameter count against the first hop, per cent.
    #[must_use]
    pub fn param_change_pct(&self, id: DeploymentId) -> Option<f64> {
        Some(change_pct(self.parameters(self.chosen()?)?, self.parameters(id)?))
    }

    /// Parameter count of the model behind a deployment; `None` where unknown.
    #[must_use]
    pub fn parameters(&self, id: DeploymentId) -> Option<u64> {
        match self.table.deployments.get(id).model {
            Some(model) => self.table.models.get(model).parameters,
            None => crate::size::parameters_in_name(self.asked_for()),
        }
    }

    /// The current name, where a deprecated one was used.
    #[must_use]
    pub fn deprecated(&self) -> Option<&str> {
        self.choice.notes.iter().find_map(|note| match note {
            Note::Deprecated { current, .. } => Some(current.as_str()),
            _ => None,
        })
    }

    /// The experiment and the arm, where it is part of one.
    #[must_use]
    pub fn assigned(&self) -> Option<(&str, &str)> {
        self.choice.assignment.as_ref().map(|assignment| assignment.names(&self.table))
    }

    #[must_use]
    pub fn skip_reason(&self, id: DeploymentId, skip: &Skip) -> String {
        skip.reason(&self.table, self.table.deployments.get(id), self.now_us)
    }

    /// Everything about the decision, with every candidate (spec I3).
    #[must_use]
    pub fn explain(&self) -> Value {
        let chosen = self.chosen();
        json!({
            "decision_id": self.id,
            "table_version": self.table.version,
            "requested_model": self.requested,
            "rule": self.choice.rule.as_str(),
            "matched": self.choice.matched,
            "strategy": self.choice.strategy.as_str(),
            "model": chosen.map(|id| self.model_name(id)),
            "provider": chosen.map(|id| self.provider_id(id)),
            "deployment": chosen.map(|id| self.table.deployments.get(id).id.as_str()),
            "upstream_model": chosen.map(|id| self.upstream_name(id)),
            "complexity": self.choice.band.as_str(),
            "prompt_tokens": self.prompt_tokens,
            "plan": self.choice.plan.iter().map(|hop| self.explain_hop(hop)).collect::<Vec<_>>(),
            "candidates": self.explain_candidates(),
            "experiment": self.assigned().map(|(experiment, _)| experiment),
            "arm": self.assigned().map(|(_, arm)| arm),
            "allocation": self.choice.assignment.map(|assignment| assignment.allocation.as_str()),
            "notes": self.choice.notes.iter().map(Note::text).collect::<Vec<_>>(),
            "deprecated": self.deprecated(),
            "basis": self.choice.basis.as_str(),
            "propensity": self.choice.propensity,
            "seed": self.seed,
        })
    }

    fn explain_hop(&self, hop: &Hop) -> Value {
        let id = hop.deployment;
        let deployment = self.table.deployments.get(id);
        json!({
            "model": self.model_name(id),
            "provider": self.provider_id(id),
            "deployment": deployment.id,
            "upstream_model": self.upstream_name(id),
            "tier": deployment.model.map(|model| self.table.models.get(model).tier),
            "param_change_pct": self.param_change_pct(id),
            "capability_lost": hop.capability_lost,
            "full": hop.full,
        })
    }

    fn explain_candidates(&self) -> Vec<Value> {
        let planned = self.choice.plan.iter().enumerate().map(|(place, hop)| {
            self.candidate(hop.deployment, true, &planned_reason(place, hop), hop.score)
        });
        let skipped = self
            .choice
            .skipped
            .iter()
            .map(|(id, skip)| self.candidate(*id, false, &self.skip_reason(*id, skip), None));
        planned.chain(skipped).collect()
    }

    fn candidate(
        &self,
        id: DeploymentId,
        eligible: bool,
        reason: &str,
        score: Option<f64>,
    ) -> Value {
        json!({
            "model": self.model_name(id),
            "provider": self.provider_id(id),
            "deployment": self.table.deployments.get(id).id,
            "eligible": eligible,
            "reason": reason,
            "score": score,
        })
    }
}

/// Change of a parameter count, per cent to one place.
#[must_use]
pub fn change_pct(from: u64, to: u64) -> f64 {
    (1_000.0 * (to as f64 - from as f64) / from as f64).round() / 10.0
}

fn planned_reason(place: usize, hop: &Hop) -> String {
    let place = match (place, hop.score) {
        (0, _) => "chosen".to_owned(),
        (place, Some(_)) => format!("candidate, place {} in the plan", place + 1),
        (place, None) => format!("fallback, place {} in the plan", place + 1),
    };
    let full = if hop.full { "; its provider is full now" } else { "" };
    let lost = if hop.capability_lost { "; without the capability asked for" } else { "" };
    format!("{place}{full}{lost}")
}

//! What one decision looks at: the table, the view and the request together, with the questions the
//! planner asks of them. Reads only.

use super::conditions::Conditions;
use crate::complexity::Band;
use crate::condition::Condition;
use crate::eligibility::{below_minimum, out, Needs, Skip};
use crate::facts::{Cues, Facts};
use crate::resolve::Resolution;
use crate::strategy::Entry;
use crate::table::{
    Capability, DeploymentId, Member, ModelId, PoolId, ProviderId, Table, Target, Tier,
};
use crate::view::{ShareGroup, View};

pub struct Scene<'a, V> {
    pub table: &'a Table,
    pub view: &'a V,
    pub facts: &'a Facts,
    pub resolution: &'a Resolution<'a>,
    pub band: Band,
    pub now_us: u64,
}

/// A deployment before it is judged.
pub struct Candidate {
    pub deployment: DeploymentId,
    /// Place in the order given.
    pub member: usize,
    pub weight: f64,
    pub condition: Option<bool>,
}

impl Candidate {
    #[must_use]
    pub fn alone(deployment: DeploymentId) -> Self {
        Self { deployment, member: 0, weight: 1.0, condition: None }
    }
}

impl<V: View> Scene<'_, V> {
    // ── Candidates ──────────────────────────────────────────────────────────────────────────────

    /// A model's deployments; its own pool's members where it has one, for their conditions.
    pub fn of_model(&self, model: ModelId) -> Vec<Candidate> {
        let model = self.table.models.get(model);
        if let Some(pool) = model.pool {
            return self.of_members(&self.table.pools.get(pool).members, Some(pool));
        }
        let deployments = model.deployments.iter().enumerate();
        deployments
            .map(|(member, id)| Candidate {
                deployment: *id,
                member,
                weight: self.table.deployments.get(*id).weight,
                condition: None,
            })
            .collect()
    }

    /// The deployments of each member, which share its weight.
    pub fn of_members(&self, members: &[Member], pool: Option<PoolId>) -> Vec<Candidate> {
        let mut candidates = Vec::with_capacity(members.len());
        for (member, entry) in members.iter().enumerate() {
            let condition = self.holds(entry.condition.as_ref(), pool, &[]);
            let deployments = self.deployments_of(entry.target);
            let weights = deployments.iter().map(|id| self.table.deployments.get(*id).weight);
            let total: f64 = weights.sum();
            for deployment in deployments {
                let share = self.table.deployments.get(deployment).weight / total;
                let weight = entry.weight * share;
                candidates.push(Candidate { deployment, member, weight, condition });
            }
        }
        candidates
    }

    /// Why a deployment cannot serve this request, if it cannot.
    pub fn refuse(
        &self,
        needs: &Needs<'_>,
        minimum: Option<&Capability>,
        id: DeploymentId,
    ) -> Option<Skip> {
        let deployment = self.table.deployments.get(id);
        needs
            .refuse(self.table, deployment)
            .or_else(|| minimum.and_then(|entry| below_minimum(self.table, deployment, entry)))
            .or_else(|| out(self.table, self.view, id, self.now_us))
    }

    /// A candidate with the figures strategies read. R7 reorders freely among deployments of one
    /// model, and elsewhere only among those the strategy ranks equal; never onto a saturated one.
    pub fn entry(
        &self,
        candidate: &Candidate,
        preferred: &[ProviderId],
        same_model: bool,
        group: ShareGroup,
    ) -> Entry {
        let deployment = self.table.deployments.get(candidate.deployment);
        let figures = self.view.provider(deployment.provider);
        let capacity = self.table.providers.get(deployment.provider).capacity;
        let place = preferred.iter().position(|provider| *provider == deployment.provider);
        let preference = place
            .filter(|_| !figures.saturated)
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(u8::MAX);
        let class_preference = if same_model { preference } else { 0 };
        Entry {
            deployment: candidate.deployment,
            member: candidate.member,
            weight: candidate.weight,
            condition: candidate.condition,
            load: f64::from(figures.in_flight) / f64::from(capacity.max(1)),
            credit: self.view.credit(group, candidate.deployment),
            class: (figures.in_flight >= capacity, deployment.priority, class_preference),
            preference,
            score: 0.0,
        }
    }

    // ── Conditions ──────────────────────────────────────────────────────────────────────────────

    /// Whether a condition holds; `None` without one. `assumed_failed` are providers that come
    /// earlier in the plan.
    pub fn holds(
        &self,
        condition: Option<&Condition>,
        pool: Option<PoolId>,
        assumed_failed: &[ProviderId],
    ) -> Option<bool> {
        let capability = self.resolution.capability;
        let conditions = Conditions {
            table: self.table,
            view: self.view,
            facts: self.facts,
            band: self.band,
            capability: capability.map(|id| self.table.capabilities.get(id).name.as_str()),
            pool,
            assumed_failed,
            now_us: self.now_us,
        };
        condition.map(|condition| conditions.hold(condition))
    }

    /// The providers R7 prefers for this request, best first.
    pub fn preferred_providers(&self) -> Vec<ProviderId> {
        let rules = self.table.metadata_rules.iter();
        rules
            .filter(|rule| self.holds(Some(&rule.condition), None, &[]) == Some(true))
            .map(|rule| rule.provider)
            .collect()
    }

    // ── Look-ups ────────────────────────────────────────────────────────────────────────────────

    /// High complexity or a reasoning cue.
    pub fn is_hard(&self) -> bool {
        self.band == Band::High || self.facts.cues.contains(Cues::REASONING)
    }

    pub fn provider_of(&self, deployment: DeploymentId) -> ProviderId {
        self.table.deployments.get(deployment).provider
    }

    pub fn deployments_of(&self, target: Target) -> Vec<DeploymentId> {
        match target {
            Target::Model(model) => self.table.models.get(model).deployments.clone(),
            Target::Deployment(deployment) => vec![deployment],
        }
    }

    pub fn model_of(&self, target: Target) -> Option<ModelId> {
        match target {
            Target::Model(model) => Some(model),
            Target::Deployment(deployment) => self.table.deployments.get(deployment).model,
        }
    }

    pub fn tier_of(&self, target: Target) -> Option<Tier> {
        self.model_of(target).map(|model| self.table.models.get(model).tier)
    }

    /// The longest context window among a target's deployments, tokens.
    pub fn window_of(&self, target: Target) -> Option<u32> {
        let deployments = self.deployments_of(target);
        deployments.iter().filter_map(|id| self.table.deployments.get(*id).context_window).max()
    }
}

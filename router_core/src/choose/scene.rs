//! What one decision looks at: the table, the view and the request together, with the questions the
//! planner asks of them. Reads only.

use super::conditions::{Conditions, PoolFigures};
use super::group::Group;
use crate::complexity::Band;
use crate::condition::Condition;
use crate::eligibility::{below_minimum, Needs, Skip, Subject};
use crate::facts::{Cues, Facts};
use crate::resolve::Resolution;
use crate::strategy::{Class, Entry, Scope, Strategy};
use crate::table::{
    Capability, DeploymentId, Location, Member, ModelId, PoolId, ProviderId, Table, Target, Tier,
};
use crate::view::{prior_us, Patience, View};

/// Weights below this were written as 0.
const SPARE_BELOW: f64 = 1e-6;
/// Samples from which a deployment is judged by its own times.
const SEEN_FROM: u32 = 3;

/// What to expect of a deployment now.
struct Expected {
    latency_us: f64,
    seen: bool,
    success: f64,
    reliability: f64,
    cost_usd: f64,
}

impl Expected {
    /// For strategies that go by weights and places alone.
    const NOTHING: Self =
        Self { latency_us: 1.0, seen: true, success: 1.0, reliability: 1.0, cost_usd: 0.0 };
}

pub struct Scene<'a, V> {
    pub table: &'a Table,
    pub view: &'a V,
    pub facts: &'a Facts,
    pub resolution: &'a Resolution<'a>,
    pub band: Band,
    /// To be expected of the answer, for its price.
    pub answer_tokens: u32,
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
        let conditions = self.conditions(pool, &[]);
        for (member, entry) in members.iter().enumerate() {
            let condition = entry.condition.as_ref().map(|condition| conditions.hold(condition));
            let deployments = self.deployments_of(&entry.target);
            let candidate = |id: &DeploymentId, weight: f64| Candidate {
                deployment: *id,
                member,
                weight,
                condition,
            };
            if let [only] = deployments {
                candidates.push(candidate(only, entry.weight));
                continue;
            }
            let weight = |id: &DeploymentId| self.table.deployments.get(*id).weight;
            let total: f64 = deployments.iter().map(weight).sum();
            let shares = deployments.iter().map(|id| entry.weight * weight(id) / total);
            candidates
                .extend(deployments.iter().zip(shares).map(|(id, share)| candidate(id, share)));
        }
        candidates
    }

    /// Why a deployment cannot serve this request, if it cannot.
    #[inline]
    pub fn refuse(
        &self,
        needs: &Needs<'_>,
        minimum: Option<&Capability>,
        subject: &Subject<'_>,
    ) -> Option<Skip> {
        let deployment = subject.deployment;
        needs
            .refuse(self.table, deployment)
            .or_else(|| minimum.and_then(|entry| below_minimum(self.table, deployment, entry)))
            .or_else(|| subject.out(self.now_us))
    }

    /// A candidate with the figures strategies read. R7 reorders freely among deployments of one
    /// model, and elsewhere only among those the strategy ranks equal; never onto a saturated one.
    #[inline]
    pub fn entry(
        &self,
        candidate: &Candidate,
        subject: &Subject<'_>,
        group: &Group<'_>,
        preferred: &[ProviderId],
        credit: f64,
    ) -> Entry {
        let Subject { deployment, provider, part, whole, .. } = *subject;
        let (settings, now_us) = (&self.table.settings, self.now_us);
        let place = preferred.iter().position(|provider| *provider == deployment.provider);
        let preference = place
            .filter(|_| !whole.saturated)
            .and_then(|place| u8::try_from(place).ok())
            .unwrap_or(u8::MAX);
        let standing = whole.standing.weight_factor(settings, now_us)
            * part.standing.weight_factor(settings, now_us);
        let cold = settings.prefer_warm && part.cold_until_us > now_us;
        let expected = self.expected(subject, group.strategy);
        Entry {
            deployment: candidate.deployment,
            member: candidate.member,
            weight: candidate.weight * standing,
            cold,
            class: Class {
                full: !subject.has_room(settings, now_us),
                stalled: part.waiting.anyone()
                    && part.stalled(&Patience::with(provider, settings), now_us),
                overflowing: group.overflows
                    && (provider.location == Location::Local || candidate.condition == Some(false)),
                priority: deployment.priority,
                spare: candidate.weight < SPARE_BELOW,
                rank: group.rank(candidate),
                cold: cold && group.scope == Scope::All,
                preference: if group.same_model { preference } else { 0 },
            },
            preference,
            load: whole.load(provider.capacity, now_us),
            capacity: provider.capacity,
            credit,
            latency_us: expected.latency_us,
            seen: expected.seen,
            unproven: false,
            awaited: part.waiting.anyone(),
            success: expected.success,
            reliability: expected.reliability,
            cost_usd: expected.cost_usd,
            key: deployment.key,
            score: 0.0,
        }
    }

    #[inline]
    fn expected(&self, subject: &Subject<'_>, strategy: Strategy) -> Expected {
        if !strategy.reads_figures() {
            return Expected::NOTHING;
        }
        let Subject { part, provider, .. } = *subject;
        let measured = strategy.figures_of(part);
        let stream = self.facts.stream;
        let times = measured.of(stream);
        let known_us = match times.samples {
            0 => prior_us(provider.ttft_prior_us, stream),
            _ => times.p95_us,
        };
        let success = measured.success_rate(provider.availability);
        let cost = || provider.price.cost_usd(self.facts.prompt_tokens, self.answer_tokens);
        Expected {
            latency_us: known_us.max(part.waiting_us(stream, self.now_us)).max(1) as f64,
            seen: times.samples >= SEEN_FROM,
            success,
            reliability: (success / provider.availability.max(f64::EPSILON)).min(1.0),
            cost_usd: if strategy.measures() { cost() } else { 0.0 },
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
        condition.map(|condition| self.conditions(pool, assumed_failed).hold(condition))
    }

    /// All local members of a pool are saturated.
    pub fn local_saturated(&self, pool: PoolId) -> bool {
        self.conditions(Some(pool), &[]).local_saturated()
    }

    fn conditions<'c>(
        &'c self,
        pool: Option<PoolId>,
        assumed_failed: &'c [ProviderId],
    ) -> Conditions<'c, V> {
        let capability = self.resolution.capability;
        Conditions {
            table: self.table,
            view: self.view,
            facts: self.facts,
            band: self.band,
            capability: capability.map(|id| self.table.capabilities.get(id).name.as_str()),
            pool,
            assumed_failed,
            now_us: self.now_us,
            pool_figures: PoolFigures::default(),
        }
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

    pub fn deployments_of<'t>(&'t self, target: &'t Target) -> &'t [DeploymentId] {
        self.table.deployments_of(target)
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
        let deployments = self.deployments_of(&target);
        deployments.iter().filter_map(|id| self.table.deployments.get(*id).context_window).max()
    }
}

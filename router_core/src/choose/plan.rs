//! Builds the plan of one decision (B1): the rule's candidates in the order the strategy gives, then
//! the fallback chain of the first, each deployment once, the incapable left out with their reasons.

use super::scene::{Candidate, Scene};
use super::{Choice, Hop, Note, Refusal};
use crate::eligibility::{has_capability, has_room, Needs, Skip};
use crate::facts::Features;
use crate::resolve::{Candidates, Rule};
use crate::rng::Rng;
use crate::state::Charge;
use crate::strategy::{by_complexity, by_context, order, Entry, Strategy};
use crate::table::{
    Capability, CapabilityId, ChainStep, DeploymentId, Member, ModelId, PoolId, ProviderId, Target,
};
use crate::view::{ShareGroup, View};

pub struct Planner<'a, V> {
    scene: &'a Scene<'a, V>,
    /// The strategy the request itself names, where that is allowed.
    asked: Option<Strategy>,
    needs: Needs<'a>,
    preferred: Vec<ProviderId>,
    strategy: Strategy,
    /// Whose chain follows the candidates.
    lead: Option<ModelId>,
    plan: Vec<Hop>,
    skipped: Vec<(DeploymentId, Skip)>,
    picks: Vec<Pick>,
    /// By deployment index: already in the plan.
    seen: Vec<bool>,
}

/// The first of one ordered group, how likely it was to be that, and what choosing it charges.
struct Pick {
    first: DeploymentId,
    propensity: f64,
    charge: Option<Charge>,
}

/// How one group of candidates is judged and ordered.
struct Group<'g> {
    shares: ShareGroup,
    strategy: Strategy,
    same_model: bool,
    /// The capability entry whose minimums apply.
    minimum: Option<&'g Capability>,
    /// False for a member of the fallback chain.
    scored: bool,
}

impl<'a, V: View> Planner<'a, V> {
    pub fn new(scene: &'a Scene<'a, V>, asked: Option<Strategy>) -> Self {
        Self {
            scene,
            asked,
            needs: Needs::of(scene.facts, None),
            preferred: scene.preferred_providers(),
            strategy: Strategy::Direct,
            lead: None,
            plan: Vec::with_capacity(16),
            skipped: Vec::new(),
            picks: Vec::with_capacity(8),
            seen: vec![false; scene.table.deployments.len()],
        }
    }

    // ── The rule's own candidates ───────────────────────────────────────────────────────────────

    pub fn candidates(&mut self, rng: &mut Rng) {
        match self.scene.resolution.candidates {
            Candidates::Model(model) | Candidates::Target { target: Target::Model(model), .. } => {
                self.strategy = self.asked.unwrap_or(self.scene.table.models.get(model).strategy);
                self.lead = Some(model);
                self.model(model, self.strategy, true, rng);
            }
            Candidates::Target { target: Target::Deployment(deployment), .. } => {
                self.lead = self.scene.table.deployments.get(deployment).model;
                self.single(deployment, true);
            }
            Candidates::Pool(pool) => self.pool(pool, rng),
            Candidates::Capability(capability) => self.capability(capability, rng),
        }
    }

    fn pool(&mut self, id: PoolId, rng: &mut Rng) {
        let pool = self.scene.table.pools.get(id);
        self.strategy = self.asked.unwrap_or(pool.strategy);
        let group = Group {
            shares: ShareGroup::Pool(id),
            strategy: self.strategy,
            same_model: false,
            minimum: None,
            scored: true,
        };
        self.group(self.scene.of_members(&pool.members, Some(id)), &group, rng);
        self.lead = self.first_model(&pool.members);
    }

    fn capability(&mut self, id: CapabilityId, rng: &mut Rng) {
        let entry = self.scene.table.capabilities.get(id);
        self.strategy = self.asked.unwrap_or(entry.strategy);
        if self.strategy == Strategy::LeastLoaded {
            let group = Group {
                shares: ShareGroup::Capability(id),
                strategy: self.strategy,
                same_model: false,
                minimum: Some(entry),
                scored: true,
            };
            self.group(self.scene.of_members(&entry.members, None), &group, rng);
        } else {
            for (place, member) in self.member_order(entry).into_iter().enumerate() {
                let Some(member) = entry.members.get(member) else { continue };
                let start = self.plan.len();
                self.capability_member(id, entry, member, rng);
                let score = 1.0 - place as f64 / entry.members.len() as f64;
                for hop in self.plan.iter_mut().skip(start) {
                    hop.score = Some(score);
                }
            }
        }
        self.lead = self.first_model(&entry.members);
    }

    fn capability_member(
        &mut self,
        id: CapabilityId,
        entry: &Capability,
        member: &Member,
        rng: &mut Rng,
    ) {
        let candidates = match member.target {
            Target::Model(model) => self.scene.of_model(model),
            Target::Deployment(deployment) => vec![Candidate::alone(deployment)],
        };
        let model = self.scene.model_of(member.target);
        let own_strategy = |model| self.scene.table.models.get(model).strategy;
        let group = Group {
            shares: model.map_or(ShareGroup::Capability(id), ShareGroup::Model),
            strategy: model.map_or(Strategy::Direct, own_strategy),
            same_model: true,
            minimum: Some(entry),
            scored: true,
        };
        self.group(candidates, &group, rng);
    }

    /// The order of a capability's members: theirs, or the one the request's nature asks for.
    fn member_order(&self, entry: &Capability) -> Vec<usize> {
        let scene = self.scene;
        let members = entry.members.iter();
        let conditions: Vec<Option<bool>> = members
            .clone()
            .map(|member| scene.holds(member.condition.as_ref(), None, &[]))
            .collect();
        match self.strategy {
            Strategy::ComplexityBased => {
                let tiers: Vec<_> = members.map(|member| scene.tier_of(member.target)).collect();
                by_complexity(&tiers, scene.band, &conditions)
            }
            Strategy::ContextBased => {
                let windows: Vec<_> =
                    members.map(|member| scene.window_of(member.target)).collect();
                let long = scene.facts.prompt_tokens > entry.parameters.context_threshold;
                by_context(&windows, long, scene.is_hard(), &conditions)
            }
            _ => {
                let mut order: Vec<usize> = (0..entry.members.len()).collect();
                order.sort_by_key(|member| match conditions.get(*member) {
                    Some(Some(true)) => 0,
                    Some(Some(false)) => 2,
                    _ => 1,
                });
                order
            }
        }
    }

    /// The model of the first planned, or of the first listed where none is eligible.
    fn first_model(&self, members: &[Member]) -> Option<ModelId> {
        let planned = self.plan.first().map(|hop| Target::Deployment(hop.deployment));
        let listed = members.first().map(|member| member.target);
        planned.or(listed).and_then(|target| self.scene.model_of(target))
    }

    // ── The fallback chain ──────────────────────────────────────────────────────────────────────

    pub fn chain(&mut self, rng: &mut Rng, notes: &mut Vec<Note>) {
        let resolution = self.scene.resolution;
        let limit = resolution.capability.filter(|_| resolution.rule == Rule::Exact);
        self.needs = Needs::of(self.scene.facts, limit);
        let start = self.plan.len();
        for step in self.chain_steps() {
            self.step(step, rng);
        }
        self.capable_first(start);
        if !self.strategy.is_built() {
            notes.push(Note::NotBuilt(self.strategy));
        }
    }

    fn chain_steps(&self) -> Vec<&'a ChainStep> {
        let table = self.scene.table;
        let asked = self.scene.facts.chain.as_deref();
        if let Some(chain) = asked.and_then(|name| table.named_chains.get(name)) {
            return chain.steps.iter().collect();
        }
        let own: &[ChainStep] = match self.scene.resolution.candidates {
            Candidates::Target { fallback, .. } => fallback,
            Candidates::Capability(id) => &table.capabilities.get(id).fallback,
            Candidates::Pool(id) => &table.pools.get(id).fallback,
            Candidates::Model(_) => &[],
        };
        let models: &[ChainStep] = self.lead.map_or(&[], |lead| &table.models.get(lead).chain);
        let mut steps: Vec<&ChainStep> = models.iter().chain(own).collect();
        if steps.is_empty() || matches!(self.scene.resolution.rule, Rule::Size | Rule::Default) {
            steps.extend(&table.default_chain);
        }
        steps
    }

    fn step(&mut self, step: &ChainStep, rng: &mut Rng) {
        let scene = self.scene;
        let earlier: Vec<ProviderId> =
            self.plan.iter().map(|hop| scene.provider_of(hop.deployment)).collect();
        if scene.holds(step.condition.as_ref(), None, &earlier) == Some(false) {
            for deployment in scene.deployments_of(step.target) {
                self.skip(deployment, Skip::ConditionFalse);
            }
            return;
        }
        match step.target {
            Target::Model(model) => {
                self.model(model, scene.table.models.get(model).strategy, false, rng);
            }
            Target::Deployment(deployment) => self.single(deployment, false),
        }
    }

    /// A chain keeps the capability asked for as long as it can (B6).
    fn capable_first(&mut self, start: usize) {
        let table = self.scene.table;
        let (Some(wanted), Some(tail)) =
            (self.scene.resolution.capability, self.plan.get_mut(start..))
        else {
            return;
        };
        for hop in tail.iter_mut() {
            let deployment = table.deployments.get(hop.deployment);
            hop.capability_lost = !has_capability(table, deployment, wanted);
        }
        tail.sort_by_key(|hop| hop.capability_lost);
    }

    // ── Groups of deployments ───────────────────────────────────────────────────────────────────

    fn model(&mut self, model: ModelId, strategy: Strategy, scored: bool, rng: &mut Rng) {
        let shares = ShareGroup::Model(model);
        let group = Group { shares, strategy, same_model: true, minimum: None, scored };
        self.group(self.scene.of_model(model), &group, rng);
    }

    fn single(&mut self, deployment: DeploymentId, scored: bool) {
        match self.scene.refuse(&self.needs, None, deployment) {
            Some(skip) => self.skip(deployment, skip),
            None if self.is_seen(deployment) => {}
            None => {
                self.picks.push(Pick { first: deployment, propensity: 1.0, charge: None });
                self.push(deployment, scored.then_some(1.0));
            }
        }
    }

    /// Drops what cannot serve, keeping the reason, orders the rest and appends it to the plan.
    fn group(&mut self, candidates: Vec<Candidate>, group: &Group<'_>, rng: &mut Rng) {
        let mut entries = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let id = candidate.deployment;
            match self.scene.refuse(&self.needs, group.minimum, id) {
                Some(skip) => self.skip(id, skip),
                None if self.is_seen(id) => {}
                None => {
                    let same = group.same_model;
                    entries.push(self.scene.entry(&candidate, &self.preferred, same, group.shares));
                }
            }
        }
        let propensity = order(group.strategy, &mut entries, rng);
        if let Some(first) = entries.first() {
            let shared = group.strategy.keeps_shares() && entries.len() > 1;
            let charge = shared.then(|| charge(group, &entries));
            self.picks.push(Pick { first: first.deployment, propensity, charge });
        }
        for entry in &entries {
            self.push(entry.deployment, group.scored.then_some(entry.score));
        }
    }

    fn push(&mut self, deployment: DeploymentId, score: Option<f64>) {
        let full = !has_room(self.scene.table, self.scene.view, deployment);
        if let Some(seen) = self.seen.get_mut(deployment.index()) {
            *seen = true;
        }
        self.skipped.retain(|(known, _)| *known != deployment);
        self.plan.push(Hop { deployment, score, capability_lost: false, full });
    }

    /// Keeps the first reason. A deployment that one step refuses may still serve a later one.
    fn skip(&mut self, deployment: DeploymentId, skip: Skip) {
        if !self.is_seen(deployment) && !self.skipped.iter().any(|(known, _)| *known == deployment)
        {
            self.skipped.push((deployment, skip));
        }
    }

    fn is_seen(&self, deployment: DeploymentId) -> bool {
        self.seen.get(deployment.index()).copied().unwrap_or(false)
    }

    /// Vectors of two models do not compare, so a plan for embeddings stays with its first model. A
    /// passthrough sends that same name.
    fn one_embedding_model(&mut self) {
        let table = self.scene.table;
        let model = |hop: &Hop| table.deployments.get(hop.deployment).model;
        if !self.scene.facts.features.contains(Features::EMBEDDINGS) {
            return;
        }
        let first = self.plan.first().and_then(model);
        let (same, other): (Vec<Hop>, Vec<Hop>) = self
            .plan
            .drain(..)
            .partition(|hop| model(hop).is_none_or(|model| Some(model) == first));
        self.plan = same;
        let skipped = other.into_iter().map(|hop| (hop.deployment, Skip::OtherEmbedding));
        self.skipped.extend(skipped);
    }

    // ── The end ─────────────────────────────────────────────────────────────────────────────────

    pub fn finish(mut self, mut notes: Vec<Note>) -> Result<Choice, Refusal> {
        self.plan.sort_by_key(|hop| hop.full);
        self.one_embedding_model();
        let matched = self.scene.resolution.matched.to_owned();
        let Some(first) = self.plan.first().map(|hop| hop.deployment) else {
            return Err(Refusal::NoneEligible { skipped: self.skipped, matched });
        };
        if self.plan.iter().all(|hop| hop.full) {
            notes.push(Note::NoRoom);
        }
        let pick = self.picks.into_iter().find(|pick| pick.first == first);
        let (propensity, charge) = pick.map_or((1.0, None), |pick| (pick.propensity, pick.charge));
        Ok(Choice {
            rule: self.scene.resolution.rule,
            matched,
            strategy: self.strategy,
            band: self.scene.band,
            plan: self.plan,
            skipped: self.skipped,
            propensity,
            notes,
            charge,
            assignment: None,
        })
    }
}

/// Shares are kept among those that stood in the same class as the first, which is chosen.
fn charge(group: &Group<'_>, entries: &[Entry]) -> Charge {
    // `quality_based` shares among members whose conditions came out alike.
    let alike = |entry: &Entry| {
        let by_condition = group.strategy == Strategy::QualityBased;
        (entry.class, by_condition.then_some(entry.condition))
    };
    let class = entries.first().map(alike);
    let sharing = || entries.iter().filter(|entry| Some(alike(entry)) == class);
    let total: f64 = sharing().map(|entry| entry.weight).sum();
    Charge {
        group: group.shares,
        shares: sharing().map(|entry| (entry.deployment, entry.weight / total)).collect(),
    }
}

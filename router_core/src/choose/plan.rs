//! Builds the plan of one decision (B1): the rule's candidates in the order the strategy gives, then
//! the fallback chain of the first, each deployment once, the incapable left out with their reasons.

use super::group::Group;
use super::scene::{Candidate, Scene};
use super::{Choice, Hop, Note, Refusal, Witness};
use crate::eligibility::{has_capability, Needs, Skip, Subject};
use crate::facts::Features;
use crate::rendezvous::stable_hash;
use crate::resolve::{Candidates, Rule};
use crate::rng::Rng;
use crate::state::Charge;
use crate::strategy::{by_complexity, by_context, order, Basis, Chance, Drawn, Strategy};
use crate::table::{
    Capability, CapabilityId, ChainStep, DeploymentId, Member, ModelId, PoolId, ProviderId, Target,
};
use crate::view::View;

pub struct Planner<'a, V, W> {
    scene: &'a Scene<'a, V>,
    witness: &'a mut W,
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
    /// By deployment index.
    met: Vec<Met>,
}

/// The first of one ordered group, how it came to be that, and what choosing it charges.
struct Pick {
    first: DeploymentId,
    drawn: Drawn,
    charge: Option<Charge>,
}

/// Whether a deployment was looked at before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Met {
    Never,
    Skipped,
    Planned,
}

impl<'a, V: View, W: Witness> Planner<'a, V, W> {
    pub fn new(scene: &'a Scene<'a, V>, asked: Option<Strategy>, witness: &'a mut W) -> Self {
        Self {
            scene,
            witness,
            asked,
            needs: Needs::of(scene.facts, None),
            preferred: scene.preferred_providers(),
            strategy: Strategy::Direct,
            lead: None,
            plan: Vec::with_capacity(16),
            skipped: Vec::new(),
            picks: Vec::with_capacity(8),
            met: vec![Met::Never; scene.table.deployments.len()],
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
        let candidates = self.scene.of_members(&pool.members, Some(id));
        let group = Group::of_pool(self.scene, id, pool, self.strategy, &candidates);
        self.group(&candidates, &group, rng);
        self.lead = self.first_model(&pool.members);
    }

    fn capability(&mut self, id: CapabilityId, rng: &mut Rng) {
        let entry = self.scene.table.capabilities.get(id);
        self.strategy = self.asked.unwrap_or(entry.strategy);
        if self.strategy.compares_deployments() {
            let group = Group::of_capability(id, entry, self.strategy);
            self.group(&self.scene.of_members(&entry.members, None), &group, rng);
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
        let group = match model {
            Some(model) => Group {
                minimum: Some(entry),
                ..Group::of_model(self.scene, model, self.scene.table.models.get(model).strategy)
            },
            None => Group::of_capability(id, entry, Strategy::Direct),
        };
        self.group(&candidates, &group, rng);
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

    pub fn chain(&mut self, rng: &mut Rng) {
        let resolution = self.scene.resolution;
        let limit = resolution.capability.filter(|_| resolution.rule == Rule::Exact);
        self.needs = Needs::of(self.scene.facts, limit);
        let start = self.plan.len();
        for step in self.chain_steps() {
            self.step(step, rng);
        }
        self.capable_first(start);
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
            for deployment in scene.deployments_of(&step.target) {
                self.skip(*deployment, Skip::ConditionFalse);
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
        let group = Group { scored, ..Group::of_model(self.scene, model, strategy) };
        self.group(&self.scene.of_model(model), &group, rng);
    }

    fn single(&mut self, deployment: DeploymentId, scored: bool) {
        let scene = self.scene;
        let subject = Subject::of(scene.table, scene.view, deployment);
        match scene.refuse(&self.needs, None, &subject) {
            Some(skip) => self.skip(deployment, skip),
            None if self.met(deployment) == Met::Planned => {}
            None => {
                self.witness.alone(&subject);
                self.picks.push(Pick { first: deployment, drawn: Drawn::CERTAIN, charge: None });
                let full = !subject.has_room(&scene.table.settings, scene.now_us);
                self.note(deployment, Met::Planned);
                let score = scored.then_some(1.0);
                self.plan.push(Hop { deployment, score, capability_lost: false, full });
            }
        }
    }

    /// Drops what cannot serve, keeping the reason, orders the rest and appends it to the plan.
    fn group(&mut self, candidates: &[Candidate], group: &Group<'_>, rng: &mut Rng) {
        let scene = self.scene;
        let credit = scene.view.credits(group.shares);
        let mut entries = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let id = candidate.deployment;
            let subject = Subject::of(scene.table, scene.view, id);
            match scene.refuse(&self.needs, group.minimum, &subject) {
                Some(skip) => self.skip(id, skip),
                None if self.met(id) == Met::Planned => {}
                None => {
                    let preferred = &self.preferred;
                    let entry = scene.entry(candidate, &subject, group, preferred, credit(id));
                    self.witness.candidate(candidate, &subject, group, &entry);
                    entries.push(entry);
                }
            }
        }
        let drawn = order(group.strategy, &mut entries, &mut self.chance(group, rng));
        self.witness.ordered(&entries, drawn);
        if let Some(first) = entries.first() {
            // What a session or exploration chose is owed by nobody.
            let shared = drawn.basis == Basis::Strategy && entries.len() > 1;
            let charge = shared.then(|| group.charge(&entries)).flatten();
            self.picks.push(Pick { first: first.deployment, drawn, charge });
        }
        for entry in &entries {
            self.note(entry.deployment, Met::Planned);
        }
        self.plan.extend(entries.iter().map(|entry| Hop {
            deployment: entry.deployment,
            score: group.scored.then_some(entry.score),
            capability_lost: false,
            full: entry.class.full,
        }));
    }

    fn chance<'c>(&self, group: &'c Group<'_>, rng: &'c mut Rng) -> Chance<'c> {
        let sticky = self.scene.table.settings.session_affinity;
        let session = self.scene.facts.session.as_deref().filter(|_| sticky);
        Chance {
            rng,
            session: session.map(|session| stable_hash(&[session])),
            scope: group.scope,
            parameters: &group.parameters,
        }
    }

    /// Keeps the first reason. A deployment that one step refuses may still serve a later one; such
    /// are taken out of the list at the end.
    fn skip(&mut self, deployment: DeploymentId, skip: Skip) {
        if self.met(deployment) == Met::Never {
            self.note(deployment, Met::Skipped);
            self.skipped.push((deployment, skip));
        }
    }

    fn met(&self, deployment: DeploymentId) -> Met {
        self.met.get(deployment.index()).copied().unwrap_or(Met::Never)
    }

    fn note(&mut self, deployment: DeploymentId, met: Met) {
        if let Some(known) = self.met.get_mut(deployment.index()) {
            *known = met;
        }
    }

    /// Vectors of two models do not compare, so a plan for embeddings stays with one: the model asked
    /// for, whatever is wrong with it, else the first of the plan. A passthrough sends that same name.
    fn one_embedding_model(&mut self) {
        let table = self.scene.table;
        let model = |hop: &Hop| table.deployments.get(hop.deployment).model;
        if !self.scene.facts.features.contains(Features::EMBEDDINGS) {
            return;
        }
        let first = match self.scene.resolution.candidates {
            Candidates::Model(model) => Some(model),
            Candidates::Target { target, .. } => self.scene.model_of(target),
            Candidates::Capability(_) | Candidates::Pool(_) => self.plan.first().and_then(model),
        };
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
        let mut skipped = std::mem::take(&mut self.skipped);
        skipped.retain(|(id, _)| self.met(*id) == Met::Skipped);
        self.skipped = skipped;
        self.one_embedding_model();
        let matched = self.scene.resolution.matched.to_owned();
        let Some(first) = self.plan.first().map(|hop| hop.deployment) else {
            return Err(Refusal::NoneEligible { skipped: self.skipped, matched });
        };
        if self.plan.iter().all(|hop| hop.full) {
            notes.push(Note::NoRoom);
        }
        let pick = self.picks.into_iter().find(|pick| pick.first == first);
        let (drawn, charge) = pick.map_or((Drawn::CERTAIN, None), |pick| (pick.drawn, pick.charge));
        Ok(Choice {
            rule: self.scene.resolution.rule,
            matched,
            strategy: self.strategy,
            delivery: self.scene.resolution.delivery,
            band: self.scene.band,
            plan: self.plan,
            skipped: self.skipped,
            basis: drawn.basis,
            propensity: drawn.propensity,
            notes,
            charge,
            assignment: None,
        })
    }
}

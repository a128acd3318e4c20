//! Builds the plan of one decision (B1): the rule's candidates in the order the strategy gives, then
//! the fallback chain of the first, each deployment once, the incapable left out with their reasons.

use super::conditions::Conditions;
use super::{Choice, Hop, Note, Refusal};
use crate::complexity::Band;
use crate::condition::Condition;
use crate::eligibility::{below_minimum, has_capability, has_room, out, Needs, Skip};
use crate::facts::{Cues, Facts};
use crate::resolve::{Candidates, Resolution, Rule};
use crate::rng::Rng;
use crate::state::Charge;
use crate::strategy::{by_complexity, by_context, order, Entry, Strategy};
use crate::table::{
    Capability, CapabilityId, ChainStep, Deployment, DeploymentId, Member, ModelId, PoolId,
    ProviderId, Table, Target,
};
use crate::view::{ShareGroup, View};

pub struct Planner<'a, V> {
    table: &'a Table,
    view: &'a V,
    facts: &'a Facts,
    resolution: &'a Resolution<'a>,
    band: Band,
    now_us: u64,
    /// The strategy the request itself names, where that is allowed.
    asked: Option<Strategy>,
    needs: Needs<'a>,
    /// Providers R7 prefers, best first.
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

/// A deployment before it is judged.
struct Candidate {
    deployment: DeploymentId,
    member: usize,
    weight: f64,
    condition: Option<bool>,
}

impl<'a, V: View> Planner<'a, V> {
    pub fn new(
        table: &'a Table,
        view: &'a V,
        facts: &'a Facts,
        resolution: &'a Resolution<'a>,
        band: Band,
        now_us: u64,
        asked: Option<Strategy>,
    ) -> Self {
        let mut planner = Self {
            table,
            view,
            facts,
            resolution,
            band,
            now_us,
            asked,
            needs: Needs::of(facts, None),
            preferred: Vec::new(),
            strategy: Strategy::Direct,
            lead: None,
            plan: Vec::with_capacity(16),
            skipped: Vec::new(),
            picks: Vec::with_capacity(8),
            seen: vec![false; table.deployments.len()],
        };
        planner.preferred = planner.preferred_providers();
        planner
    }

    // ── The rule's own candidates ───────────────────────────────────────────────────────────────

    pub fn candidates(&mut self, rng: &mut Rng) {
        match self.resolution.candidates {
            Candidates::Model(model) | Candidates::Target { target: Target::Model(model), .. } => {
                self.strategy = self.asked.unwrap_or(self.table.models.get(model).strategy);
                self.lead = Some(model);
                self.model(model, self.strategy, true, rng);
            }
            Candidates::Target { target: Target::Deployment(deployment), .. } => {
                self.lead = self.table.deployments.get(deployment).model;
                self.single(deployment, true);
            }
            Candidates::Pool(pool) => self.pool(pool, rng),
            Candidates::Capability(capability) => self.capability(capability, rng),
        }
    }

    fn pool(&mut self, id: PoolId, rng: &mut Rng) {
        let pool = self.table.pools.get(id);
        self.strategy = self.asked.unwrap_or(pool.strategy);
        let candidates = self.member_candidates(&pool.members, Some(id));
        let first = candidates.first().map(|candidate| candidate.deployment);
        let entries = self.judge(candidates, false, None);
        self.push_ordered(self.strategy, entries, ShareGroup::Pool(id), true, rng);
        let lead = self.plan.first().map(|hop| hop.deployment).or(first);
        self.lead = lead.and_then(|deployment| self.table.deployments.get(deployment).model);
    }

    fn capability(&mut self, id: CapabilityId, rng: &mut Rng) {
        let entry = self.table.capabilities.get(id);
        self.strategy = self.asked.unwrap_or(entry.strategy);
        if self.strategy == Strategy::LeastLoaded {
            let candidates = self.member_candidates(&entry.members, None);
            let entries = self.judge(candidates, false, Some(entry));
            self.push_ordered(self.strategy, entries, ShareGroup::Capability(id), true, rng);
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
        let first = entry.members.first().and_then(|member| self.model_of(member.target));
        let chosen = self.plan.first().map(|hop| self.table.deployments.get(hop.deployment).model);
        self.lead = chosen.flatten().or(first);
    }

    fn capability_member(
        &mut self,
        id: CapabilityId,
        entry: &Capability,
        member: &Member,
        rng: &mut Rng,
    ) {
        let candidates = match member.target {
            Target::Model(model) => self.model_candidates(model),
            Target::Deployment(_) => self.member_candidates(std::slice::from_ref(member), None),
        };
        let entries = self.judge(candidates, true, Some(entry));
        let model = self.model_of(member.target);
        let group = model.map_or(ShareGroup::Capability(id), ShareGroup::Model);
        let within = model.map_or(Strategy::Direct, |model| self.table.models.get(model).strategy);
        self.push_ordered(within, entries, group, true, rng);
    }

    /// The order of a capability's members: theirs, or the one the request's nature asks for.
    fn member_order(&self, entry: &Capability) -> Vec<usize> {
        let conditions: Vec<Option<bool>> = entry
            .members
            .iter()
            .map(|member| self.holds(member.condition.as_ref(), None, &[]))
            .collect();
        match self.strategy {
            Strategy::ComplexityBased => {
                let tier = |member: usize| {
                    let target = entry.members.get(member).map(|member| member.target);
                    target
                        .and_then(|target| self.model_of(target))
                        .map(|m| self.table.models.get(m).tier)
                };
                by_complexity(entry.members.len(), self.band, &conditions, |a, b| {
                    tier(a) == tier(b)
                })
            }
            Strategy::ContextBased => {
                let windows: Vec<Option<u32>> =
                    entry.members.iter().map(|member| self.window(member.target)).collect();
                let long = self.facts.prompt_tokens > entry.parameters.context_threshold;
                let hard = self.band == Band::High || self.facts.cues.contains(Cues::REASONING);
                by_context(&windows, long, hard, &conditions)
            }
            _ => {
                let mut members: Vec<usize> = (0..entry.members.len()).collect();
                members.sort_by_key(|member| match conditions.get(*member) {
                    Some(Some(true)) => 0,
                    Some(Some(false)) => 2,
                    _ => 1,
                });
                members
            }
        }
    }

    // ── The fallback chain ──────────────────────────────────────────────────────────────────────

    pub fn chain(&mut self, rng: &mut Rng, notes: &mut Vec<Note>) {
        let limit = match self.resolution.rule {
            Rule::Exact => self.resolution.capability,
            _ => None,
        };
        self.needs = Needs::of(self.facts, limit);
        let start = self.plan.len();
        for step in self.chain_steps(notes) {
            self.step(step, rng);
        }
        if let (Some(wanted), Some(tail)) = (self.resolution.capability, self.plan.get_mut(start..))
        {
            for hop in tail.iter_mut() {
                let deployment = self.table.deployments.get(hop.deployment);
                hop.capability_lost = !has_capability(self.table, deployment, wanted);
            }
            tail.sort_by_key(|hop| hop.capability_lost);
        }
        if !self.strategy.is_built() {
            notes.push(Note::NotBuilt(self.strategy));
        }
    }

    fn chain_steps(&self, notes: &mut Vec<Note>) -> Vec<&'a ChainStep> {
        let table = self.table;
        if let Some(name) = self.facts.chain.as_deref() {
            if let Some(chain) = table.named_chains.get(name) {
                return chain.steps.iter().collect();
            }
            notes.push(Note::UnknownChain(name.to_owned()));
        }
        let own: &[ChainStep] = match self.resolution.candidates {
            Candidates::Target { fallback, .. } => fallback,
            Candidates::Capability(id) => &table.capabilities.get(id).fallback,
            Candidates::Pool(id) => &table.pools.get(id).fallback,
            Candidates::Model(_) => &[],
        };
        let models: &[ChainStep] = self.lead.map_or(&[], |lead| &table.models.get(lead).chain);
        let mut steps: Vec<&ChainStep> = models.iter().chain(own).collect();
        if steps.is_empty() || matches!(self.resolution.rule, Rule::Size | Rule::Default) {
            steps.extend(&table.default_chain);
        }
        steps
    }

    fn step(&mut self, step: &ChainStep, rng: &mut Rng) {
        let earlier: Vec<ProviderId> = self
            .plan
            .iter()
            .map(|hop| self.table.deployments.get(hop.deployment).provider)
            .collect();
        if self.holds(step.condition.as_ref(), None, &earlier) == Some(false) {
            for deployment in self.deployments_of(step.target) {
                self.skip(deployment, Skip::ConditionFalse);
            }
            return;
        }
        match step.target {
            Target::Model(model) => {
                self.model(model, self.table.models.get(model).strategy, false, rng);
            }
            Target::Deployment(deployment) => self.single(deployment, false),
        }
    }

    // ── Groups of deployments ───────────────────────────────────────────────────────────────────

    fn model(&mut self, model: ModelId, strategy: Strategy, candidate: bool, rng: &mut Rng) {
        let entries = self.judge(self.model_candidates(model), true, None);
        self.push_ordered(strategy, entries, ShareGroup::Model(model), candidate, rng);
    }

    fn single(&mut self, deployment: DeploymentId, candidate: bool) {
        let alone = Candidate { deployment, member: 0, weight: 1.0, condition: None };
        for entry in self.judge(vec![alone], true, None) {
            self.picks.push(Pick { first: deployment, propensity: 1.0, charge: None });
            self.push(&entry, candidate.then_some(1.0));
        }
    }

    /// A model's deployments; its own pool's members where it has one, for their conditions.
    fn model_candidates(&self, model: ModelId) -> Vec<Candidate> {
        let model = self.table.models.get(model);
        if let Some(pool) = model.pool {
            return self.member_candidates(&self.table.pools.get(pool).members, Some(pool));
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

    fn member_candidates(&self, members: &[Member], pool: Option<PoolId>) -> Vec<Candidate> {
        let mut candidates = Vec::with_capacity(members.len());
        for (member, entry) in members.iter().enumerate() {
            let condition = self.holds(entry.condition.as_ref(), pool, &[]);
            let deployments = self.deployments_of(entry.target);
            let shared: f64 =
                deployments.iter().map(|id| self.table.deployments.get(*id).weight).sum();
            for deployment in deployments {
                let share = self.table.deployments.get(deployment).weight / shared;
                let weight = entry.weight * share;
                candidates.push(Candidate { deployment, member, weight, condition });
            }
        }
        candidates
    }

    /// Drops what cannot serve, keeping the reason, and reads the figures of the rest.
    fn judge(
        &mut self,
        candidates: Vec<Candidate>,
        same_model: bool,
        minimum: Option<&Capability>,
    ) -> Vec<Entry> {
        let mut entries = Vec::with_capacity(candidates.len());
        for candidate in candidates {
            let deployment = self.table.deployments.get(candidate.deployment);
            let refusal = self
                .needs
                .refuse(self.table, deployment)
                .or_else(|| minimum.and_then(|entry| below_minimum(self.table, deployment, entry)))
                .or_else(|| out(self.table, self.view, candidate.deployment, self.now_us));
            match refusal {
                Some(skip) => self.skip(candidate.deployment, skip),
                None if self.seen(candidate.deployment) => {}
                None => entries.push(self.entry(&candidate, deployment, same_model)),
            }
        }
        entries
    }

    fn entry(&self, candidate: &Candidate, deployment: &Deployment, same_model: bool) -> Entry {
        let figures = self.view.provider(deployment.provider);
        let capacity = self.table.providers.get(deployment.provider).capacity;
        let preference =
            if figures.saturated { None } else { self.preference(deployment.provider) };
        let preference = preference.unwrap_or(u8::MAX);
        Entry {
            deployment: candidate.deployment,
            model: deployment.model,
            member: candidate.member,
            weight: candidate.weight,
            condition: candidate.condition,
            load: f64::from(figures.in_flight) / f64::from(capacity.max(1)),
            credit: 0.0,
            class: (
                figures.in_flight >= capacity,
                deployment.priority,
                if same_model { preference } else { 0 },
            ),
            preference,
            score: 0.0,
        }
    }

    /// Orders a group by its strategy and appends it to the plan.
    fn push_ordered(
        &mut self,
        strategy: Strategy,
        mut entries: Vec<Entry>,
        group: ShareGroup,
        candidate: bool,
        rng: &mut Rng,
    ) {
        if strategy.keeps_shares() && entries.len() > 1 {
            for entry in &mut entries {
                entry.credit = self.view.credit(group, entry.deployment);
            }
        }
        let propensity = order(strategy, &mut entries, rng);
        if let Some(first) = entries.first() {
            let charge = (strategy.keeps_shares() && entries.len() > 1)
                .then(|| charge(strategy, group, &entries, first.deployment));
            self.picks.push(Pick { first: first.deployment, propensity, charge });
        }
        for entry in &entries {
            self.push(entry, candidate.then_some(entry.score));
        }
    }

    fn push(&mut self, entry: &Entry, score: Option<f64>) {
        let full = !has_room(self.table, self.view, entry.deployment);
        self.see(entry.deployment);
        self.plan.push(Hop { deployment: entry.deployment, score, capability_lost: false, full });
    }

    /// Keeps the first reason. A deployment that one step refuses may still serve a later one.
    fn skip(&mut self, deployment: DeploymentId, skip: Skip) {
        if !self.seen(deployment) && !self.skipped.iter().any(|(known, _)| *known == deployment) {
            self.skipped.push((deployment, skip));
        }
    }

    fn seen(&self, deployment: DeploymentId) -> bool {
        self.seen.get(deployment.index()).copied().unwrap_or(false)
    }

    fn see(&mut self, deployment: DeploymentId) {
        if let Some(seen) = self.seen.get_mut(deployment.index()) {
            *seen = true;
        }
        self.skipped.retain(|(known, _)| *known != deployment);
    }

    // ── Look-ups ────────────────────────────────────────────────────────────────────────────────

    fn holds(
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

    fn preferred_providers(&self) -> Vec<ProviderId> {
        let rules = self.table.metadata_rules.iter();
        rules
            .filter(|rule| self.holds(Some(&rule.condition), None, &[]) == Some(true))
            .map(|rule| rule.provider)
            .collect()
    }

    fn preference(&self, provider: ProviderId) -> Option<u8> {
        let place = self.preferred.iter().position(|preferred| *preferred == provider)?;
        u8::try_from(place).ok()
    }

    fn deployments_of(&self, target: Target) -> Vec<DeploymentId> {
        match target {
            Target::Model(model) => self.table.models.get(model).deployments.clone(),
            Target::Deployment(deployment) => vec![deployment],
        }
    }

    fn model_of(&self, target: Target) -> Option<ModelId> {
        match target {
            Target::Model(model) => Some(model),
            Target::Deployment(deployment) => self.table.deployments.get(deployment).model,
        }
    }

    fn window(&self, target: Target) -> Option<u32> {
        let deployments = self.deployments_of(target);
        deployments.iter().filter_map(|id| self.table.deployments.get(*id).context_window).max()
    }

    // ── The end ─────────────────────────────────────────────────────────────────────────────────

    pub fn finish(mut self, notes: Vec<Note>) -> Result<Choice, Refusal> {
        self.plan.sort_by_key(|hop| hop.full);
        let matched = self.resolution.matched.to_owned();
        let Some(first) = self.plan.first().map(|hop| hop.deployment) else {
            return Err(Refusal::NoneEligible { skipped: self.skipped, matched });
        };
        let pick = self.picks.into_iter().find(|pick| pick.first == first);
        let (propensity, charge) = pick.map_or((1.0, None), |pick| (pick.propensity, pick.charge));
        Ok(Choice {
            rule: self.resolution.rule,
            matched,
            strategy: self.strategy,
            band: self.band,
            plan: self.plan,
            skipped: self.skipped,
            propensity,
            notes,
            charge,
        })
    }
}

/// Shares are kept among those that stood in the same class as the chosen one.
fn charge(
    strategy: Strategy,
    group: ShareGroup,
    entries: &[Entry],
    chosen: DeploymentId,
) -> Charge {
    let class = entries.first().map(|entry| (entry.class, shares_with(strategy, entry)));
    let sharing: Vec<&Entry> = entries
        .iter()
        .filter(|entry| Some((entry.class, shares_with(strategy, entry))) == class)
        .collect();
    let total: f64 = sharing.iter().map(|entry| entry.weight).sum();
    let shares = sharing.iter().map(|entry| (entry.deployment, entry.weight / total)).collect();
    Charge { group, shares, chosen }
}

/// `quality_based` shares among members whose conditions came out alike.
fn shares_with(strategy: Strategy, entry: &Entry) -> Option<Option<bool>> {
    (strategy == Strategy::QualityBased).then_some(entry.condition)
}

//! The nearest change: the smallest single change after which another deployment would be first. Each is
//! tried on a router of its own, set to what the decision read, by the same code that decides; a
//! threshold is found by doubling and then halving, so that one unit less changes nothing.

use std::sync::Arc;

use super::change::{tidy, Change, WeightPlace};
use super::Explained;
use crate::choose::Hop;
use crate::eligibility::Skip;
use crate::facts::Facts;
use crate::record::Figures;
use crate::resolve::Rule;
use crate::router::Router;
use crate::table::{DeploymentId, Table};
use crate::view::ShareGroup;

/// Decisions made again for one explanation, at most.
pub const MOST_RERUNS: u32 = 200;
/// Changes told, at most.
pub const MOST_CHANGES: usize = 5;

/// Deployments after the first whose load and weight are tried, and how many that are out.
const RUNNERS_UP: usize = 2;
const MOST_OUT: usize = 8;
const OTHER_CAPABILITIES: usize = 4;
const SEEDS: u64 = 16;
const MOST_REQUESTS: u32 = 10_000;
/// Per cent: a hundred times as slow.
const MOST_SLOWER: u64 = 9_900;
const SILENCE_STEP_US: u64 = 100_000;
/// Ten minutes.
const MOST_SILENCE_STEPS: u64 = 6_000;
const WEIGHT_STEP: f64 = 0.01;
const MOST_WEIGHT_STEPS: u64 = 10_000;

/// A change, and who would be first after it.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub change: Change,
    pub first: DeploymentId,
}

/// What the search came to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Nearest {
    /// The nearest first, one of each kind.
    pub changes: Vec<Found>,
    /// The furthest that was tried of each kind that changes nothing.
    pub unaltered: Vec<Change>,
    pub reruns: u32,
    /// False where the most re-runs were reached before everything was tried.
    pub complete: bool,
}

pub struct Search<'e> {
    explained: &'e Explained,
    table: Arc<Table>,
    router: Router,
    first: DeploymentId,
    nearest: Nearest,
}

/// What a re-run showed.
enum Tried {
    Same,
    Other(DeploymentId),
    /// There were `MOST_RERUNS` before.
    NotAnyMore,
}

impl<'e> Search<'e> {
    /// Looks for the changes nearest to a decision that has a first deployment.
    #[must_use]
    pub fn nearest(explained: &'e Explained) -> Nearest {
        let Some(first) = explained.decision.chosen() else { return Nearest::default() };
        let table = explained.decision.table.clone();
        let mut router = Router::new(table.clone(), "explanation".to_owned());
        router.recall(&explained.figures, &explained.facts, explained.decision.now_us);
        let nearest = Nearest { complete: true, ..Nearest::default() };
        let mut search = Self { explained, table, router, first, nearest };
        search.chance();
        search.returns();
        search.request();
        search.load();
        search.trouble();
        search.prompt();
        search.weights();
        search.result()
    }

    fn result(mut self) -> Nearest {
        let Explained { decision, facts, .. } = self.explained;
        let distance = |found: &Found| found.change.distance(&self.table, facts, decision.now_us);
        let changes = &mut self.nearest.changes;
        changes.sort_by(|a, b| distance(a).total_cmp(&distance(b)));
        let mut kinds = Vec::new();
        changes.retain(|found| {
            let kind = found.change.kind();
            let is_new = !kinds.contains(&kind);
            kinds.push(kind);
            is_new
        });
        changes.truncate(MOST_CHANGES);
        self.nearest
    }

    // ── What is tried ───────────────────────────────────────────────────────────────────────────

    /// Another seed, where chance had a part in the choice itself.
    fn chance(&mut self) {
        let decision = &self.explained.decision;
        let chance = tidy(1.0 - decision.choice.propensity);
        if chance <= 0.0 || decision.choice.assignment.is_some() {
            return;
        }
        let seeds = (1..=SEEDS).map(|n| decision.seed.wrapping_add(n));
        let changes = seeds.map(|seed| Change::Seed { seed, chance });
        self.any_of(changes.collect());
    }

    /// What is out, or held, comes back.
    fn returns(&mut self) {
        let skipped = self.explained.decision.choice.skipped.iter();
        let back = |(id, skip): &(DeploymentId, Skip)| match skip {
            Skip::Out { until_us } => {
                Some(Change::CooldownEnds { deployment: *id, until_us: *until_us })
            }
            Skip::Held(hold) => Some(Change::HoldEnds { deployment: *id, until_us: hold.until_us }),
            _ => None,
        };
        let changes: Vec<Change> = skipped.filter_map(back).take(MOST_OUT).collect();
        for change in changes {
            self.once(change);
        }
    }

    /// Another request: as a stream or not, of another priority, in a batch, without its session.
    fn request(&mut self) {
        let facts = &self.explained.facts;
        let high = |value: &Option<String>| value.as_deref() == Some("high");
        let mut changes = vec![
            Change::Stream { stream: !facts.stream },
            Change::Priority { high: !high(&facts.priority) },
            Change::QualityTier { high: !high(&facts.quality_tier) },
            Change::Batch { batch: !(facts.batch_mode || facts.batch_size > 1) },
        ];
        changes.extend(facts.session.as_ref().map(|_| Change::NoSession));
        for change in changes {
            self.once(change);
        }
        if self.explained.decision.choice.rule == Rule::Capability {
            let matched = &self.explained.decision.choice.matched;
            let names = self.table.capabilities.iter().map(|(_, entry)| entry.name.clone());
            let others = names.filter(|name| name != matched).take(OTHER_CAPABILITIES);
            self.any_of(others.map(|name| Change::Capability { name }).collect());
        }
    }

    /// More requests at the first, fewer at those after it.
    fn load(&mut self) {
        let deployment = self.first;
        let capacity = self.table.provider_of(deployment).capacity;
        let most = u64::from(capacity.saturating_mul(2).clamp(1, MOST_REQUESTS));
        self.threshold(most, &|n| Change::MoreInFlight { deployment, requests: count(n) });
        for deployment in self.runners_up() {
            let provider = &self.table.provider_of(deployment).id;
            let figures = self.explained.figures.providers.get(provider);
            let most = figures.map_or(0, |figures| u64::from(figures.in_flight));
            self.threshold(most, &|n| Change::FewerInFlight { deployment, requests: count(n) });
        }
    }

    /// The first becomes slow, or silent.
    fn trouble(&mut self) {
        let deployment = self.first;
        let stream = self.explained.facts.stream;
        let id = &self.table.deployments.get(deployment).id;
        let figures = self.explained.figures.deployments.get(id).copied().unwrap_or_default();
        let compared = self.explained.scores.compared(deployment);
        let strategy = compared.map(|compared| compared.strategy);
        let by_times = strategy.filter(|strategy| strategy.goes_by_times());
        let samples = by_times.map(|strategy| strategy.figures_of(&figures).of(stream).samples);
        if samples.unwrap_or(0) > 0 {
            let slower = |n| Change::Slower { deployment, percent: count(n) };
            self.threshold(MOST_SLOWER, &slower);
        }
        if figures.in_flight > 0 {
            let silent = |n| Change::Silent { deployment, for_us: n * SILENCE_STEP_US };
            self.threshold(MOST_SILENCE_STEPS, &silent);
        }
    }

    /// A longer prompt, up to where no rule tells lengths apart any more, or a shorter one.
    fn prompt(&mut self) {
        let tokens = self.explained.facts.prompt_tokens;
        let longer = self.table.token_limit().saturating_sub(tokens);
        self.threshold(u64::from(longer), &|n| Change::MoreTokens { tokens: count(n) });
        let shorter = tokens.saturating_sub(1);
        self.threshold(u64::from(shorter), &|n| Change::FewerTokens { tokens: count(n) });
    }

    /// More weight for those that stood beside the first.
    fn weights(&mut self) {
        let scores = &self.explained.scores;
        let Some(first) = scores.compared(self.first) else { return };
        let group = first.shares;
        // A capability's members have weights only where they are compared with each other.
        if matches!(group, ShareGroup::Capability(_)) && !first.strategy.compares_deployments() {
            return;
        }
        for deployment in self.runners_up() {
            let Some(beside) = scores.compared(deployment).filter(|c| c.shares == group) else {
                continue;
            };
            let place = WeightPlace { shares: group, member: beside.member, deployment };
            let was = beside.wanted;
            let weight = |n: u64| tidy(was + WEIGHT_STEP * n as f64);
            let change = |n| Change::Weight { place, was, weight: weight(n) };
            self.threshold(MOST_WEIGHT_STEPS, &change);
        }
    }

    fn runners_up(&self) -> Vec<DeploymentId> {
        let after = self.explained.decision.choice.plan.iter().skip(1);
        after.take(RUNNERS_UP).map(|hop: &Hop| hop.deployment).collect()
    }

    // ── How ─────────────────────────────────────────────────────────────────────────────────────

    /// The first of some changes that alters the choice.
    fn any_of(&mut self, changes: Vec<Change>) {
        let Some(last) = changes.last().cloned() else { return };
        for change in changes {
            match self.after(&change) {
                Tried::Same => {}
                Tried::Other(first) => return self.nearest.changes.push(Found { change, first }),
                Tried::NotAnyMore => return,
            }
        }
        self.nearest.unaltered.push(last);
    }

    fn once(&mut self, change: Change) {
        self.any_of(vec![change]);
    }

    /// The smallest amount of 1 to `most` that alters the choice while one less does not.
    fn threshold(&mut self, most: u64, change: &dyn Fn(u64) -> Change) {
        if most == 0 {
            return;
        }
        let (mut same, mut amount) = (0, 1);
        let mut first = loop {
            match self.after(&change(amount)) {
                Tried::Other(first) => break first,
                Tried::NotAnyMore => return,
                Tried::Same if amount == most => {
                    return self.nearest.unaltered.push(change(most));
                }
                Tried::Same => {
                    same = amount;
                    amount = amount.saturating_mul(2).min(most);
                }
            }
        };
        while amount - same > 1 {
            let between = same + (amount - same) / 2;
            match self.after(&change(between)) {
                Tried::Other(other) => (amount, first) = (between, other),
                Tried::Same => same = between,
                Tried::NotAnyMore => return,
            }
        }
        self.nearest.changes.push(Found { change: change(amount), first });
    }

    /// Who is first after a change. A request that nobody may serve then has no other choice.
    fn after(&mut self, change: &Change) -> Tried {
        if self.nearest.reruns >= MOST_RERUNS {
            self.nearest.complete = false;
            return Tried::NotAnyMore;
        }
        self.nearest.reruns += 1;
        let Explained { decision, facts, .. } = self.explained;
        let seed = match change {
            Change::Seed { seed, .. } => *seed,
            _ => decision.seed,
        };
        let changed = change.facts(facts);
        self.router.suppose(change, &changed, decision.now_us);
        let made = self.router.explain(&changed, decision.now_us, seed);
        let first = made.ok().and_then(|made| made.chosen());
        self.take_back(change, facts);
        match first {
            Some(first) if first != self.first => Tried::Other(first),
            _ => Tried::Same,
        }
    }

    fn take_back(&mut self, change: &Change, facts: &Facts) {
        if let Change::Weight { place, was, .. } = change {
            self.router.reweigh(place, *was);
        } else if let Some(deployment) = change.deployment() {
            let figures = self.figures_of(deployment);
            self.router.recall(&figures, facts, self.explained.decision.now_us);
        }
    }

    /// As they were, of a deployment and its provider.
    fn figures_of(&self, deployment: DeploymentId) -> Figures {
        let known = &self.explained.figures;
        let id = &self.table.deployments.get(deployment).id;
        let provider = &self.table.provider_of(deployment).id;
        let of_provider = known.providers.get_key_value(provider);
        let of_deployment = known.deployments.get_key_value(id);
        Figures {
            providers: of_provider.map(|(id, of)| (id.clone(), of.clone())).into_iter().collect(),
            deployments: of_deployment.map(|(id, of)| (id.clone(), *of)).into_iter().collect(),
            rolled_back: known.rolled_back.clone(),
            ..Figures::default()
        }
    }
}

fn count(n: u64) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

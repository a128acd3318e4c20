//! A table and the live state behind one lock's worth of methods: decide and reserve, walk, report,
//! expire, swap. Callers pass the time and the seed; nothing here waits.

mod budgets;
mod explaining;
mod journey;
mod recording;
mod trials;

use std::sync::Arc;

use crate::choose::{choose, Choice, Refusal};
use crate::decision::Decision;
use crate::facts::Facts;
use crate::hold::{Hold, HoldKind};
use crate::outcome::Outcome;
use crate::record::{Outbox, Read};
use crate::refusal::Refused;
use crate::resolve::closest;
use crate::size::parse_size;
use crate::state::budget::RetryBudget;
use crate::state::experiments::Trial;
use crate::state::permits::Reported;
use crate::state::{Bindings, Claim, LiveView, LoadSignal, Snapshot, State};
use crate::status::status;
use crate::table::{Deployment, ProviderId, Table};

pub use journey::{Journey, NextStep};

pub struct Router {
    instance: String,
    table: Arc<Table>,
    bindings: Arc<Bindings>,
    state: State,
    budget: RetryBudget,
    outbox: Outbox,
}

impl Router {
    #[must_use]
    pub fn new(table: Arc<Table>, instance: String) -> Self {
        let mut state = State::default();
        let bindings = Arc::new(state.bind(&table));
        let (budget, outbox) = (RetryBudget::default(), Outbox::default());
        Self { instance, table, bindings, state, budget, outbox }
    }

    #[must_use]
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Chooses and reserves, for a caller who talks to the provider itself. Where every deployment
    /// is full the decision says so and holds no permit: the caller may queue there or come back.
    pub fn decide(
        &mut self,
        facts: &Facts,
        now_us: u64,
        seed: u64,
    ) -> Result<Arc<Decision>, Refused> {
        let (mut decision, read) = self.chosen(facts, now_us, seed)?;
        self.charge(&decision.choice);
        let trial = self.trial(&decision);
        self.hold_slot(&mut decision, facts, trial, now_us);
        Ok(self.noted(decision, facts, read))
    }

    /// Reserves the first deployment, where it has room.
    fn hold_slot(
        &mut self,
        decision: &mut Decision,
        facts: &Facts,
        trial: Option<Trial>,
        now_us: u64,
    ) {
        let Some(room) = decision.choice.plan.first().filter(|hop| !hop.full) else {
            if let Some(mut trial) = trial {
                self.state.experiments.over(&mut trial);
            }
            return;
        };
        let claim = Claim {
            provider: self.table.deployments.get(room.deployment).provider,
            deployment: room.deployment,
            expires_us: now_us.saturating_add(self.table.settings.permit_ttl_us),
            stream: facts.stream,
            whole: !facts.stream,
            watched: false,
            decision: self.state.last_decision(),
        };
        let (bindings, settings) = (&self.bindings, &self.table.settings);
        if let Some(permit) = self.state.reserve(bindings, &claim, settings, now_us) {
            decision.permit = self.permit_name(permit);
            decision.permit_expires_us = claim.expires_us;
            self.await_report(permit, trial, claim.deployment);
            let (spender, table) = (&mut decision.spender, &decision.table);
            self.set_aside(permit, spender, table, claim.deployment, now_us);
        }
    }

    /// The decision alone: reserves nothing and moves no shares.
    pub fn explain(&mut self, facts: &Facts, now_us: u64, seed: u64) -> Result<Decision, Refused> {
        let chosen =
            |router: &Self, view: LiveView<'_>| choose(&router.table, &view, facts, now_us, seed);
        self.weighed(facts, now_us, seed, chosen)
    }

    /// The decision made of what `chosen` says about the live figures.
    fn weighed(
        &mut self,
        facts: &Facts,
        now_us: u64,
        seed: u64,
        chosen: impl FnOnce(&Self, LiveView<'_>) -> Result<Choice, Refusal>,
    ) -> Result<Decision, Refused> {
        self.state.expire(now_us);
        let by_rule = self.by_rule(facts, now_us, seed);
        let spender = self.spender(facts, by_rule.as_ref());
        let allowance = self.allowance(&self.table, spender.as_ref(), now_us);
        let view = LiveView { allowance, ..LiveView::new(&self.state, &self.bindings) };
        let mut choice = chosen(self, view)
            .map_err(|refusal| Refused::from_refusal(refusal, &self.table, facts, now_us))?;
        if let Some(by_rule) = by_rule {
            // Turns pass by rule: with one member full or closed, the same one would be next for ever.
            choice.charge = by_rule.charge;
        }
        Ok(Decision { spender, ..self.decision(facts, choice, now_us, seed) })
    }

    /// The outcome of a `Route` caller's own attempt.
    pub fn report(&mut self, permit: &str, outcome: &Outcome, now_us: u64) -> Reported {
        self.state.expire(now_us);
        let Some(permit) = self.permit_number(permit) else {
            return Reported::Unknown;
        };
        self.note_report(permit, outcome, now_us);
        let reported = self.state.finish(permit, outcome, &self.table.settings, now_us);
        self.reported(permit, reported, outcome);
        reported
    }

    /// Expires permits and drops what is too old to judge by; returns how many permits. To be called
    /// about once a second.
    pub fn tick(&mut self, now_us: u64) -> usize {
        self.state.forget(now_us);
        self.state.expire(now_us)
    }

    /// Puts a new table in place. Requests under way finish on the one they started on.
    pub fn swap(&mut self, table: Arc<Table>) {
        self.bindings = Arc::new(self.state.bind(&table));
        self.table = table;
    }

    /// What an operator wants of a provider from now on; `None` puts it back into use. It outlives
    /// swaps, also one that leaves the provider out. For an unknown one, the closest ids are returned.
    pub fn hold(&mut self, provider: &str, hold: Option<Hold>) -> Result<(), Vec<String>> {
        let Some(slot) = self.slot(provider) else {
            let known = self.table.providers.iter().map(|(_, known)| known.id.as_str());
            return Err(closest(provider, known));
        };
        self.state.hold(slot, hold);
        Ok(())
    }

    /// Whether an operator has put a provider out of use: then nothing is asked of it either.
    #[must_use]
    pub fn is_disabled(&self, provider: &str, now_us: u64) -> bool {
        let figures = self.slot(provider).and_then(|slot| self.state.provider_figures(slot));
        figures
            .and_then(|figures| figures.held(now_us))
            .is_some_and(|hold| hold.kind == HoldKind::Disabled)
    }

    /// Takes the sizes providers list for their models: text such as `7.6B`, or a plain number.
    /// What cannot be read is left out.
    pub fn learn_sizes(&mut self, sizes: impl IntoIterator<Item = (String, String)>) {
        let read = |(name, size): (String, String)| {
            let parameters = parse_size(&size).or_else(|| size.parse().ok())?;
            Some((name, parameters))
        };
        self.state.learn_sizes(sizes.into_iter().filter_map(read));
    }

    /// What a provider itself says: its load, and with `loaded` the upstream names of the models it
    /// holds ready. Believed until `until_us`; a name the table does not know is left out.
    pub fn signal(
        &mut self,
        provider: &str,
        signal: &LoadSignal,
        loaded: Option<&[String]>,
        until_us: u64,
        now_us: u64,
    ) {
        let Some(id) = self.provider(provider) else { return };
        if let Some(slot) = self.bindings.provider(id) {
            self.state.signal(slot, signal, until_us, now_us);
        }
        let Some(loaded) = loaded else { return };
        // A passthrough serves whatever name is asked for, so nothing can be said of it.
        let here =
            |deployment: &Deployment| deployment.provider == id && deployment.model.is_some();
        for (deployment, entry) in self.table.deployments.iter().filter(|(_, d)| here(d)) {
            if let Some(slot) = self.bindings.deployment(deployment) {
                self.state.warmth(slot, loaded.contains(&entry.upstream_model), until_us);
            }
        }
    }

    /// Providers that cool down, or hold deployments that do, after faults of the connection: an
    /// active probe may end that.
    #[must_use]
    pub fn unreachable(&self, now_us: u64) -> Vec<&str> {
        let out = |id: ProviderId| {
            let slot = self.bindings.provider(id);
            slot.is_some_and(|slot| self.state.may_be_probed(slot, &self.slots_on(id), now_us))
        };
        let providers = self.table.providers.iter().filter(|(id, _)| out(*id));
        providers.map(|(_, provider)| provider.id.as_str()).collect()
    }

    /// An active probe got through to a provider; its cooldown ends, and requests test it.
    pub fn reachable(&mut self, provider: &str, now_us: u64) {
        let slot = self.provider(provider).and_then(|id| Some((id, self.bindings.provider(id)?)));
        if let Some((id, slot)) = slot {
            self.state.reached(slot, &self.slots_on(id), now_us);
        }
    }

    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.state.snapshot(&self.table)
    }

    /// Loads figures; returns the ids, groups and experiments this table does not know.
    pub fn restore(&mut self, snapshot: &Snapshot) -> Vec<String> {
        self.state.restore(snapshot, &self.table, &self.bindings)
    }

    /// What every provider and deployment is doing now.
    #[must_use]
    pub fn status(&self, now_us: u64) -> serde_json::Value {
        status(&self.table, &self.state, &self.bindings, now_us)
    }

    #[must_use]
    pub fn in_flight(&self) -> Vec<(&str, u32)> {
        self.state.in_flight()
    }

    // ── Inside ──────────────────────────────────────────────────────────────────────────────────

    /// Where the figures of a provider are.
    fn slot(&self, provider: &str) -> Option<usize> {
        self.bindings.provider(self.provider(provider)?)
    }

    fn provider(&self, name: &str) -> Option<ProviderId> {
        self.table.providers.iter().find(|(_, known)| known.id == name).map(|(id, _)| id)
    }

    /// The state's slots of a provider's deployments.
    fn slots_on(&self, provider: ProviderId) -> Vec<usize> {
        let there = self.table.deployments.iter().filter(|(_, d)| d.provider == provider);
        there.filter_map(|(id, _)| self.bindings.deployment(id)).collect()
    }

    /// A decision that counts, with what it read where that is recorded.
    fn chosen(
        &mut self,
        facts: &Facts,
        now_us: u64,
        seed: u64,
    ) -> Result<(Decision, Option<Read>), Refused> {
        let mut read = self.outbox.open.then(Read::default);
        let chosen = |router: &Self, view: LiveView<'_>| match read.as_mut() {
            Some(read) => router.choose_recorded(view, facts, now_us, seed, read),
            None => choose(&router.table, &view, facts, now_us, seed),
        };
        let mut decision = match self.weighed(facts, now_us, seed, chosen) {
            Ok(decision) => decision,
            Err(refused) => return Err(self.noted_refusal(refused, facts, read, now_us, seed)),
        };
        if self.table.budgets.is_some() {
            self.state.spending.request(now_us);
        }
        let number = self.state.next_decision();
        decision.id = self.decision_name(number);
        Ok((decision, read))
    }

    fn decision(&self, facts: &Facts, choice: Choice, now_us: u64, seed: u64) -> Decision {
        Decision {
            id: String::new(),
            table: self.table.clone(),
            requested: facts.model.clone(),
            choice,
            spender: None,
            prompt_tokens: facts.prompt_tokens,
            now_us,
            seed,
            permit: String::new(),
            permit_expires_us: 0,
        }
    }

    fn charge(&mut self, choice: &Choice) {
        if let Some(charge) = &choice.charge {
            self.state.charge(&self.bindings, charge);
        }
    }

    fn decision_name(&self, number: u64) -> String {
        format!("{}-{number:x}", self.instance)
    }

    fn permit_name(&self, permit: u64) -> String {
        format!("{}.{permit:x}", self.instance)
    }

    fn permit_number(&self, name: &str) -> Option<u64> {
        let number = name.strip_prefix(self.instance.as_str())?.strip_prefix('.')?;
        u64::from_str_radix(number, 16).ok()
    }
}

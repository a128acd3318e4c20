//! What candidates were scored by: the entries of the strategies themselves, noted as they were made and
//! as they stood in the end. Only what a strategy goes by is told.

use serde_json::{json, Map, Value};

use crate::choose::{Candidate, Group, Hop, Witness};
use crate::decision::Decision;
use crate::eligibility::Subject;
use crate::resolve::Rule;
use crate::strategy::{Basis, Drawn, Entry, Strategy, WeightFactors};
use crate::table::{DeploymentId, Table};
use crate::view::ShareGroup;

/// Where an expected time comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Measured,
    /// The provider's prior: nothing was measured.
    Prior,
    /// The age of the oldest request that still waits.
    Waiting,
    /// Too little was measured, so it counts as no faster than the slowest of the others.
    Slowest,
}

impl Source {
    fn as_str(self) -> &'static str {
        match self {
            Self::Measured => "measured",
            Self::Prior => "prior",
            Self::Waiting => "waiting",
            Self::Slowest => "slowest_measured",
        }
    }
}

/// Of one candidate.
#[derive(Debug, Clone)]
pub struct Terms {
    /// `None` where nothing was compared.
    pub compared: Option<Compared>,
    /// Share of the provider's capacity in use.
    pub load: f64,
    pub in_flight: u32,
    pub capacity: u32,
}

/// What its strategy made of it.
#[derive(Debug, Clone)]
pub struct Compared {
    pub strategy: Strategy,
    pub shares: ShareGroup,
    pub member: usize,
    /// As the config wants it.
    pub wanted: f64,
    /// What errors and recovery leave of that.
    pub left: f64,
    /// As its strategy left it.
    pub entry: Entry,
    source: Source,
    samples: u32,
    factors: WeightFactors,
    /// The first of its group, and why it stands before this one.
    behind: Option<(DeploymentId, String)>,
}

/// The terms of every candidate, noted while one decision is made.
#[derive(Debug)]
pub struct Scores {
    stream: bool,
    now_us: u64,
    /// By deployment index.
    terms: Vec<Option<Terms>>,
}

impl Scores {
    #[must_use]
    pub fn new(table: &Table, stream: bool, now_us: u64) -> Self {
        Self { stream, now_us, terms: vec![None; table.deployments.len()] }
    }

    #[must_use]
    pub fn of(&self, id: DeploymentId) -> Option<&Terms> {
        self.terms.get(id.index()).and_then(Option::as_ref)
    }

    #[must_use]
    pub fn compared(&self, id: DeploymentId) -> Option<&Compared> {
        self.of(id).and_then(|terms| terms.compared.as_ref())
    }

    fn note(&mut self, id: DeploymentId, terms: Terms) {
        if let Some(known) = self.terms.get_mut(id.index()) {
            *known = Some(terms);
        }
    }

    fn standing(&self, subject: &Subject<'_>) -> Terms {
        let capacity = subject.provider.capacity;
        let load = subject.whole.load(capacity, self.now_us);
        Terms { compared: None, load, in_flight: subject.whole.in_flight, capacity }
    }
}

impl Witness for Scores {
    fn candidate(
        &mut self,
        candidate: &Candidate,
        subject: &Subject<'_>,
        group: &Group<'_>,
        entry: &Entry,
    ) {
        let samples = group.strategy.figures_of(subject.part).of(self.stream).samples;
        let waited_us = subject.part.waiting_us(self.stream, self.now_us);
        let source = match samples {
            _ if waited_us > 0 && waited_us as f64 >= entry.latency_us => Source::Waiting,
            0 => Source::Prior,
            _ => Source::Measured,
        };
        let compared = Compared {
            strategy: group.strategy,
            shares: group.shares,
            member: candidate.member,
            wanted: candidate.weight,
            left: entry.weight,
            entry: entry.clone(),
            source,
            samples,
            factors: group.parameters.weight_factors,
            behind: None,
        };
        let terms = Terms { compared: Some(compared), load: entry.load, ..self.standing(subject) };
        self.note(candidate.deployment, terms);
    }

    fn ordered(&mut self, entries: &[Entry], drawn: Drawn) {
        let Some(first) = entries.first() else { return };
        for (place, entry) in entries.iter().enumerate() {
            let known = self.terms.get_mut(entry.deployment.index()).and_then(Option::as_mut);
            let Some(compared) = known.and_then(|terms| terms.compared.as_mut()) else { continue };
            if entry.latency_us > compared.entry.latency_us {
                compared.source = Source::Slowest;
            }
            compared.entry = entry.clone();
            let behind = || (first.deployment, behind(entry, first, compared.strategy, drawn));
            compared.behind = (place > 0).then(behind);
        }
    }

    fn alone(&mut self, subject: &Subject<'_>) {
        let terms = self.standing(subject);
        self.note(subject.id, terms);
    }
}

impl Scores {
    /// The terms of a hop of the plan, as `route --json` has them.
    #[must_use]
    pub fn json(&self, decision: &Decision, hop: &Hop) -> Value {
        let Some(terms) = self.of(hop.deployment) else { return Value::Null };
        let mut object = Map::new();
        if let Some(compared) = &terms.compared {
            self.put_compared(&mut object, compared);
        }
        put(&mut object, "load", json!(terms.load));
        put(&mut object, "in_flight", json!(terms.in_flight));
        put(&mut object, "capacity", json!(terms.capacity));
        let choice = &decision.choice;
        let by_member = choice.rule == Rule::Capability && !choice.strategy.compares_deployments();
        if by_member && hop.score.is_some() {
            put(&mut object, "strategy", json!(choice.strategy.as_str()));
            put(&mut object, "formula", json!(choice.strategy.formula()));
        }
        put(&mut object, "behind", json!(self.behind(decision, hop, by_member)));
        Value::Object(object)
    }

    /// What stands before it and why; `None` for the first, and for the first of a fallback.
    fn behind(&self, decision: &Decision, hop: &Hop, by_member: bool) -> Option<String> {
        let id = |id: DeploymentId| &decision.table.deployments.get(id).id;
        let known = self.compared(hop.deployment).and_then(|compared| compared.behind.as_ref());
        if let Some((first, why)) = known {
            return Some(format!("behind {}: {why}", id(*first)));
        }
        let first = decision.chosen().filter(|first| *first != hop.deployment)?;
        let strategy = decision.choice.strategy.as_str();
        (by_member && hop.score.is_some() && !hop.full)
            .then(|| format!("behind {}: {strategy} orders the members so", id(first)))
    }

    fn put_compared(&self, object: &mut Map<String, Value>, compared: &Compared) {
        let Compared { strategy, entry, .. } = compared;
        let mut put = |name: &str, value: Value| put(object, name, value);
        put("strategy", json!(strategy.as_str()));
        put("formula", json!(compared.formula()));
        let (wanted, left, used) = (compared.wanted, compared.left, entry.weight);
        put("weight", json!({ "wanted": wanted, "left": left, "used": used }));
        if strategy.keeps_shares() {
            put("credit", json!(entry.credit));
        }
        if strategy.goes_by_times() {
            let of = if self.stream { "first_token" } else { "whole_answer" };
            let (source, samples) = (compared.source.as_str(), compared.samples);
            put(
                "latency",
                json!({ "us": entry.latency_us, "of": of, "source": source, "samples": samples }),
            );
        }
        if *strategy == Strategy::UsageBased {
            put("success_rate", json!(entry.success));
        } else if strategy.reads_figures() {
            put("reliability", json!(entry.reliability));
        }
        if strategy.measures() {
            put("cost_usd", json!(entry.cost_usd));
        }
        put("set_back", json!(entry.class.words()));
    }
}

fn put(object: &mut Map<String, Value>, name: &str, value: Value) {
    object.insert(name.to_owned(), value);
}

impl Compared {
    fn formula(&self) -> String {
        let WeightFactors { latency, success_rate, cost } = self.factors;
        match self.strategy {
            Strategy::UsageBased => format!(
                "{latency} × (1 - latency / largest) + {success_rate} × success rate + {cost} × (1 - \
                 cost / largest)"
            ),
            other => other.formula().to_owned(),
        }
    }
}

/// Why one entry stands behind the first of its group.
fn behind(entry: &Entry, first: &Entry, strategy: Strategy, drawn: Drawn) -> String {
    match drawn.basis {
        Basis::Exploration => {
            "a small share of traffic goes there to measure or load it".to_owned()
        }
        Basis::Affinity if entry.class == first.class => "the session keeps to that one".to_owned(),
        _ if entry.class.key() > first.class.key() => entry.class.against(first.class),
        _ if strategy == Strategy::SimpleShuffle => "the draw by weights came out so".to_owned(),
        _ if entry.score < first.score => {
            format!("a score of {:.4} against {:.4}", entry.score, first.score)
        }
        _ => "scored as well; the order given, or chance, decided".to_owned(),
    }
}

//! What candidates were scored by: the entries of the strategies themselves, noted as they were made and
//! as they stood in the end. Only what a strategy goes by is told.

use serde_json::{json, Map, Value};

use crate::choose::{Candidate, Group, Witness};
use crate::eligibility::Subject;
use crate::strategy::{Basis, Class, Drawn, Entry, Strategy};
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
    /// Why the first of its group stands before it.
    behind: Option<String>,
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
            compared.behind = (place > 0).then(|| behind(entry, first, compared.strategy, drawn));
        }
    }

    fn alone(&mut self, subject: &Subject<'_>) {
        let terms = self.standing(subject);
        self.note(subject.id, terms);
    }
}

impl Scores {
    /// As `route --json` has them.
    #[must_use]
    pub fn json(&self, id: DeploymentId) -> Value {
        let Some(terms) = self.of(id) else { return Value::Null };
        let mut object = Map::new();
        if let Some(compared) = &terms.compared {
            self.put_compared(&mut object, compared);
        }
        object.insert("load".to_owned(), json!(terms.load));
        object.insert("in_flight".to_owned(), json!(terms.in_flight));
        object.insert("capacity".to_owned(), json!(terms.capacity));
        Value::Object(object)
    }

    fn put_compared(&self, object: &mut Map<String, Value>, compared: &Compared) {
        let Compared { strategy, entry, .. } = compared;
        let mut put = |name: &str, value: Value| _ = object.insert(name.to_owned(), value);
        put("strategy", json!(strategy.as_str()));
        put("formula", json!(strategy.formula()));
        put(
            "weight",
            json!({ "wanted": compared.wanted, "left": compared.left, "used": entry.weight }),
        );
        if strategy.keeps_shares() {
            put("credit", json!(entry.credit));
        }
        if strategy.goes_by_times() {
            let of = if self.stream { "first_token" } else { "whole_answer" };
            let source = compared.source.as_str();
            let samples = compared.samples;
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
        put("behind", json!(compared.behind));
    }
}

/// Why one entry stands behind the first of its group.
fn behind(entry: &Entry, first: &Entry, strategy: Strategy, drawn: Drawn) -> String {
    match drawn.basis {
        Basis::Exploration => {
            "a small share of traffic goes to the first to measure or load it".to_owned()
        }
        Basis::Affinity if entry.class == first.class => {
            "the session keeps to the first, and both may serve it".to_owned()
        }
        _ if entry.class.key() > first.class.key() => entry.class.against(first.class),
        _ if strategy == Strategy::SimpleShuffle => "the draw by weights came out so".to_owned(),
        _ if entry.score < first.score => {
            format!("its score is {:.4}, that of the first {:.4}", entry.score, first.score)
        }
        _ => "scored as well as the first; the order given, or chance, decided".to_owned(),
    }
}

impl Class {
    /// What sets it back, if anything does.
    #[must_use]
    pub fn words(self) -> Vec<String> {
        let words = [
            (self.full, "full".to_owned()),
            (self.stalled, "stalled".to_owned()),
            (self.overflowing, "overflowing".to_owned()),
            (self.priority > 0, format!("priority {}", self.priority)),
            (self.spare, "spare".to_owned()),
            (self.rank > 0, format!("rank {}", self.rank)),
            (self.cold, "cold".to_owned()),
            (self.preference > 0, "not preferred".to_owned()),
        ];
        words.into_iter().filter(|(set, _)| *set).map(|(_, word)| word).collect()
    }

    /// The first difference that puts it behind another class.
    #[must_use]
    pub fn against(self, first: Self) -> String {
        let differences = [
            (self.full > first.full, "no slot is free there now".to_owned()),
            (
                self.stalled > first.stalled,
                "it has been silent for far longer than usual, with requests waiting".to_owned(),
            ),
            (
                self.overflowing > first.overflowing,
                "the local members are saturated and it is no cloud member to go to".to_owned(),
            ),
            (
                self.priority > first.priority,
                format!("priority {} comes after all of {}", self.priority, first.priority),
            ),
            (
                self.spare > first.spare,
                "its weight is 0: it is used where nothing else can be".to_owned(),
            ),
            (
                self.rank > first.rank,
                format!(
                    "conditions or the nature of the request rank it {}, the first {}",
                    self.rank, first.rank
                ),
            ),
            (self.cold > first.cold, "its model is not loaded".to_owned()),
            (
                self.preference > first.preference,
                "the request's metadata prefer the provider of the first".to_owned(),
            ),
        ];
        let first = differences.into_iter().find(|(holds, _)| *holds);
        first.map(|(_, words)| words).unwrap_or_default()
    }
}

impl Strategy {
    /// Whether expected times are part of its score.
    #[must_use]
    pub fn goes_by_times(self) -> bool {
        self.measures() || self == Self::AdaptiveWeighted
    }

    /// What its score is made of, in the names of the terms.
    #[must_use]
    pub fn formula(self) -> &'static str {
        match self {
            Self::Direct | Self::ComplexityBased | Self::ContextBased => {
                "place in the order given; deployments of one model by weight"
            }
            Self::RoundRobin => "requests owed, each in turn",
            Self::Weighted => "requests owed by the wanted shares",
            Self::SimpleShuffle => "share of the weights, and drawn by it",
            Self::LeastLoaded => "reliability / (1 + load)",
            Self::UsageBased => "latency, success rate and cost, weighed and scaled to the largest",
            Self::FastestResponse => {
                "smallest wait / reliability × (1 + load)², divided by its own"
            }
            Self::MostCapacity => "reliability × (1 - load)",
            Self::QualityBased => "requests owed by the wanted shares, a third for each rank",
            Self::AdaptiveWeighted => "requests owed by the wanted shares × measured health",
        }
    }
}

//! What strategies order: one candidate deployment with the figures they read, and the chance that
//! decides between equals.

use crate::rendezvous;
use crate::rng::Rng;
use crate::table::{DeploymentId, StrategyParameters};

/// A session keeps to its deployment while that has at most this many times the mean load of its
/// equals (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018).
const BOUNDED_LOAD: f64 = 1.25;

/// Classes are used up in order, by the first difference in the order of the fields.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[allow(clippy::struct_excessive_bools)] // a list of what sets one back, compared in order
#[repr(C)] // as `key` reads it
pub struct Class {
    /// Its provider has no free slot.
    pub full: bool,
    /// Silent for far longer than usual, with requests waiting.
    pub stalled: bool,
    /// All local members of the pool are saturated and this is no cloud member to go to (R12): it is
    /// local itself, or its condition does not hold.
    pub overflowing: bool,
    /// 0 is primary.
    pub priority: u8,
    /// A weight of 0: used where nothing else can be.
    pub spare: bool,
    /// Before a strategy that goes by conditions looks at weights; smaller first.
    pub rank: u8,
    /// Its model is not loaded (R13); where the order given decides, that decides first.
    pub cold: bool,
    /// R7, among deployments of one model; smaller first.
    pub preference: u8,
}

impl Class {
    /// In the order of the classes; one comparison instead of eight.
    #[must_use]
    pub fn key(self) -> u64 {
        u64::from_be_bytes([
            u8::from(self.full),
            u8::from(self.stalled),
            u8::from(self.overflowing),
            self.priority,
            u8::from(self.spare),
            self.rank,
            u8::from(self.cold),
            self.preference,
        ])
    }
}

/// One candidate deployment.
#[derive(Debug, Clone)]
#[allow(clippy::struct_excessive_bools)] // plain facts about one candidate
pub struct Entry {
    pub deployment: DeploymentId,
    /// Place in the order given: member of the capability or pool.
    pub member: usize,
    /// Wanted share of traffic, less what errors and recovery take off.
    pub weight: f64,
    pub class: Class,
    /// Its model is not loaded.
    pub cold: bool,
    /// R7 among entries the strategy ranks equal; smaller first.
    pub preference: u8,
    /// Share of the provider's capacity in use, at least 0.
    pub load: f64,
    pub capacity: u32,
    /// What smooth weighted round robin owes it, requests.
    pub credit: f64,
    /// Expected wait for the first token (streams) or the whole answer, microseconds, above 0.
    pub latency_us: f64,
    /// Enough was measured to judge it by.
    pub seen: bool,
    /// The strategy goes by measurements and has too few of this one; set when ordering.
    pub unproven: bool,
    /// A request waits for something from it now.
    pub awaited: bool,
    /// Share of successes, 0…1.
    pub success: f64,
    /// The same against what was expected of it; 1 is as good or unseen.
    pub reliability: f64,
    /// Expected cost of this request, US dollars.
    pub cost_usd: f64,
    /// Stable hash of the deployment's id.
    pub key: u64,
    /// Set by the strategy, 0…1, larger is better.
    pub score: f64,
}

/// Between which of the candidates chance may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All: members of a pool, deployments of one model.
    All,
    /// Members of a capability where what is measured decides between models: all, though none is
    /// explored that costs more than the first.
    Measured,
    /// Deployments of one member; the order given decides between members (R4).
    Member,
}

/// What decided on the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Basis {
    /// The strategy's own order.
    #[default]
    Strategy,
    /// The session's hash, among equals.
    Affinity,
    /// A small share of traffic goes to what is not measured or not loaded.
    Exploration,
}

impl Basis {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Strategy => "strategy",
            Self::Affinity => "affinity",
            Self::Exploration => "exploration",
        }
    }
}

/// How the first came to be the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawn {
    pub basis: Basis,
    /// Its probability under this state, after all filters.
    pub propensity: f64,
}

impl Drawn {
    pub const CERTAIN: Self = Self { basis: Basis::Strategy, propensity: 1.0 };
}

/// All that strategies draw on besides the entries.
pub struct Chance<'a> {
    pub rng: &'a mut Rng,
    /// Hash of the session, where it should keep to its deployment.
    pub session: Option<u64>,
    pub scope: Scope,
    pub parameters: &'a StrategyParameters,
}

impl Chance<'_> {
    /// Which of these equals, given by index, comes first: the session's own, else one at random in
    /// proportion to weights.
    pub fn decide(&mut self, class: &[Entry], equals: &[usize]) -> (usize, Drawn) {
        let entries = || equals.iter().filter_map(|index| class.get(*index));
        if equals.len() < 2 {
            return (0, Drawn::CERTAIN);
        }
        if let Some(nth) = self.session.and_then(|session| keep_session(class, equals, session)) {
            return (nth, Drawn { basis: Basis::Affinity, propensity: 1.0 });
        }
        let total: f64 = entries().map(|entry| entry.weight).sum();
        let mut left = self.rng.unit() * total;
        let reached = entries().position(|entry| {
            left -= entry.weight;
            left < 0.0
        });
        let nth = reached.unwrap_or(equals.len() - 1);
        let weight = entries().nth(nth).map_or(total, |entry| entry.weight);
        (nth, Drawn { basis: Basis::Strategy, propensity: weight / total })
    }
}

/// Moves one entry to the front and keeps the order of the others.
pub fn to_front(entries: &mut [Entry], place: usize) {
    if let Some(upto) = entries.get_mut(..=place) {
        upto.rotate_right(1);
    }
}

/// Which of these a session belongs to, by rendezvous hashing over those not overloaded.
fn keep_session(class: &[Entry], equals: &[usize], session: u64) -> Option<usize> {
    let entries = || equals.iter().filter_map(|index| class.get(*index));
    let capacity = |entry: &Entry| f64::from(entry.capacity.max(1));
    let total: f64 = entries().map(capacity).sum();
    let used: f64 = entries().map(|entry| entry.load * capacity(entry)).sum();
    let bounded = |entry: &Entry| {
        let most = (BOUNDED_LOAD * (used + 1.0) * capacity(entry) / total).ceil();
        entry.load * capacity(entry) + 1.0 <= most
    };
    let able =
        |nth: usize| equals.get(nth).and_then(|index| class.get(*index)).is_some_and(bounded);
    rendezvous::pick_able(session, entries().map(|entry| (entry.key, entry.weight)), able)
}

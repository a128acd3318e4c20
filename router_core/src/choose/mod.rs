//! The decision itself: table, view, facts, time and seed in, an ordered plan out. It reads no clock
//! and no generator and changes nothing, so a recorded view and seed give the same choice again.

pub mod assign;
mod budgets;
mod conditions;
mod group;
mod plan;
mod scene;
mod witness;

use crate::allowance::Shortfall;
use crate::complexity::{band, work_size, Band};
use crate::delivery::Delivery;
use crate::eligibility::Skip;
use crate::facts::Facts;
use crate::resolve::{resolve, Candidates, Rule, Unresolved};
use crate::rng::Rng;
use crate::state::Charge;
use crate::strategy::{Basis, Strategy};
use crate::table::{DeploymentId, Table};
use crate::view::View;
use assign::{assign, Allocation, Assignment};
use plan::Planner;
use scene::Scene;

pub(crate) use group::Group;
pub(crate) use scene::Candidate;
pub(crate) use witness::Witness;

/// One deployment of a plan.
#[derive(Debug, Clone, PartialEq)]
pub struct Hop {
    pub deployment: DeploymentId,
    /// The strategy's score among the candidates, 0…1; `None` for a member of the fallback chain.
    pub score: Option<f64>,
    /// The request asked for a capability this hop's model does not declare.
    pub capability_lost: bool,
    /// Its provider had no free slot when the decision was made.
    pub full: bool,
}

/// Remarks for the caller.
#[derive(Debug, Clone, PartialEq)]
pub enum Note {
    Deprecated {
        used: String,
        current: String,
    },
    OverrideNotAllowed(String),
    NoRoom,
    /// A budget keeps the whole request from the cloud, or its fallback.
    StaysLocal(Shortfall),
    FallbackStaysLocal(Shortfall),
    Experiment {
        experiment: String,
        arm: String,
        allocation: Allocation,
    },
}

impl Note {
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Deprecated { used, current } => {
                format!("the name {used} is deprecated; use {current}")
            }
            Self::OverrideNotAllowed(name) => format!(
                "the strategy {name} asked for was ignored; \
                 router_settings.allow_strategy_override allows it"
            ),
            Self::StaysLocal(shortfall) => format!("stays local: {shortfall}"),
            Self::FallbackStaysLocal(shortfall) => format!("fallback stays local: {shortfall}"),
            Self::NoRoom => "every deployment of the plan is full now".to_owned(),
            Self::Experiment { experiment, arm, allocation } => {
                format!("experiment {experiment}: arm {arm} ({})", allocation.as_str())
            }
        }
    }
}

/// The outcome of `choose`: never empty.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub rule: Rule,
    pub matched: String,
    pub strategy: Strategy,
    pub band: Band,
    /// First the chosen one. Full deployments come after all that have room.
    pub plan: Vec<Hop>,
    pub skipped: Vec<(DeploymentId, Skip)>,
    /// What decided on the first hop.
    pub basis: Basis,
    /// Probability of the first hop under this state, after all filters.
    pub propensity: f64,
    pub notes: Vec<Note>,
    /// How the answer is delivered, as the rule has it.
    pub delivery: Delivery,
    /// What choosing the first hop does to traffic shares.
    pub charge: Option<Charge>,
    /// The experiment that named the candidates, where one did.
    pub assignment: Option<Assignment>,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Refusal {
    Unresolved(Unresolved),
    UnknownStrategy(String),
    UnknownChain(String),
    /// Every deployment of the rule is left out, each with its reason.
    NoneEligible {
        skipped: Vec<(DeploymentId, Skip)>,
        matched: String,
    },
}

impl From<Unresolved> for Refusal {
    fn from(unresolved: Unresolved) -> Self {
        Self::Unresolved(unresolved)
    }
}

/// Decides.
pub fn choose(
    table: &Table,
    view: &impl View,
    facts: &Facts,
    now_us: u64,
    seed: u64,
) -> Result<Choice, Refusal> {
    choose_before(&mut (), table, view, facts, now_us, seed)
}

/// The same before a witness.
pub(crate) fn choose_before(
    witness: &mut impl Witness,
    table: &Table,
    view: &impl View,
    facts: &Facts,
    now_us: u64,
    seed: u64,
) -> Result<Choice, Refusal> {
    let mut resolution = resolve(table, view, facts)?;
    let code = resolution.capability.is_some_and(|id| table.capabilities.get(id).name == "code");
    let band = band(facts, &table.complexity, code);
    let assignment = assign(table, view, facts, &resolution, band, now_us, seed);
    let mut notes = Vec::new();
    if let Some(assignment) = &assignment {
        resolution.candidates = Candidates::Model(assignment.model);
        notes.push(assignment.note(table));
    }
    if let Some((used, current)) = resolution.deprecated {
        notes.push(Note::Deprecated { used: used.to_owned(), current: current.to_owned() });
    }
    let asked = asked_strategy(table, facts, &mut notes)?;
    if let Some(chain) =
        facts.chain.as_ref().filter(|chain| !table.named_chains.contains_key(*chain))
    {
        return Err(Refusal::UnknownChain(chain.clone()));
    }
    let answer_tokens = work_size(facts, &table.complexity).saturating_sub(facts.prompt_tokens);
    let scene = Scene { table, view, facts, resolution: &resolution, band, answer_tokens, now_us };
    let mut planner = Planner::new(&scene, asked, witness);
    let mut rng = Rng::new(seed);
    planner.candidates(&mut rng);
    planner.chain(&mut rng);
    let mut choice = planner.finish(notes)?;
    choice.propensity *= assignment.map_or(1.0, |assignment| assignment.probability);
    choice.assignment = assignment;
    if let Some(allowance) = view.allowance() {
        choice.keep_within(allowance, table);
    }
    Ok(choice)
}

/// A strategy the request names, where config allows it.
fn asked_strategy(
    table: &Table,
    facts: &Facts,
    notes: &mut Vec<Note>,
) -> Result<Option<Strategy>, Refusal> {
    let Some(name) = facts.strategy.as_deref() else {
        return Ok(None);
    };
    let strategy =
        Strategy::parse(name).ok_or_else(|| Refusal::UnknownStrategy(name.to_owned()))?;
    if table.settings.allow_strategy_override {
        return Ok(Some(strategy));
    }
    notes.push(Note::OverrideNotAllowed(name.to_owned()));
    Ok(None)
}

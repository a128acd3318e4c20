//! The plan of every model, as the router itself makes it on an idle fleet for a plain request: no tools, no
//! stream, nothing that leaves a deployment out for its context. Experiments are set aside, for they would
//! put another model in the place of the one asked about.

use std::sync::Arc;

use super::assumptions::Assumptions;
use super::availability::{domains, downtime_s_per_month, unavailability, Answers, Ups};
use super::cost::{expected, worst};
use super::losses::single_points;
use super::report::{DomainReport, HopReport, ModelReport};
use crate::choose::Choice;
use crate::decision::{change_pct, Decision};
use crate::eligibility::has_capability;
use crate::facts::Facts;
use crate::ids::Arena;
use crate::router::Router;
use crate::strategy::Strategy;
use crate::table::{DeploymentId, ModelId, Table};

pub struct Plan<'t> {
    pub table: &'t Table,
    pub model: ModelId,
    /// It has an active deployment of its own.
    pub public: bool,
    /// What is tried: the plan up to the attempt limit.
    pub hops: Vec<DeploymentId>,
    /// `None` where nothing can serve it.
    decision: Option<Decision>,
}

/// What is chosen for each model. It is part of the compiled table, so that policies and analyses judge
/// the same and nothing is chosen twice.
pub fn idle_choices(table: &Table) -> Vec<Option<Choice>> {
    let asked = Table { experiments: Arena::default(), query_classes: None, ..table.clone() };
    let mut router = Router::new(Arc::new(asked), String::new());
    let facts = |name: &str| Facts { model: name.to_owned(), batch_size: 1, ..Facts::default() };
    let models = table.models.iter().map(|(_, model)| facts(&model.name));
    models.map(|facts| Some(router.explain(&facts, 0, 0).ok()?.choice)).collect()
}

pub fn plans(table: &Table) -> Vec<Plan<'_>> {
    let shared = Arc::new(table.clone());
    let choices = table.models.iter().zip(&table.idle_choices);
    choices
        .map(|((id, model), choice)| Plan {
            table,
            model: id,
            public: table.is_public(model),
            hops: table.tried(id),
            decision: choice.clone().map(|choice| decision(&shared, &model.name, choice)),
        })
        .collect()
}

fn decision(table: &Arc<Table>, model: &str, choice: Choice) -> Decision {
    Decision {
        id: String::new(),
        table: table.clone(),
        requested: model.to_owned(),
        choice,
        spender: None,
        prompt_tokens: 0,
        now_us: 0,
        seed: 0,
        permit: String::new(),
        permit_expires_us: 0,
    }
}

impl Plan<'_> {
    pub fn name(&self) -> &str {
        &self.table.models.get(self.model).name
    }

    /// What requests are sent to first, with their shares: several deployments where the strategy shares
    /// by weight, else the first of the plan.
    pub fn first_choices(&self) -> Vec<(DeploymentId, f64)> {
        let Some((first, decision)) = self.hops.first().zip(self.decision.as_ref()) else {
            return Vec::new();
        };
        let strategy = decision.choice.strategy;
        if !strategy.keeps_shares() && strategy != Strategy::SimpleShuffle {
            return vec![(*first, 1.0)];
        }
        let own = |hop: DeploymentId| self.table.deployments.get(hop);
        let candidates = decision.choice.plan.iter().zip(&self.hops);
        let equals: Vec<(DeploymentId, f64)> = candidates
            .filter(|(hop, id)| hop.score.is_some() && own(**id).priority == own(*first).priority)
            .map(|(_, id)| {
                (*id, if strategy == Strategy::RoundRobin { 1.0 } else { own(*id).weight })
            })
            .collect();
        let total: f64 = equals.iter().map(|(_, weight)| weight).sum();
        equals.into_iter().map(|(id, weight)| (id, weight / total)).collect()
    }

    pub fn report(&self, assumptions: &Assumptions) -> ModelReport {
        let model = self.table.models.get(self.model);
        let answers = Answers::of(self.table, &Ups::priors(self.table), &self.hops);
        let domains = domains(self.table, &self.hops);
        let unavailability = unavailability(&domains);
        let planned = self.decision.as_ref().map_or(0, |decision| decision.choice.plan.len());
        ModelReport {
            model: model.name.clone(),
            tier: model.tier,
            public: self.public,
            availability: 1.0 - unavailability,
            downtime_s_per_month: downtime_s_per_month(unavailability),
            single_points_of_failure: single_points(self),
            failure_domains: domains
                .into_iter()
                .map(|(domain, up)| DomainReport { failure_domain: domain.to_owned(), up })
                .collect(),
            expected: expected(self, &answers, assumptions),
            worst: worst(self, assumptions),
            plan: self
                .decision
                .iter()
                .flat_map(|decision| self.hop_reports(decision, &answers))
                .collect(),
            beyond_attempt_limit: planned - self.hops.len(),
        }
    }

    fn hop_reports<'d>(
        &'d self,
        decision: &'d Decision,
        answers: &'d Answers,
    ) -> impl Iterator<Item = HopReport> + use<'d> {
        let before = std::iter::once(None).chain(self.hops.iter().copied().map(Some));
        let hops = self.hops.iter().zip(before).zip(&answers.at_hop);
        hops.map(|((hop, before), answers)| self.hop(decision, *hop, before, *answers))
    }

    fn hop(
        &self,
        decision: &Decision,
        hop: DeploymentId,
        before: Option<DeploymentId>,
        answers: f64,
    ) -> HopReport {
        let table = self.table;
        let asked = table.models.get(self.model).capabilities;
        let deployment = table.deployments.get(hop);
        let provider = table.provider_of(hop);
        let own = table.capabilities.iter().filter(|(id, _)| asked.contains(*id));
        let (kept, lost): (Vec<_>, Vec<_>) = own.partition(|(id, _)| {
            deployment.model.is_none() || has_capability(table, deployment, *id)
        });
        let names = |found: Vec<(_, &crate::table::Capability)>| {
            found.into_iter().map(|(_, capability)| capability.name.clone()).collect()
        };
        HopReport {
            model: decision.model_name(hop).to_owned(),
            provider: provider.id.clone(),
            failure_domain: provider.failure_domain.clone(),
            tier: deployment.model.map(|model| table.models.get(model).tier),
            answers,
            param_change_pct: decision.param_change_pct(hop),
            param_step_pct: before.and_then(|before| {
                Some(change_pct(decision.parameters(before)?, decision.parameters(hop)?))
            }),
            capabilities_kept: names(kept),
            capabilities_lost: names(lost),
        }
    }
}

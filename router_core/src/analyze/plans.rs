//! The plan of every model, as the router itself makes it on an idle fleet for a plain request: no tools, no
//! stream, nothing that leaves a deployment out for its context. Experiments are set aside, for they would
//! put another model in the place of the one asked about.

use std::sync::Arc;

use super::assumptions::Assumptions;
use super::availability::{domains, downtime_s_per_month, unavailability, Answers, Ups};
use super::cost::{expected, worst};
use super::losses::single_points;
use super::report::{DomainReport, HopReport, ModelReport};
use crate::decision::{change_pct, Decision};
use crate::eligibility::has_capability;
use crate::facts::Facts;
use crate::ids::Arena;
use crate::router::Router;
use crate::strategy::Strategy;
use crate::table::{DeploymentId, Model, ModelId, Table};

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

pub fn plans(table: &Table) -> Vec<Plan<'_>> {
    let asked = Table { experiments: Arena::default(), query_classes: None, ..table.clone() };
    let mut router = Router::new(Arc::new(asked), String::new());
    let models = table.models.iter();
    models
        .map(|(id, model)| {
            let facts = Facts { model: model.name.clone(), batch_size: 1, ..Facts::default() };
            let decision = router.explain(&facts, 0, 0).ok();
            let hops = decision.iter().flat_map(|decision| &decision.choice.plan);
            let limit = usize::from(table.settings.max_attempts);
            Plan {
                table,
                model: id,
                public: is_public(table, model),
                hops: hops.map(|hop| hop.deployment).take(limit).collect(),
                decision,
            }
        })
        .collect()
}

/// Whether the model has an active deployment of its own.
pub fn is_public(table: &Table, model: &Model) -> bool {
    model.deployments.iter().any(|own| table.deployments.get(*own).enabled)
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

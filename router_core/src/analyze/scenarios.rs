//! What is left when much is down at once: all of the cloud, all of this place, two failure domains, or what the
//! caller names. Figures are conditional on that being down.

use std::collections::BTreeSet;

use serde::Serialize;

use super::availability::{Answers, Ups};
use super::plans::Plan;
use super::traffic::{by_provider, named, Flow, ProviderShare};
use crate::table::{Location, Provider, Table};

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ScenarioReport {
    /// Names of providers, failure domains and locations.
    pub down: Vec<String>,
    /// Public models that nothing can answer for.
    pub lost: Vec<String>,
    /// Of the other public models.
    pub lowest_availability: Option<f64>,
    pub lowest_availability_model: Option<String>,
    /// Of all requests, those that are answered.
    pub answered: f64,
    /// Of all requests, by the provider that answers.
    pub traffic: Vec<ProviderShare>,
}

/// The scenario a caller named, with what it leaves to each model.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DownReport {
    #[serde(flatten)]
    pub whole: ScenarioReport,
    pub models: Vec<ModelLeft>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ModelLeft {
    pub model: String,
    pub availability: f64,
    pub expected_attempts: f64,
}

/// What is looked at for every scenario.
pub struct Scenarios<'p> {
    pub table: &'p Table,
    /// Of public models.
    pub plans: &'p [&'p Plan<'p>],
    pub flows: &'p [Flow],
}

impl Scenarios<'_> {
    /// All of the cloud, all that is local, and each pair of failure domains on which some model stands.
    #[must_use]
    pub fn built_in(&self) -> Vec<ScenarioReport> {
        let located = |location: Location| {
            let all = self.table.providers.iter();
            all.map(|(_, provider)| provider).any(|provider| provider.location == location)
        };
        let locations = [Location::Cloud, Location::Local].into_iter().filter(|at| located(*at));
        let locations = locations.map(|at| vec![at.as_str().to_owned()]);
        locations.chain(self.pairs()).map(|down| self.report(&down)).collect()
    }

    /// Both domains of each plan that has two; who has one is a single point of failure already.
    fn pairs(&self) -> BTreeSet<Vec<String>> {
        let of = |plan: &&Plan<'_>| {
            let hops = plan.hops.iter();
            hops.map(|hop| self.table.provider_of(*hop).failure_domain.clone()).collect()
        };
        let domains = self.plans.iter().map(of);
        domains
            .filter(|domains: &BTreeSet<String>| domains.len() == 2)
            .map(|domains| domains.into_iter().collect())
            .collect()
    }

    #[must_use]
    pub fn down(&self, down: &[String]) -> DownReport {
        let ups = self.ups(down);
        let left = self.plans.iter().map(|plan| {
            let answers = Answers::of(self.table, &ups, &plan.hops);
            ModelLeft {
                model: plan.name().to_owned(),
                availability: 1.0 - answers.never,
                expected_attempts: answers.attempts(),
            }
        });
        DownReport { models: left.collect(), whole: self.report(down) }
    }

    /// Every provider that carries one of the names, as its own or as its domain's or its location's.
    fn ups(&self, down: &[String]) -> Ups {
        Ups::given_down(self.table, |provider: &Provider| {
            let own = [&provider.id, &provider.failure_domain];
            let location = provider.location.as_str();
            down.iter().any(|name| own.contains(&name) || name == location)
        })
    }

    fn report(&self, down: &[String]) -> ScenarioReport {
        let ups = self.ups(down);
        let answers = |hops: &[_]| Answers::of(self.table, &ups, hops);
        let never = self.plans.iter().map(|plan| (plan.name(), answers(&plan.hops)));
        let (lost, left): (Vec<_>, Vec<_>) = never.partition(|(_, found)| found.is_never());
        let lowest = left.iter().min_by(|(_, one), (_, other)| other.never.total_cmp(&one.never));
        let parts = self.flows.iter().flat_map(|flow| {
            let at_hop = answers(&flow.hops).at_hop;
            flow.hops.iter().zip(at_hop).map(|(hop, answers)| (*hop, flow.share * answers))
        });
        let shares = by_provider(self.table, parts);
        ScenarioReport {
            down: down.to_vec(),
            lost: lost.iter().map(|(name, _)| (*name).to_owned()).collect(),
            lowest_availability: lowest.map(|(_, found)| 1.0 - found.never),
            lowest_availability_model: lowest.map(|(name, _)| (*name).to_owned()),
            answered: shares.iter().sum(),
            traffic: named(self.table, &shares),
        }
    }
}

//! How often a plan has something to answer with, from the providers' priors, by failure domains.
//!
//! A prior is all that is known of a provider p: the share of time a(p) in which it is up, for whatever
//! reason it is not. A failure domain says that its members fail together, and the priors bound how much:
//! both p and q are down for at most min(1 - a(p), 1 - a(q)) of the time. Here they always are, as if one
//! uniform draw U per domain decided, with p up while U < a(p). That keeps every prior exactly, and of all
//! readings that do it is the one that makes plans least available. So a domain D still serves a plan with
//!
//! up(D) = max of a(p) over the plan's providers p in D,
//!
//! and domains are independent of each other. The plan has no answer in the one state in which all of its
//! domains are down, which has the probability
//!
//! unavailability = product of (1 - up(D)) over the plan's domains D,
//!
//! and the availability is what is left of 1. Enumerating all states of the domains and adding up those with
//! an answer gives the same; a test does. To count two members of a domain as independent would multiply
//! (1 - a(p)) (1 - a(q)) and promise too much.
//!
//! The hop that answers is the first that is up. Hop k of provider p in domain D is that where U of D is at
//! least the best a of the hops before it there, and below a(p), while the other domains of hops before it are
//! down; see [`Answers`]. To multiply the priors of single hops would give a domain's second member a chance
//! that it does not have.
//!
//! Given that some providers are down, what is left of a domain's draw is its part from the largest of their
//! priors on. Stretched back to 0…1 it is a draw like any other, with smaller priors: [`Ups::given_down`].
//!
//! What the figures leave out: a provider that is up and refuses (full, rate limited, context too small), the
//! deadline, and deployments past the attempt limit, which a walk reaches where it skips some before.

use rustc_hash::FxHashMap;

use crate::table::{DeploymentId, Provider, ProviderId, Table};

/// Seconds of a month of 30 days.
const MONTH_S: f64 = 30.0 * 24.0 * 3_600.0;

/// The plan's failure domains in its order, each with the share of time in which it serves the plan.
#[must_use]
pub fn domains<'t>(table: &'t Table, hops: &[DeploymentId]) -> Vec<(&'t str, f64)> {
    let mut domains: Vec<(&str, f64)> = Vec::new();
    for hop in hops {
        let provider = table.provider_of(*hop);
        let (name, up) = (provider.failure_domain.as_str(), provider.availability);
        match domains.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = known.max(up),
            None => domains.push((name, up)),
        }
    }
    domains
}

/// Share of time in which all domains are down; 1 for a plan without any.
#[must_use]
pub fn unavailability(domains: &[(&str, f64)]) -> f64 {
    domains.iter().map(|(_, up)| 1.0 - up).product()
}

#[must_use]
pub fn downtime_s_per_month(unavailability: f64) -> f64 {
    unavailability * MONTH_S
}

/// The share of time in which each provider is up, by its index.
pub struct Ups(Vec<f64>);

impl Ups {
    #[must_use]
    pub fn priors(table: &Table) -> Self {
        Self(table.providers.iter().map(|(_, provider)| provider.availability).collect())
    }

    /// The same while those that `is_down` says are down. Who is up no oftener than one of them is, in
    /// the same domain, is down with it.
    #[must_use]
    pub fn given_down(table: &Table, is_down: impl Fn(&Provider) -> bool) -> Self {
        let mut downs: FxHashMap<&str, f64> = FxHashMap::default();
        for (_, provider) in table.providers.iter().filter(|(_, provider)| is_down(provider)) {
            let down = downs.entry(&provider.failure_domain).or_insert(0.0);
            *down = down.max(provider.availability);
        }
        let up = |provider: &Provider| match downs.get(provider.failure_domain.as_str()) {
            None => provider.availability,
            Some(down) if provider.availability > *down => {
                (provider.availability - down) / (1.0 - down)
            }
            Some(_) => 0.0,
        };
        Self(table.providers.iter().map(|(_, provider)| up(provider)).collect())
    }

    #[must_use]
    pub fn of(&self, provider: ProviderId) -> f64 {
        self.0.get(provider.index()).copied().unwrap_or(0.0)
    }
}

/// By hop, the probability that it is the first that is up; and the one that none is.
pub struct Answers {
    pub at_hop: Vec<f64>,
    pub never: f64,
}

impl Answers {
    #[must_use]
    pub fn of(table: &Table, ups: &Ups, hops: &[DeploymentId]) -> Self {
        // Of the domains of the hops so far, the best that is up there.
        let mut tried: Vec<(&str, f64)> = Vec::new();
        let mut at_hop = Vec::with_capacity(hops.len());
        for hop in hops {
            let domain = table.provider_of(*hop).failure_domain.as_str();
            let up = ups.of(table.deployments.get(*hop).provider);
            let others = tried.iter().filter(|(known, _)| *known != domain);
            let others_down: f64 = others.map(|(_, best)| 1.0 - best).product();
            let place = tried.iter().position(|(known, _)| *known == domain);
            let place = place.unwrap_or_else(|| {
                tried.push((domain, 0.0));
                tried.len() - 1
            });
            let Some((_, best)) = tried.get_mut(place) else { continue };
            at_hop.push((up - *best).max(0.0) * others_down);
            *best = best.max(up);
        }
        Self { at_hop, never: unavailability(&tried) }
    }

    /// Expected attempts: all of the plan where none is up.
    #[must_use]
    pub fn attempts(&self) -> f64 {
        let until =
            self.at_hop.iter().enumerate().map(|(failed, share)| share * (failed + 1) as f64);
        until.sum::<f64>() + self.never * self.at_hop.len() as f64
    }

    /// Whether no hop is ever up.
    #[must_use]
    pub fn is_never(&self) -> bool {
        self.at_hop.iter().all(|share| *share <= 0.0)
    }
}

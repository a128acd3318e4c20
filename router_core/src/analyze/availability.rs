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
//! What the figures leave out: a provider that is up and refuses (full, rate limited, context too small), the
//! deadline, and deployments past the attempt limit, which a walk reaches where it skips some before.

use crate::table::{DeploymentId, Table};

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

//! How often a plan has something to answer with, from the providers' priors, by failure domains.
//!
//! A prior is all that is known of a provider: the share of time a_p in which it is up, for whatever reason
//! it is not. A failure domain says that its members fail together, and the priors bound how much: of
//! providers p and q both are down for at most min(1 - a_p, 1 - a_q) of the time. Here they always are
//! (one uniform U per domain, p is up while U <= a_p): every prior is kept exactly, and no other reading
//! of "together" that keeps them makes a plan less available. So a domain D still serves a plan with
//!
//! up(D) = max a_p over the plan's providers p in D,
//!
//! and domains are independent of each other. The plan has no answer in the one state where all of its
//! domains are down, which has the probability
//!
//! unavailability = product of (1 - up(D)) over the plan's domains D,
//!
//! and the availability is what is left of 1. Enumerating all states of the domains and adding up those with
//! an answer gives the same; a test does. Counting two members of a domain as independent would multiply
//! (1 - a_p)(1 - a_q) and promise too much.
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

//! Waiting at a given rate: every provider as a queue of its own, and again with each place lost and its traffic
//! moved on to the next hop of each plan. This is where a herd shows that tramples whom it flees to.
//!
//! A provider is M/M/c: requests come at random at the rate lambda, each holds one of c slots (its capacity)
//! for a random time of mean S, and who finds none free waits. With a = lambda S (the offered load, in erlangs) and
//! the utilisation a / c below 1, a request has to wait with Erlang's C (Erlang, 1917; Kleinrock, Queueing Systems,
//! volume 1, 1975, section 3.5),
//!
//! C = (a^c / c!) c / (c - a) / (sum of a^k / k! for k < c, + (a^c / c!) c / (c - a)),
//!
//! and waits C S / (c - a) in the mean over all requests. From 1 on the queue grows without end.

use serde::Serialize;

use super::assumptions::Assumptions;
use super::losses::{places, Place};
use super::report::PlaceKind;
use super::traffic::{by_provider, Flow};
use crate::simulate::MS_PER_OUTPUT_TOKEN;
use crate::table::{DeploymentId, Provider, Table};

/// Differences below this share are the last digits' alone.
const ROUNDING: f64 = 1e-12;

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct QueueingReport {
    pub rate_per_s: f64,
    /// The share of its capacity that each should stay below.
    pub utilisation_wanted: f64,
    /// Active providers.
    pub providers: Vec<LoadReport>,
    /// Each place that traffic goes to first, lost in turn.
    pub losses: Vec<LossReport>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadReport {
    #[serde(flatten)]
    pub load: Load,
    /// Seconds a request holds a slot, in the mean.
    pub service_s: f64,
    pub capacity: u32,
    /// To stay below the utilisation wanted while nothing is lost, and whatever single place is.
    pub capacity_needed: u64,
    pub capacity_needed_after_loss: u64,
    /// The loss that brings it the most load; `None` where none brings any.
    pub worst_loss: Option<String>,
    pub worst_utilisation: f64,
}

/// What a provider is to do, and the wait for a slot there.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Load {
    pub provider: String,
    pub rate_per_s: f64,
    pub utilisation: f64,
    /// Utilisation is 1 or more.
    pub overloaded: bool,
    /// `None` where it is overloaded.
    pub wait_probability: Option<f64>,
    pub mean_wait_ms: Option<f64>,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LossReport {
    pub kind: PlaceKind,
    pub name: String,
    pub moved_per_s: f64,
    /// Of those, what has no other hop to go to.
    pub unserved_per_s: f64,
    /// Who gets more, with all it has to do then.
    pub receivers: Vec<Load>,
}

#[must_use]
pub fn queueing(
    table: &Table,
    flows: &[Flow],
    rate_per_s: f64,
    assumptions: &Assumptions,
) -> QueueingReport {
    let all = table.providers.iter();
    let servers = all.map(|(_, provider)| Server::new(provider, assumptions)).collect();
    let fleet = Fleet { table, servers, flows, rate_per_s };
    let usual = fleet.rates(|_| false);
    let losses: Vec<Loss> = lost_in_turn(table)
        .into_iter()
        .map(|place| Loss { place, rates: fleet.rates(|hop| place.holds(table, hop)) })
        .collect();
    let reports = losses.iter().map(|loss| fleet.loss(loss, &usual));
    let servers = fleet.servers.iter().enumerate();
    QueueingReport {
        rate_per_s,
        utilisation_wanted: assumptions.utilisation,
        losses: reports.filter(|report| report.moved_per_s > 0.0).collect(),
        providers: servers
            .filter(|(_, server)| server.provider.active)
            .map(|(index, server)| {
                server.report(at(&usual, index), worst(&losses, index), assumptions.utilisation)
            })
            .collect(),
    }
}

/// Every provider, and every failure domain of more than one that is active.
fn lost_in_turn(table: &Table) -> Vec<Place<'_>> {
    let active = table.providers.iter().filter(|(_, own)| own.active);
    let domains: Vec<&str> = active.map(|(_, own)| own.failure_domain.as_str()).collect();
    let many = |name: &str| domains.iter().filter(|domain| **domain == name).count() > 1;
    let mut places = places(table);
    places.retain(|place| match place {
        Place::Provider(..) => true,
        Place::FailureDomain(name) => many(name),
    });
    places
}

/// A place that is lost, and what each provider gets then.
struct Loss<'t> {
    place: Place<'t>,
    rates: Vec<f64>,
}

fn at(rates: &[f64], index: usize) -> f64 {
    rates.get(index).copied().unwrap_or(0.0)
}

/// The loss that brings this provider the most, the first of equals, with what it brings.
fn worst<'l>(losses: &'l [Loss<'_>], index: usize) -> Option<(Place<'l>, f64)> {
    let brought = losses.iter().map(|loss| (loss.place, at(&loss.rates, index)));
    brought.reduce(|worst, next| if next.1 > worst.1 { next } else { worst })
}

struct Fleet<'t> {
    table: &'t Table,
    /// By the provider's index.
    servers: Vec<Server<'t>>,
    flows: &'t [Flow],
    rate_per_s: f64,
}

impl Fleet<'_> {
    /// Requests a second that each provider gets: every request goes to its first hop that is not lost.
    fn rates(&self, lost: impl Fn(DeploymentId) -> bool) -> Vec<f64> {
        let parts = self.flows.iter().filter_map(|flow| {
            let hop = flow.hops.iter().find(|hop| !lost(**hop))?;
            Some((*hop, self.rate_per_s * flow.share))
        });
        by_provider(self.table, parts)
    }

    fn loss(&self, loss: &Loss<'_>, usual: &[f64]) -> LossReport {
        let before = usual.iter().zip(&loss.rates);
        let moved = before.clone().map(|(before, after)| (before - after).max(0.0)).sum();
        let received = before.map(|(before, after)| (after - before).max(0.0));
        let unserved: f64 = moved - received.clone().sum::<f64>();
        let receivers = self.servers.iter().zip(&loss.rates).zip(received);
        LossReport {
            kind: loss.place.kind(),
            name: loss.place.name(),
            moved_per_s: moved,
            unserved_per_s: if unserved > ROUNDING * moved { unserved } else { 0.0 },
            receivers: receivers
                .filter(|(_, received)| *received > ROUNDING * moved)
                .map(|((server, rate), _)| server.load(*rate))
                .collect(),
        }
    }
}

struct Server<'t> {
    provider: &'t Provider,
    service_s: f64,
}

impl<'t> Server<'t> {
    /// Without a time given: the prior to the first token, then the simulator's pace for the rest.
    fn new(provider: &'t Provider, assumptions: &Assumptions) -> Self {
        let further = f64::from(assumptions.answer_tokens.saturating_sub(1));
        let prior_ms = provider.ttft_prior_us as f64 / 1_000.0;
        let derived_s = (prior_ms + further * MS_PER_OUTPUT_TOKEN) / 1_000.0;
        Self { provider, service_s: assumptions.service_s.unwrap_or(derived_s) }
    }

    fn offered(&self, rate_per_s: f64) -> f64 {
        rate_per_s * self.service_s
    }

    fn utilisation(&self, rate_per_s: f64) -> f64 {
        self.offered(rate_per_s) / f64::from(self.provider.capacity)
    }

    fn load(&self, rate_per_s: f64) -> Load {
        let (capacity, offered) = (self.provider.capacity, self.offered(rate_per_s));
        let waits = erlang_c(capacity, offered);
        let mean = |waits: f64| waits * self.service_s / (f64::from(capacity) - offered) * 1_000.0;
        Load {
            provider: self.provider.id.clone(),
            rate_per_s,
            utilisation: self.utilisation(rate_per_s),
            overloaded: waits.is_none(),
            wait_probability: waits,
            mean_wait_ms: waits.map(mean),
        }
    }

    fn report(&self, usual: f64, worst: Option<(Place<'_>, f64)>, wanted: f64) -> LoadReport {
        let worst = worst.filter(|(_, rate)| *rate > usual * (1.0 + ROUNDING));
        let most = worst.map_or(usual, |(_, rate)| rate);
        LoadReport {
            load: self.load(usual),
            service_s: self.service_s,
            capacity: self.provider.capacity,
            capacity_needed: capacity_needed(self.offered(usual), wanted),
            capacity_needed_after_loss: capacity_needed(self.offered(most), wanted),
            worst_loss: worst.map(|(place, _)| place.name()),
            worst_utilisation: self.utilisation(most),
        }
    }
}

/// The fewest slots whose utilisation is at most the one wanted.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates, as wanted
fn capacity_needed(offered: f64, wanted: f64) -> u64 {
    (offered / wanted * (1.0 - ROUNDING)).ceil() as u64
}

/// The probability that a request has to wait for one of `servers` slots; `None` where they are overloaded.
fn erlang_c(servers: u32, offered: f64) -> Option<f64> {
    let capacity = f64::from(servers);
    if offered >= capacity {
        return None;
    }
    let blocked = erlang_b(servers, offered);
    Some(capacity * blocked / (capacity - offered * (1.0 - blocked)))
}

/// Erlang's B, the probability that all are busy where nobody waits, as 1 over the sum of the products of
/// (c - i) / a for i < j, over all j up to c: no factorial that overflows, and it ends once nothing is added.
fn erlang_b(servers: u32, offered: f64) -> f64 {
    let (mut term, mut sum) = (1.0, 1.0);
    for busy in (1..=servers).rev() {
        term *= f64::from(busy) / offered;
        sum += term;
        if sum.is_infinite() || term < sum * f64::EPSILON {
            break;
        }
    }
    1.0 / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The formula as it is written, term by term.
    fn by_the_book(servers: u32, offered: f64) -> f64 {
        let power = |k: u32| (1..=k).map(|i| offered / f64::from(i)).product::<f64>();
        let capacity = f64::from(servers);
        let waiting = power(servers) * capacity / (capacity - offered);
        waiting / ((0..servers).map(power).sum::<f64>() + waiting)
    }

    #[test]
    fn erlang_c_is_the_sum_it_stands_for() {
        for servers in 1..=100 {
            for utilisation in [0.001, 0.1, 0.5, 0.7, 0.9, 0.99, 0.9999] {
                let offered = utilisation * f64::from(servers);
                let (found, sum) =
                    (erlang_c(servers, offered).unwrap(), by_the_book(servers, offered));
                let close = (found - sum).abs() <= 1e-12 * sum.max(1e-290);
                assert!(close, "{servers} {offered}: {found} {sum}");
            }
        }
    }

    #[test]
    fn erlang_c_has_the_values_of_the_tables() {
        for (servers, offered, told) in [
            (1, 0.5, 0.5),
            (2, 1.0, 0.3333),
            (2, 1.5, 0.6429),
            (3, 2.0, 0.4444),
            (5, 4.0, 0.5541),
            (10, 8.0, 0.4092),
            (14, 10.0, 0.1741),
        ] {
            let found = erlang_c(servers, offered).unwrap();
            assert!((found - told).abs() < 5e-5, "{servers} {offered}: {found}");
        }
    }

    #[test]
    fn nothing_waits_without_load_and_an_overloaded_queue_has_no_wait() {
        assert_eq!(erlang_c(4, 0.0), Some(0.0));
        assert_eq!(erlang_c(4, 4.0), None);
        assert_eq!(erlang_c(1_000_000, 1_000.0), Some(0.0));
        let large = erlang_c(1_000_000, 999_000.0).unwrap();
        assert!(large > 0.0 && large < 1.0, "{large}");
    }

    #[test]
    fn the_capacity_needed_is_the_least_that_is_enough() {
        assert_eq!(capacity_needed(0.0, 0.7), 0);
        assert_eq!(capacity_needed(4.9, 0.7), 7);
        assert_eq!(capacity_needed(4.91, 0.7), 8);
        assert_eq!(capacity_needed(7.0, 1.0), 7);
    }
}

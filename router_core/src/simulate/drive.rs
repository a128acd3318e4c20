//! One run: the real router against the modelled fleet, event by event. It does what the service does
//! around the core, and takes no decision of its own.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::agenda::{Agenda, Event};
use super::arrivals::Times;
use super::draws::{keyed, Stream};
use super::provider::{Luck, ModelledProvider, Reception};
use super::tally::{Ended, Tally};
use super::workload::{Request, Workload};
use crate::outcome::{Delivered, Outcome, OutcomeClass};
use crate::router::{Journey, NextStep, Router};
use crate::table::{DeploymentId, Table};

/// The router's clock at the start: far from 0, which stands for never.
const START_US: u64 = 1_000_000_000;
/// Between two ticks of the service.
const TICK_US: u64 = 1_000_000;

/// What one run is made of.
pub struct Setup<'s> {
    pub table: Arc<Table>,
    pub workload: &'s Workload,
    pub times: Times,
    pub fleet: Vec<ModelledProvider>,
    pub strategy: Option<&'s str>,
    pub seed: u64,
    pub deadline_us: u64,
    pub slo_ttft_us: u64,
    /// Requests stop arriving.
    pub end_us: u64,
}

/// What a run leaves behind.
pub struct Ran {
    pub tally: Tally,
    pub fleet: Vec<ModelledProvider>,
    /// Requests the router still holds in flight.
    pub held: u64,
}

/// A request under way.
struct Underway {
    request: Request,
    journey: Journey,
    /// One, or two while one is hedged.
    running: Vec<Attempt>,
    previous: Option<DeploymentId>,
    /// From the request's arrival.
    first_token_us: Option<u64>,
}

struct Attempt {
    /// As the walk counts, from 1.
    number: usize,
    deployment: DeploymentId,
    provider: usize,
    started_us: u64,
    streamed: bool,
    first_token_us: Option<u64>,
    luck: Luck,
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Reached nothing that works on it.
    Nowhere,
    Queue,
    Slot,
}

pub struct Drive<'s> {
    setup: Setup<'s>,
    router: Router,
    agenda: Agenda,
    underway: FxHashMap<u64, Underway>,
    tally: Tally,
    arrived: u64,
    now_us: u64,
}

/// Drives a run to the end of its last request.
pub fn drive(setup: Setup<'_>) -> Ran {
    let router = Router::new(setup.table.clone(), "simulation".to_owned());
    let mut drive = Drive {
        tally: Tally::new(&setup.table, setup.slo_ttft_us),
        setup,
        router,
        agenda: Agenda::default(),
        underway: FxHashMap::default(),
        arrived: 0,
        now_us: 0,
    };
    drive.expect_arrival();
    drive.agenda.at(TICK_US, Event::Tick);
    while let Some((at_us, event)) = drive.agenda.next() {
        drive.turn_clock(at_us);
        drive.happen(event);
    }
    let held = drive.router.in_flight().iter().map(|(_, count)| u64::from(*count)).sum();
    Ran { tally: drive.tally, fleet: drive.setup.fleet, held }
}

impl Drive<'_> {
    // ── Time ────────────────────────────────────────────────────────────────────────────────────

    /// The use of slots is counted until requests stop arriving.
    fn turn_clock(&mut self, at_us: u64) {
        if self.now_us < self.setup.end_us && at_us >= self.setup.end_us {
            for provider in &mut self.setup.fleet {
                provider.account(self.setup.end_us);
            }
            self.tally.close_window(&self.setup.fleet, self.setup.end_us);
        }
        self.now_us = at_us;
    }

    fn router_now(&self) -> u64 {
        START_US + self.now_us
    }

    fn expect_arrival(&mut self) {
        let request =
            self.setup.times.next().and_then(|a| self.setup.workload.request(self.arrived, a));
        if let Some(request) = request {
            self.arrived += 1;
            self.agenda.at(request.at_us, Event::Arrival(request));
        }
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival(request) => self.arrive(request),
            Event::Resume { request } => {
                if let Some(mut underway) = self.underway.remove(&request) {
                    self.router.resume(&mut underway.journey, START_US + self.now_us);
                    self.follow(underway);
                }
            }
            Event::Error { request, attempt, class, retry_after_us } => {
                self.end_attempt(request, attempt, class, retry_after_us);
            }
            Event::FirstToken { request, attempt } => self.first_token(request, attempt),
            Event::Answer { request, attempt } => {
                self.end_attempt(request, attempt, OutcomeClass::Success, None);
            }
            Event::Slow { request, attempt } => self.slow(request, attempt),
            Event::Silent { request, attempt } => self.silent(request, attempt),
            Event::Deadline { request, attempt } => {
                self.end_attempt(request, attempt, OutcomeClass::Deadline, None);
            }
            Event::Tick => {
                self.router.tick(self.router_now());
                if self.now_us < self.setup.end_us || !self.underway.is_empty() {
                    self.agenda.at(self.now_us + TICK_US, Event::Tick);
                }
            }
        }
    }

    // ── Requests ────────────────────────────────────────────────────────────────────────────────

    fn arrive(&mut self, request: Request) {
        self.expect_arrival();
        self.tally.offered(&request);
        let facts = self.setup.workload.facts(&request, self.setup.strategy);
        let seed = keyed(self.setup.seed, Stream::Decision, &[request.number]).next_u64();
        let now_us = self.router_now();
        match self.router.begin(&facts, now_us, seed, now_us + self.setup.deadline_us) {
            Ok(journey) => self.follow(Underway {
                request,
                journey,
                running: Vec::with_capacity(2),
                previous: None,
                first_token_us: None,
            }),
            Err(refused) => self.tally.refused(&refused),
        }
    }

    /// Does what the walk says.
    fn follow(&mut self, mut underway: Underway) {
        let request = underway.request.number;
        match underway.journey.step.clone() {
            NextStep::Try { number, deployment, streamed, hedge_after_us, .. } => {
                if let Some(us) = hedge_after_us {
                    self.agenda.at(self.now_us + us, Event::Slow { request, attempt: number });
                }
                self.try_deployment(&mut underway, number, deployment, streamed);
                self.underway.insert(request, underway);
            }
            NextStep::Await => {
                self.underway.insert(request, underway);
            }
            NextStep::Wait { us } => {
                self.agenda.at(self.now_us + us, Event::Resume { request });
                self.underway.insert(request, underway);
            }
            NextStep::Done => self.answered(&underway),
            NextStep::Fail { failure, .. } => self.tally.failed(failure.code()),
        }
    }

    fn answered(&mut self, underway: &Underway) {
        let Some(deployment) = underway.previous else { return };
        let total_us = self.now_us - underway.request.at_us;
        self.tally.answered(&Ended {
            request: &underway.request,
            model: underway.journey.decision.model_name(deployment),
            deployment,
            table: &self.setup.table,
            ttft_us: underway.first_token_us.filter(|_| underway.request.streamed),
            total_us,
            in_time: total_us <= self.setup.deadline_us,
        });
    }

    // ── Attempts ────────────────────────────────────────────────────────────────────────────────

    fn try_deployment(
        &mut self,
        underway: &mut Underway,
        attempt: usize,
        deployment: DeploymentId,
        streamed: bool,
    ) {
        let request = underway.request.number;
        let entry = self.setup.table.deployments.get(deployment);
        let (provider, limits) =
            (entry.provider.index(), self.setup.table.providers.get(entry.provider).limits);
        self.tally.attempted(deployment, provider, underway.previous);
        underway.previous = Some(deployment);
        let deadline_us = underway.request.at_us + self.setup.deadline_us;
        self.agenda.at(deadline_us, Event::Deadline { request, attempt });
        if streamed {
            self.agenda.at(self.now_us + limits.first_token_us, Event::Silent { request, attempt });
        }
        let Some(modelled) = self.setup.fleet.get_mut(provider) else { return };
        let luck = modelled.luck(self.setup.seed, request, attempt, provider);
        let reception = modelled.receive(request, luck, self.now_us);
        let place = match reception {
            Reception::Served => Place::Slot,
            Reception::Queued => Place::Queue,
            Reception::Answered { .. } | Reception::Silence => Place::Nowhere,
        };
        underway.running.push(Attempt {
            number: attempt,
            deployment,
            provider,
            started_us: self.now_us,
            streamed,
            first_token_us: None,
            luck,
            place,
        });
        match reception {
            Reception::Served => serve(underway, provider, modelled, &mut self.agenda, self.now_us),
            Reception::Answered { class, after_us, retry_after_us } => {
                let error = Event::Error { request, attempt, class, retry_after_us };
                self.agenda.at(self.now_us + after_us, error);
            }
            Reception::Queued | Reception::Silence => {}
        }
    }

    /// The first one wins the race; whoever ran beside it is cancelled.
    fn first_token(&mut self, request: u64, attempt: usize) {
        let now_us = self.router_now();
        let Some(underway) = self.underway.get_mut(&request) else { return };
        let mut running = underway.running.iter_mut();
        let Some(running) = running.find(|running| running.number == attempt) else { return };
        running.first_token_us = Some(self.now_us - running.started_us);
        underway.previous = Some(running.deployment);
        underway.first_token_us = Some(self.now_us - underway.request.at_us);
        self.router.first_token(&underway.journey, attempt, now_us);
        let others = underway.running.iter().map(|running| running.number);
        for loser in others.filter(|other| *other != attempt).collect::<Vec<_>>() {
            self.end_attempt(request, loser, OutcomeClass::Cancelled, None);
        }
    }

    fn slow(&mut self, request: u64, attempt: usize) {
        if self.has_content(request, attempt) {
            return;
        }
        if let Some(mut underway) = self.underway.remove(&request) {
            if underway.running.iter().any(|running| running.number == attempt) {
                self.router.hedge(&mut underway.journey, START_US + self.now_us);
                self.follow(underway);
            } else {
                self.underway.insert(request, underway);
            }
        }
    }

    fn silent(&mut self, request: u64, attempt: usize) {
        if !self.has_content(request, attempt) {
            self.end_attempt(request, attempt, OutcomeClass::Silent, None);
        }
    }

    fn has_content(&self, request: u64, attempt: usize) -> bool {
        let running = self.underway.get(&request).map(|underway| underway.running.iter());
        let own = running.and_then(|mut running| running.find(|one| one.number == attempt));
        own.is_some_and(|attempt| attempt.first_token_us.is_some())
    }

    /// Ends an attempt, if it still runs, and goes on as the walk says.
    fn end_attempt(
        &mut self,
        request: u64,
        attempt: usize,
        class: OutcomeClass,
        retry_after_us: Option<u64>,
    ) {
        let Some(mut underway) = self.underway.remove(&request) else { return };
        let place = underway.running.iter().position(|running| running.number == attempt);
        let Some(running) = place.map(|place| underway.running.remove(place)) else {
            self.underway.insert(request, underway);
            return;
        };
        self.leave(&running, request);
        self.tally.attempt_ended(running.provider, class);
        let success = class == OutcomeClass::Success;
        let total_us = self.now_us - running.started_us;
        let outcome = Outcome {
            // The first content of a whole answer is all of it.
            ttft_us: running.first_token_us.or(success.then_some(total_us)),
            total_us,
            prompt_tokens: success.then_some(underway.request.prompt_tokens),
            completion_tokens: success.then_some(underway.request.output_tokens),
            retry_after_us,
            delivered: running
                .first_token_us
                .filter(|_| underway.request.streamed)
                .map(|_| Delivered::Text),
            ..Outcome::of(class)
        };
        let now_us = self.router_now();
        self.router.finish(&mut underway.journey, attempt, &outcome, now_us);
        self.follow(underway);
    }

    /// Gives back what the attempt holds at the provider; the next in its queue is served.
    fn leave(&mut self, running: &Attempt, request: u64) {
        let Some(provider) = self.setup.fleet.get_mut(running.provider) else { return };
        match running.place {
            Place::Nowhere => {}
            Place::Queue => provider.leave_queue(request),
            Place::Slot => {
                let next = provider.leave_slot(self.now_us);
                if let Some(waiting) = next.and_then(|next| self.underway.get_mut(&next)) {
                    serve(waiting, running.provider, provider, &mut self.agenda, self.now_us);
                }
            }
        }
    }
}

/// The attempt on this provider has a slot: says when its tokens come.
fn serve(
    underway: &mut Underway,
    provider: usize,
    modelled: &ModelledProvider,
    agenda: &mut Agenda,
    now_us: u64,
) {
    let mut running = underway.running.iter_mut();
    let Some(running) = running.find(|attempt| attempt.provider == provider) else { return };
    running.place = Place::Slot;
    let model = underway.journey.decision.model_name(running.deployment);
    let time = modelled.service_time(&underway.request, model, running.luck);
    let (request, attempt) = (underway.request.number, running.number);
    if running.streamed {
        agenda.at(now_us + time.first_token_us, Event::FirstToken { request, attempt });
    }
    agenda.at(now_us + time.end_us, Event::Answer { request, attempt });
}

//! Whatever is done in whatever order, nothing is spent or set aside beyond the limits but what attempts
//! cost more than they said, and all that was set aside is given back.

use proptest::prelude::*;
use router_core::outcome::{Outcome, OutcomeClass};
use router_core::rng::Rng;
use router_core::router::{Journey, NextStep};
use serde_json::json;

use crate::world::{by, wanting, World, CLOUD, HOUR_US, LOCAL, OTHER_CLOUD, SECOND_US};

const DAY_USD: f64 = 2.0;
const CALLER_USD: f64 = 0.8;
const SHARE: f64 = 0.2;
const FLOOR: u64 = 10;
/// Sums of dollars told as floats.
const NOTHING: f64 = 1e-9;

pub struct Mix {
    pub world: World,
    rng: Rng,
    journeys: Vec<Journey>,
    /// With the tokens each asked for.
    permits: Vec<(String, u32)>,
    /// The most tokens of an answer, whatever was asked for.
    longest: usize,
    /// What this day's answers cost beyond what was asked for, at most; US dollars.
    excess: f64,
}

impl Mix {
    pub fn new(seed: u64, longest: usize) -> Self {
        let world = World::new(&json!({
            "cloud_usd_per_day": DAY_USD, "cloud_usd_per_day_per_caller": CALLER_USD,
            "cloud_fallback_share": SHARE,
        }));
        let (journeys, permits) = (Vec::new(), Vec::new());
        Self { world, rng: Rng::new(seed), journeys, permits, longest, excess: 0.0 }
    }

    pub fn act(&mut self) {
        match self.rng.below(16) {
            0..=4 => self.begin(),
            5 => self.decide(),
            6..=9 => self.finish(),
            10 => self.report(),
            11 => self.with_journey(|world, journey| world.router.abandon(journey, world.now_us)),
            12..=13 => self.with_journey(|world, journey| {
                if matches!(journey.step, NextStep::Wait { .. }) {
                    world.router.resume(journey, world.now_us);
                }
            }),
            14 => self.pass(20 * SECOND_US),
            _ if self.rng.below(40) == 0 => self.pass(30 * HOUR_US),
            _ => self.pass(SECOND_US),
        }
    }

    fn facts(&mut self) -> router_core::facts::Facts {
        let model = ["small", "large", "lone"][self.rng.below(3)];
        let caller = ["a", "b", "c", "d"][self.rng.below(4)];
        let tokens = u32::try_from(1 + self.rng.below(300)).unwrap();
        by(caller, wanting(model, tokens))
    }

    fn begin(&mut self) {
        let facts = self.facts();
        self.journeys.extend(self.world.begin(&facts));
    }

    fn decide(&mut self) {
        let (facts, seed) = (self.facts(), self.rng.next_u64());
        let asked = facts.max_tokens.unwrap();
        let decided = self.world.router.decide(&facts, self.world.now_us, seed);
        self.permits.extend(decided.map(|decision| (decision.permit.clone(), asked)));
    }

    fn outcome(&mut self) -> Outcome {
        let (class, _) = OutcomeClass::NAMES[self.rng.below(OutcomeClass::NAMES.len())];
        let class = if self.rng.below(2) == 0 { OutcomeClass::Success } else { class };
        let tokens = u32::try_from(1 + self.rng.below(self.longest)).unwrap();
        let completion_tokens = (self.rng.below(3) > 0).then_some(tokens);
        Outcome { completion_tokens, ..Outcome::of(class) }
    }

    fn exceed(&mut self, asked: u32, outcome: &Outcome) {
        let beyond = outcome.completion_tokens.unwrap_or(0).saturating_sub(asked);
        self.excess += f64::from(beyond) / 1_000.0;
    }

    fn with_journey(&mut self, turn: impl FnOnce(&mut World, &mut Journey)) {
        if !self.journeys.is_empty() {
            let which = self.rng.below(self.journeys.len());
            turn(&mut self.world, &mut self.journeys[which]);
        }
    }

    fn finish(&mut self) {
        if self.journeys.is_empty() {
            return;
        }
        let (outcome, which) = (self.outcome(), self.rng.below(self.journeys.len()));
        let journey = &mut self.journeys[which];
        let asked = journey.decision.spender.as_ref().unwrap().demand.answer_tokens;
        if let NextStep::Try { number, .. } = journey.step {
            self.world.router.finish(journey, number, &outcome, self.world.now_us);
            self.exceed(asked, &outcome);
        }
    }

    fn report(&mut self) {
        if self.permits.is_empty() {
            return;
        }
        let (outcome, which) = (self.outcome(), self.rng.below(self.permits.len()));
        let (permit, asked) = self.permits.swap_remove(which);
        self.world.router.report(&permit, &outcome, self.world.now_us);
        self.exceed(asked, &outcome);
    }

    fn pass(&mut self, most_us: u64) {
        let day = self.day();
        self.world.now_us += self.rng.next_u64() % most_us;
        self.world.router.tick(self.world.now_us);
        if self.day() > day {
            self.excess = 0.0;
        }
    }

    fn day(&self) -> u64 {
        self.world.now_us / (24 * HOUR_US)
    }

    /// The most that the day and a caller may have come to.
    fn check(&self) -> Result<(), TestCaseError> {
        let figures = self.world.router.snapshot().spending;
        if figures.day < self.day() {
            return Ok(());
        }
        let beyond = self.excess + NOTHING;
        let day = figures.spent_nano_usd.dollars();
        prop_assert!(day <= DAY_USD + beyond, "{} with {} in excess", day, beyond);
        let callers = figures.callers_nano_usd.values().map(|spent| spent.dollars());
        for caller in callers.clone() {
            prop_assert!(caller <= CALLER_USD + beyond, "{} with {}", caller, beyond);
        }
        let sum: f64 = callers.sum();
        prop_assert!((sum - day).abs() < 1e-6, "{} of {}", sum, day);
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_limit_is_passed_whatever_the_order(seed: u64, acts in 1..300_usize) {
        let mut mix = Mix::new(seed, 1);
        for _ in 0..acts {
            mix.act();
            mix.check()?;
        }
    }

    #[test]
    fn only_answers_dearer_than_asked_for_pass_it_and_only_by_that(seed: u64, acts in 1..300_usize) {
        let mut mix = Mix::new(seed, 400);
        for _ in 0..acts {
            mix.act();
            mix.check()?;
        }
    }

    #[test]
    fn what_is_set_aside_is_given_back_once_all_has_ended(seed: u64, acts in 1..300_usize) {
        let mut mix = Mix::new(seed, 400);
        for _ in 0..acts {
            mix.act();
        }
        for mut journey in std::mem::take(&mut mix.journeys) {
            if mix.rng.below(2) == 0 {
                mix.world.router.abandon(&mut journey, mix.world.now_us);
            }
        }
        // The day may end here; where it does not, expiry alone gives back.
        mix.world.now_us += 200 * SECOND_US;
        mix.world.router.tick(mix.world.now_us);
        prop_assert_eq!(mix.world.day().1, 0);
        for caller in ["a", "b", "c", "d"] {
            prop_assert_eq!(mix.world.of_caller(caller).1, 0);
        }
    }

    #[test]
    fn fallback_keeps_its_share_or_its_floor(seed: u64, acts in 1..300_usize) {
        let mut mix = Mix::new(seed, 1);
        for _ in 0..acts {
            let before = mix.world.fallbacks();
            mix.act();
            let after = mix.world.fallbacks();
            if after > before {
                let requests = mix.world.spending()["fallback"]["requests"].as_f64().unwrap();
                prop_assert!(after as f64 <= (SHARE * requests).max(FLOOR as f64), "{after}");
            }
        }
    }
}

#[test]
fn mixes_reach_the_limits_and_new_days() {
    let (mut refused, mut local, mut cloud, mut days) = (0, 0, 0, 0);
    for seed in 0..20 {
        let mut mix = Mix::new(seed, 1);
        for _ in 0..400 {
            let day = mix.day();
            mix.act();
            days += u32::from(mix.day() > day);
            let facts = mix.facts();
            match mix.world.router.explain(&facts, mix.world.now_us, 1) {
                Err(told) => refused += u32::from(told.code == "budget_spent"),
                Ok(decision) => {
                    let first = decision.explain()["deployment"].clone();
                    local += u32::from(first == LOCAL && facts.model == "large");
                    cloud += u32::from(first == CLOUD || first == OTHER_CLOUD);
                }
            }
        }
    }
    assert!(
        refused > 100 && local > 100 && cloud > 100 && days > 5,
        "{refused} {local} {cloud} {days}"
    );
}

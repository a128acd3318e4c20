//! When requests arrive, as a stream of times in order: made one by one from the seed, or taken from a
//! recording. Every strategy is given the same stream.

use std::sync::Arc;

use super::draws::{exponential, keyed, micros, Stream};
use super::scenario::{Arrivals, Process};
use crate::rng::Rng;

/// Mean lengths of a burst's two phases, seconds.
const ON_S: f64 = 10.0;
const OFF_S: f64 = 20.0;

/// One request of a recording.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Recorded {
    /// Seconds, from anywhere.
    pub at_s: f64,
    pub prompt_tokens: u32,
    pub output_tokens: u32,
}

/// A recording in order of time, the first request at 0.
#[must_use]
pub fn from_the_first(mut rows: Vec<Recorded>) -> Arc<[Recorded]> {
    rows.sort_by(|a, b| a.at_s.total_cmp(&b.at_s));
    let first_s = rows.first().map_or(0.0, |row| row.at_s);
    rows.into_iter().map(|row| Recorded { at_s: row.at_s - first_s, ..row }).collect()
}

/// An arrival: microseconds from the start, and the tokens where they are recorded.
pub type Arrival = (u64, Option<Recorded>);

/// The times of one simulation, ending with its duration.
#[derive(Debug, Clone)]
pub struct Times {
    source: Source,
    end_us: u64,
}

#[derive(Debug, Clone)]
enum Source {
    Poisson(Clock),
    Burst { clock: Clock, on_us: f64, off_us: f64, phase_ends_us: f64 },
    Recording { rows: Arc<[Recorded]>, next: usize },
}

#[derive(Debug, Clone)]
struct Clock {
    rng: Rng,
    now_us: f64,
    mean_gap_us: f64,
}

impl Times {
    /// From the seed, at `rate_per_s` on average.
    #[must_use]
    pub fn drawn(arrivals: &Arrivals, rate_per_s: f64, seed: u64, end_us: u64) -> Self {
        let clock = |rate: f64| Clock {
            rng: keyed(seed, Stream::Arrivals, &[]),
            now_us: 0.0,
            mean_gap_us: 1e6 / rate,
        };
        let source = match arrivals.process {
            Process::Poisson => Source::Poisson(clock(rate_per_s)),
            Process::Burst => {
                let (on, off) = (arrivals.on_s.unwrap_or(ON_S), arrivals.off_s.unwrap_or(OFF_S));
                let mut clock = clock(rate_per_s * (on + off) / on);
                let phase_ends_us = on * 1e6 * exponential(&mut clock.rng);
                Source::Burst { clock, on_us: on * 1e6, off_us: off * 1e6, phase_ends_us }
            }
        };
        Self { source, end_us }
    }

    #[must_use]
    pub fn recorded(rows: Arc<[Recorded]>, end_us: u64) -> Self {
        Self { source: Source::Recording { rows, next: 0 }, end_us }
    }
}

impl Iterator for Times {
    type Item = Arrival;

    fn next(&mut self) -> Option<Arrival> {
        let arrival = match &mut self.source {
            Source::Poisson(clock) => (clock.tick(), None),
            Source::Burst { clock, on_us, off_us, phase_ends_us } => {
                let mut at_us = clock.now_us + clock.gap_us();
                // What is left of a gap goes on in the next time with requests: gaps have no memory.
                while at_us > *phase_ends_us {
                    let rest_us = at_us - *phase_ends_us;
                    let begins_us = *phase_ends_us + *off_us * exponential(&mut clock.rng);
                    *phase_ends_us = begins_us + *on_us * exponential(&mut clock.rng);
                    at_us = begins_us + rest_us;
                }
                clock.now_us = at_us;
                (whole(at_us), None)
            }
            Source::Recording { rows, next } => {
                let row = *rows.get(*next)?;
                *next += 1;
                (micros(row.at_s * 1_000.0), Some(row))
            }
        };
        (arrival.0 < self.end_us).then_some(arrival)
    }
}

impl Clock {
    fn gap_us(&mut self) -> f64 {
        self.mean_gap_us * exponential(&mut self.rng)
    }

    fn tick(&mut self) -> u64 {
        self.now_us += self.gap_us();
        whole(self.now_us)
    }
}

fn whole(us: f64) -> u64 {
    micros(us / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(process: Process) -> Vec<u64> {
        let arrivals = Arrivals { process, ..Arrivals::default() };
        Times::drawn(&arrivals, 20.0, 3, 2_000_000_000).map(|(at, _)| at).collect()
    }

    #[test]
    fn both_processes_keep_the_rate_given_and_the_order() {
        for (process, allowed) in [(Process::Poisson, 0.02), (Process::Burst, 0.25)] {
            let times = times(process);
            let share = times.len() as f64 / (20.0 * 2_000.0);
            assert!((share - 1.0).abs() < allowed, "{process:?}: {share}");
            assert!(times.is_sorted());
        }
    }

    #[test]
    fn a_burst_has_times_without_requests() {
        let longest = |process| {
            let times = times(process);
            times.windows(2).map(|pair| pair[1] - pair[0]).max()
        };
        assert!(longest(Process::Burst) > Some(20_000_000));
        assert!(longest(Process::Poisson) < Some(2_000_000));
    }

    #[test]
    fn a_recording_begins_with_its_first_request_and_is_cut_at_the_end() {
        let row = |at_s| Recorded { at_s, prompt_tokens: 1, output_tokens: 1 };
        let rows = from_the_first(vec![row(101.5), row(100.0), row(102.0)]);
        let times: Vec<u64> = Times::recorded(rows, 2_000_000).map(|(at, _)| at).collect();
        assert_eq!(times, [0, 1_500_000]);
    }
}

//! As if things were otherwise, for explanations: requests come and go by the methods that live ones
//! use, the rest is set figure by figure. `recall` takes it back.

use super::State;
use crate::settings::Settings;
use crate::view::{Percentiles, Standing};

/// A deployment's slots in the state: its provider's and its own.
#[derive(Debug, Clone, Copy)]
pub struct Slots {
    pub provider: usize,
    pub deployment: usize,
}

impl State {
    /// So many more requests are under way there.
    pub fn suppose_more(&mut self, at: Slots, requests: u32, settings: &Settings, now_us: u64) {
        for _ in 0..requests {
            if let Some(state) = self.deployments.get_mut(at.deployment) {
                state.reserve(settings, now_us);
            }
            if let Some(state) = self.providers.get_mut(at.provider) {
                state.reserve(settings, now_us);
            }
        }
    }

    /// So many fewer requests are under way there.
    pub fn suppose_fewer(&mut self, at: Slots, requests: u32, now_us: u64) {
        for _ in 0..requests {
            if let Some(state) = self.deployments.get_mut(at.deployment) {
                state.release(false);
            }
            if let Some(state) = self.providers.get_mut(at.provider) {
                state.release(false, now_us);
            }
        }
    }

    /// All times measured there are so many per cent longer.
    pub fn suppose_slower(&mut self, at: Slots, percent: u64) {
        let Some(state) = self.deployments.get_mut(at.deployment) else { return };
        for measured in [&mut state.figures.measured, &mut state.figures.published] {
            longer(&mut measured.first_token, percent);
            longer(&mut measured.whole, percent);
        }
    }

    /// A request under way there has waited since then, and nothing has come.
    pub fn suppose_silent(&mut self, at: Slots, stream: bool, since_us: u64) {
        let Some(state) = self.deployments.get_mut(at.deployment) else { return };
        let figures = &mut state.figures;
        let waiting = if stream {
            &mut figures.waiting.stream_since_us
        } else {
            &mut figures.waiting.whole_since_us
        };
        *waiting = match *waiting {
            0 => since_us,
            waiting => waiting.min(since_us),
        };
        figures.progress_us = figures.progress_us.min(since_us);
    }

    /// What keeps both out ends now: they are tried again.
    pub fn suppose_back(&mut self, at: Slots, now_us: u64) {
        let back = |standing: &mut Standing| {
            standing.out_until_us = standing.out_until_us.min(now_us);
        };
        if let Some(state) = self.deployments.get_mut(at.deployment) {
            back(&mut state.figures.standing);
        }
        if let Some(state) = self.providers.get_mut(at.provider) {
            back(&mut state.figures.standing);
        }
    }
}

fn longer(times: &mut Percentiles, percent: u64) {
    let longer = |us: u64| us.saturating_add(us.saturating_mul(percent) / 100);
    times.p50_us = longer(times.p50_us);
    times.p95_us = longer(times.p95_us);
}

//! When an experiment is rolled back: bounds that hold although they are looked at after every single
//! request, so that no arm is ended by chance.

use super::figures::{Figures, Scores};
use crate::experiment::Guardrail;
use crate::rendezvous::ln;

/// How likely an arm that fails just at its limit is ever rolled back for it, at most.
const CHANCE: f64 = 0.01;
/// Standard deviations the loss of quality must be past its limit. For a single look 2.58 would do; four
/// leave room for a look after every feedback, as the tests measure.
const Z: f64 = 4.0;

#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Verdict {
    /// The control, against which the others are judged.
    Control,
    TooFew {
        samples: u64,
    },
    Pass,
    Review {
        loss: f64,
    },
    TooManyErrors {
        errors: u64,
        samples: u64,
    },
    TooMuchLost {
        loss: f64,
    },
    /// Rolled back before the state was loaded; the figures are not part of it.
    Restored,
}

impl Verdict {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TooFew { .. } => "too_few",
            Self::Control | Self::Pass => "pass",
            Self::Review { .. } => "review",
            Self::TooManyErrors { .. } | Self::TooMuchLost { .. } | Self::Restored => "rolled_back",
        }
    }

    #[must_use]
    pub fn rolls_back(self) -> bool {
        matches!(self, Self::TooManyErrors { .. } | Self::TooMuchLost { .. } | Self::Restored)
    }

    /// The larger the number, the more it says against the arm.
    #[must_use]
    pub fn severity(self) -> u8 {
        match self {
            Self::Control => 0,
            Self::Pass => 1,
            Self::TooFew { .. } => 2,
            Self::Review { .. } => 3,
            Self::TooManyErrors { .. } | Self::TooMuchLost { .. } | Self::Restored => 4,
        }
    }

    /// Why, of the arm named.
    #[must_use]
    pub fn reason(self, arm: &str, guardrail: &Guardrail) -> String {
        match self {
            Self::Control => "nothing is judged".to_owned(),
            Self::TooFew { samples } => {
                let needed = guardrail.min_samples;
                format!("arm {arm}: {samples} samples of the {needed} a judgement needs")
            }
            Self::Pass => format!("arm {arm}: within bounds"),
            Self::Review { loss } => {
                format!("arm {arm}: quality lost {} %; a person should look", percent(loss))
            }
            Self::TooManyErrors { errors, samples } => format!(
                "arm {arm}: {errors} of {samples} requests failed, more than {} % beyond doubt",
                percent(guardrail.max_error_rate)
            ),
            Self::TooMuchLost { loss } => format!(
                "arm {arm}: quality lost {} %, more than {} % beyond doubt",
                percent(loss),
                percent(guardrail.max_quality_loss)
            ),
            Self::Restored => "rolled back before this state was loaded".to_owned(),
        }
    }
}

/// What the figures of an arm say against those of the control.
#[must_use]
pub fn judge(guardrail: &Guardrail, arm: &Figures, control: &Figures) -> Verdict {
    let enough = |samples: u64| samples >= u64::from(guardrail.min_samples);
    let (errors, samples) = (arm.tested.errors, arm.tested.total());
    if enough(samples) && fails_beyond(guardrail.max_error_rate, errors, samples) {
        return Verdict::TooManyErrors { errors, samples };
    }
    if enough(arm.tested_scores.count) && enough(control.tested_scores.count) {
        if let Some((loss, lowest)) = quality_loss(&arm.tested_scores, &control.tested_scores) {
            return by_quality(guardrail, loss, lowest);
        }
    }
    if enough(samples) {
        Verdict::Pass
    } else {
        Verdict::TooFew { samples }
    }
}

fn by_quality(guardrail: &Guardrail, loss: f64, lowest: f64) -> Verdict {
    if lowest > guardrail.max_quality_loss {
        Verdict::TooMuchLost { loss }
    } else if loss >= guardrail.review_quality_loss {
        Verdict::Review { loss }
    } else {
        Verdict::Pass
    }
}

/// Whether so many errors among so many samples show a rate above `limit`, however often one looks.
///
/// The likelihood ratio of all rates, weighted evenly, to the limit is 1/((n+1)·P(k errors of n at the
/// limit)). At the limit it is a martingale that starts at 1, so it ever reaches 1/α with probability α
/// at most (Ville 1939; as a test, Robbins, "Statistical Methods Related to the Law of the Iterated
/// Logarithm", Annals of Mathematical Statistics 41, 1970). Unlike Wilson's interval, whose level holds
/// for one look and not for small rates, this is exact for every rate and any number of looks.
fn fails_beyond(limit: f64, errors: u64, samples: u64) -> bool {
    let (k, n) = (errors as f64, samples as f64);
    if limit <= 0.0 || limit >= 1.0 {
        return limit <= 0.0 && errors > 0;
    }
    let choose = ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k);
    let likelihood = choose + k * ln(limit) + (n - k) * ln(1.0 - limit);
    k > n * limit && ln(n + 1.0) + likelihood <= ln(CHANCE)
}

/// Stirling's series; from 1 on it is right to within a thousandth.
fn ln_factorial(n: f64) -> f64 {
    if n < 1.0 {
        return 0.0;
    }
    n * ln(n) - n + 0.5 * ln(std::f64::consts::TAU * n) + 1.0 / (12.0 * n)
        - 1.0 / (360.0 * n * n * n)
}

/// The loss of the mean against the control's, as a share of it, and the least loss that the samples
/// allow. The variance of the ratio of two independent means is that of the delta method; `None` where
/// the control's mean is 0, of which nothing can be lost.
fn quality_loss(arm: &Scores, control: &Scores) -> Option<(f64, f64)> {
    let (mean, base) = (arm.mean()?, control.mean()?);
    if base <= 0.0 {
        return None;
    }
    let ratio = mean / base;
    let of_arm = arm.variance()? / arm.count as f64;
    let of_control = control.variance()? / control.count as f64;
    let deviation = (of_arm + ratio * ratio * of_control).sqrt() / base;
    let loss = 1.0 - ratio;
    Some((loss, loss - Z * deviation))
}

/// With one decimal.
fn percent(share: f64) -> f64 {
    (share * 1_000.0).round() / 10.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::Rng;

    const RUNS: u64 = 500;
    const SAMPLES: u64 = 1_000;

    fn guardrail(max_error_rate: f64) -> Guardrail {
        Guardrail { max_error_rate, ..Guardrail::default() }
    }

    /// In how many runs an arm that fails at `rate` is rolled back, looked at after every request.
    fn rolled_back(rate: f64, limit: f64) -> usize {
        let (guardrail, control) = (guardrail(limit), Figures::default());
        let ends = |seed: u64| {
            let (mut rng, mut arm) = (Rng::new(seed), Figures::default());
            (0..SAMPLES).any(|_| {
                arm.tested.add(rng.unit() >= rate);
                judge(&guardrail, &arm, &control).rolls_back()
            })
        };
        (0..RUNS).filter(|seed| ends(*seed)).count()
    }

    #[test]
    fn an_arm_at_its_limit_is_not_rolled_back_by_chance() {
        for limit in [0.001, 0.01, 0.05, 0.2, 0.5] {
            let ended = rolled_back(limit, limit);
            assert!(ended <= 5, "{ended} of {RUNS} runs at {limit}");
        }
        assert_eq!(rolled_back(0.025, 0.05), 0);
    }

    #[test]
    fn an_arm_far_past_its_limit_is_rolled_back() {
        for limit in [0.02, 0.05, 0.2] {
            let ended = rolled_back(3.0 * limit, limit) as u64;
            assert!(ended >= RUNS * 99 / 100, "{ended} of {RUNS} runs at {limit}");
        }
    }

    #[test]
    fn limits_at_the_ends_are_taken_at_their_word() {
        assert!(fails_beyond(0.0, 1, 100));
        assert!(!fails_beyond(0.0, 0, 100));
        assert!(!fails_beyond(1.0, 100, 100));
    }

    #[test]
    fn factorials_are_those_of_the_series() {
        let mut exact = 0.0;
        for n in 1..200_u32 {
            exact += f64::from(n).ln();
            assert!((ln_factorial(f64::from(n)) - exact).abs() < 1e-3, "{n}");
        }
    }

    #[test]
    fn too_few_samples_never_end_anything() {
        let (guardrail, control) = (guardrail(0.05), Figures::default());
        let mut arm = Figures::default();
        for _ in 0..99 {
            arm.tested.add(false);
            assert_eq!(judge(&guardrail, &arm, &control).as_str(), "too_few");
        }
        arm.tested.add(false);
        assert_eq!(judge(&guardrail, &arm, &control).as_str(), "rolled_back");
    }

    #[test]
    fn requests_an_arm_was_given_by_their_class_do_not_count() {
        let mut arm = Figures::default();
        (0..1_000).for_each(|_| arm.all.add(false));
        let verdict = judge(&guardrail(0.05), &arm, &Figures::default());
        assert_eq!(verdict.as_str(), "too_few");
    }

    /// Thumbs, up with the given probabilities.
    fn scored(arm_up: f64, control_up: f64, seed: u64, samples: u64) -> (Figures, Figures) {
        let (mut rng, mut arm, mut control) =
            (Rng::new(seed), Figures::default(), Figures::default());
        for _ in 0..samples {
            arm.tested_scores.add(if rng.unit() < arm_up { 1.0 } else { 0.0 });
            control.tested_scores.add(if rng.unit() < control_up { 1.0 } else { 0.0 });
        }
        (arm, control)
    }

    #[test]
    fn quality_is_passed_reviewed_or_rolled_back_by_its_loss() {
        for (arm_up, expected) in [(0.79, "pass"), (0.74, "review"), (0.5, "rolled_back")] {
            let (arm, control) = scored(arm_up, 0.8, 7, 5_000);
            let verdict = judge(&Guardrail::default(), &arm, &control);
            assert_eq!(verdict.as_str(), expected, "{verdict:?}");
        }
        let (arm, control) = scored(0.0, 1.0, 1, 99);
        assert_eq!(judge(&Guardrail::default(), &arm, &control).as_str(), "too_few");
    }

    #[test]
    fn quality_at_its_limit_is_not_rolled_back_by_chance() {
        let ends = |seed: u64| {
            let (mut rng, mut arm, mut control) =
                (Rng::new(seed), Figures::default(), Figures::default());
            (0..SAMPLES).any(|_| {
                arm.tested_scores.add(if rng.unit() < 0.72 { 1.0 } else { 0.0 });
                control.tested_scores.add(if rng.unit() < 0.8 { 1.0 } else { 0.0 });
                judge(&Guardrail::default(), &arm, &control).rolls_back()
            })
        };
        let ended = (0..RUNS).filter(|seed| ends(*seed)).count();
        assert!(ended <= 5, "{ended} of {RUNS} runs");
    }

    #[test]
    fn a_control_that_nobody_likes_can_lose_nothing() {
        let (arm, control) = scored(0.5, 0.0, 3, 200);
        assert_ne!(judge(&Guardrail::default(), &arm, &control).as_str(), "rolled_back");
    }
}

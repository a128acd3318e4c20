//! How much work a prompt asks for (R10): hints found in its text, a size in tokens, a band.
//! Every number and vocabulary is config; the defaults are those of the specification.

mod cues;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use crate::facts::{Cues, Facts};

pub use cues::CueFinder;

/// Bands in rising order.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Band {
    Low,
    Medium,
    High,
}

impl Band {
    pub const ALL: [Self; 3] = [Self::Low, Self::Medium, Self::High];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }

    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|band| band.as_str() == text)
    }

    fn raised(self) -> Self {
        match self {
            Self::Low => Self::Medium,
            Self::Medium | Self::High => Self::High,
        }
    }
}

/// What complexity is computed from. Sizes are tokens.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ComplexityParameters {
    /// Work sizes below this are low.
    pub low_below: u32,
    /// Work sizes above this are high; the rest is medium.
    pub high_above: u32,
    /// Share of `max_tokens` that counts as work.
    pub output_share: f64,
    /// That share counts up to `output_factor` × prompt tokens + `output_base`.
    pub output_factor: u32,
    pub output_base: u32,
    /// Without `max_tokens`, a prompt that asks for something whole counts this many times more.
    pub whole_factor: u32,
    /// Words and phrases that ask for making something whole. A space or hyphen also matches the other.
    pub make_whole: Vec<String>,
    /// Words and phrases that ask for reasoning.
    pub reasoning: Vec<String>,
    /// Extensions, without the dot, that make a word the name of a file.
    pub file_extensions: Vec<String>,
    /// Names that look like files and are none.
    pub not_files: Vec<String>,
}

impl Default for ComplexityParameters {
    fn default() -> Self {
        let words = |list: &str| list.split(", ").map(str::to_owned).collect();
        Self {
            low_below: 50,
            high_above: 100,
            output_share: 0.5,
            output_factor: 5,
            output_base: 20,
            whole_factor: 5,
            make_whole: words(
                "implement, build, develop, write a complete, write a full, write an entire, \
                 write a whole, create a complete, create a full, create an entire, create a whole, \
                 from scratch, end-to-end",
            ),
            reasoning: words(
                "step by step, prove, proof, derive, derivation, trade-off, trade-offs, plan, multi-step",
            ),
            file_extensions: words(
                "c, cc, cfg, cpp, cs, css, go, h, hpp, html, ini, ipynb, java, js, json, jsx, kt, lua, \
                 md, php, pl, proto, py, rb, rs, scala, sh, sql, swift, tf, toml, ts, tsx, txt, vue, \
                 xml, yaml, yml",
            ),
            not_files: words(
                "node.js, next.js, nuxt.js, vue.js, react.js, express.js, angular.js, ember.js, \
                 three.js, d3.js",
            ),
        }
    }
}

impl ComplexityParameters {
    /// The first field whose value cannot be used, and why.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, String)> {
        if !(0.0..=1.0).contains(&self.output_share) {
            let message = format!("output_share is a share from 0 to 1, not {}", self.output_share);
            return Some(("output_share", message));
        }
        if self.low_below > self.high_above.saturating_add(1) {
            let message = format!(
                "low_below ({}) lies above high_above ({}), which leaves no medium",
                self.low_below, self.high_above
            );
            return Some(("low_below", message));
        }
        None
    }
}

/// Tokens of work: the prompt's and a bounded part of the answer's, rounded down.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // `as` saturates, as wanted
pub fn work_size(facts: &Facts, parameters: &ComplexityParameters) -> u32 {
    exact_work_size(facts, parameters) as u32
}

fn exact_work_size(facts: &Facts, parameters: &ComplexityParameters) -> f64 {
    let prompt = f64::from(facts.prompt_tokens);
    let answer = match facts.max_tokens {
        Some(max_tokens) => {
            let ceiling =
                f64::from(parameters.output_factor) * prompt + f64::from(parameters.output_base);
            (parameters.output_share * f64::from(max_tokens)).min(ceiling)
        }
        None if facts.cues.contains(Cues::MAKE_WHOLE) => {
            f64::from(parameters.whole_factor) * prompt
        }
        None => 0.0,
    };
    prompt + answer
}

/// The band of a request; `code` says that its capability is `code`, where naming two or more files
/// is high by itself.
#[must_use]
pub fn band(facts: &Facts, parameters: &ComplexityParameters, code: bool) -> Band {
    if code && facts.cues.contains(Cues::SEVERAL_FILES) {
        return Band::High;
    }
    let size = exact_work_size(facts, parameters);
    let plain = if size < f64::from(parameters.low_below) {
        Band::Low
    } else if size <= f64::from(parameters.high_above) {
        Band::Medium
    } else {
        Band::High
    };
    if facts.cues.contains(Cues::FENCED_CODE) {
        plain.raised()
    } else {
        plain
    }
}

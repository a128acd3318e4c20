//! What the core is told of one request: flat values, no text of the prompt. `Facts` is the whole
//! input of a decision besides the table, the view, the time and the seed.

use serde::{Deserialize, Serialize};

use crate::query_class::QueryClass;

/// What a request needs and a deployment offers, as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Features(pub u32);

impl Features {
    pub const TOOLS: Self = Self(1);
    pub const VISION: Self = Self(1 << 1);
    pub const JSON_SCHEMA: Self = Self(1 << 2);
    pub const LOGPROBS: Self = Self(1 << 3);
    pub const EMBEDDINGS: Self = Self(1 << 4);

    /// Every feature with the name config files and explanations use.
    pub const NAMES: [(Self, &'static str); 5] = [
        (Self::TOOLS, "tools"),
        (Self::VISION, "vision"),
        (Self::JSON_SCHEMA, "json_schema"),
        (Self::LOGPROBS, "logprobs"),
        (Self::EMBEDDINGS, "embeddings"),
    ];

    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The names of what `self` needs and `offered` lacks.
    #[must_use]
    pub fn missing_from(self, offered: Self) -> Vec<&'static str> {
        Self::NAMES
            .iter()
            .filter(|(bit, _)| self.contains(*bit) && !offered.contains(*bit))
            .map(|(_, name)| *name)
            .collect()
    }
}

/// Hints found in the text of a prompt (R4, R10), as bits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cues(pub u32);

impl Cues {
    /// Asks for making something whole: implement, build, write a complete …
    pub const MAKE_WHOLE: Self = Self(1);
    /// A fenced block of code together with an instruction.
    pub const FENCED_CODE: Self = Self(1 << 1);
    /// A reasoning cue: step by step, prove, derive, trade-off, plan, multi-step.
    pub const REASONING: Self = Self(1 << 2);
    /// Names two or more files.
    pub const SEVERAL_FILES: Self = Self(1 << 3);

    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// One request, as the decision sees it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
#[allow(clippy::struct_excessive_bools)] // independent marks of one request
pub struct Facts {
    /// The name asked for; empty when only a capability is given.
    pub model: String,
    pub capability: Option<String>,
    /// Tokens of every message together, by cl100k.
    pub prompt_tokens: u32,
    /// False where counting stopped at its limit: the true number is larger.
    pub prompt_tokens_exact: bool,
    pub max_tokens: Option<u32>,
    /// Answers wanted in all: to each prompt, as many as `n` says. 0 counts as 1.
    pub answers: u32,
    pub cues: Cues,
    /// Hash of the user's own texts, normalised: the unit of experiments on prompts (R14).
    pub prompt_hash: Option<u64>,
    /// What kind of question it is, where the caller asks by query (R15).
    pub query_class: Option<QueryClass>,
    pub features: Features,
    /// One answer in plain text: no tools, no schema, no log probabilities.
    pub plain: bool,
    pub stream: bool,
    pub batch_size: u32,
    pub batch_mode: bool,
    /// The caller's own figure for `request_count`.
    pub request_count: Option<u32>,
    pub quality_tier: Option<String>,
    pub priority: Option<String>,
    pub session: Option<String>,
    pub principal: Option<String>,
    /// Strategy the request names, where config allows it.
    pub strategy: Option<String>,
    /// Name of a chain of B5 the request asks for.
    pub chain: Option<String>,
    /// Only the headers the table names, lower-cased.
    pub headers: Vec<(String, String)>,
    /// Stable deployment ids the caller may use; `None` is all.
    pub allowed: Option<Vec<String>>,
    /// The request stands for those of every unit of an experiment: its arm follows from the seed. Only
    /// replay asks so.
    #[serde(skip)]
    pub of_any_unit: bool,
}

impl Facts {
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

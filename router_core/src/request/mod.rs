//! Reads an OpenAI-style request body in one pass, keeping only what a decision needs, and changes
//! single members of one without touching the rest. Unknown fields are none of its business.

mod normalised;
mod overlay;
mod reader;
mod shape;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use crate::complexity::CueFinder;
use crate::facts::{Cues, Features};
use crate::tokens::{count, Counter};

pub use overlay::overlay;

/// Deepest nesting of lists and objects in a body.
pub const MAX_DEPTH: usize = 128;

/// What the caller asks for; it decides the shape of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Chat,
    Completion,
    Embedding,
}

impl Operation {
    pub const ALL: [Self; 3] = [Self::Chat, Self::Completion, Self::Embedding];

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completion => "completion",
            Self::Embedding => "embedding",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|operation| operation.as_str() == name)
    }

    /// The field that carries the text.
    fn content_field(self) -> &'static str {
        match self {
            Self::Chat => "messages",
            Self::Completion => "prompt",
            Self::Embedding => "input",
        }
    }
}

/// What a body says that a decision can use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    pub model: Option<String>,
    pub stream: bool,
    /// `max_completion_tokens`, else `max_tokens`.
    pub max_tokens: Option<u32>,
    /// Tokens of every text together, by cl100k; token ids count as they are.
    pub prompt_tokens: u32,
    /// False where counting stopped at its limit: the true number is larger.
    pub prompt_tokens_exact: bool,
    pub features: Features,
    /// One answer to one prompt, in text of no prescribed form.
    pub plain: bool,
    /// Hints in the texts of the user.
    pub cues: Cues,
    /// Hash of the texts of the user, normalised; `None` where there are none.
    pub prompt_hash: Option<u64>,
    /// Answers wanted to one prompt (`n`).
    pub choices: u32,
    /// Prompts in one request.
    pub batch_size: u32,
}

/// Where in a body something is wrong; both count from 1, columns are bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
}

/// Why a body cannot be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestError {
    pub message: String,
    /// The field at fault, such as `messages[2].content`.
    pub param: Option<String>,
    /// `None` where something is missing.
    pub place: Option<Place>,
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Some(Place { line, column }) => {
                write!(f, "{} (line {line}, column {column})", self.message)
            }
            None => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for RequestError {}

impl RequestError {
    fn at(message: impl Into<String>, place: Place) -> Self {
        Self { message: message.into(), param: None, place: Some(place) }
    }

    /// JSON that does not parse. `what` names the text, such as "the body".
    fn malformed(what: &str, error: &serde_json::Error) -> Self {
        let place = Place { line: error.line(), column: error.column() };
        let text = error.to_string();
        let suffix = format!(" at line {} column {}", place.line, place.column);
        let reason = text.strip_suffix(suffix.as_str()).unwrap_or(&text);
        Self::at(format!("{what} is not valid JSON: {reason}"), place)
    }
}

/// A text of the body.
#[derive(Debug)]
struct Text<'de> {
    content: Cow<'de, str>,
    /// Written by the user, so that hints are looked for in it.
    asks: bool,
}

/// Reads a body. Tokens are counted as far as `limit`; of a field given twice the last one holds.
///
/// Fails on malformed JSON, on nesting past `MAX_DEPTH`, on a known field of a wrong type and where
/// the field that carries the text is missing or empty.
pub fn inspect(
    body: &[u8],
    operation: Operation,
    limit: u32,
    cues: &CueFinder,
) -> Result<Inspection, RequestError> {
    refuse_deep_nesting(body)?;
    let found = reader::read(body, operation)?;
    let mut counter = Counter::new(limit);
    counter.add_tokens(found.token_ids);
    for text in &found.texts {
        counter.add(&text.content);
    }
    let total = counter.total();
    let plain = found.is_plain();
    let asked = || found.texts.iter().filter(|text| text.asks).map(|text| text.content.as_ref());
    Ok(Inspection {
        model: found.model,
        stream: found.stream,
        max_tokens: found.max_completion_tokens.or(found.max_tokens),
        prompt_tokens: total.tokens,
        prompt_tokens_exact: total.exact,
        features: found.features,
        plain,
        cues: cues.cues(asked()),
        prompt_hash: normalised::hash(asked()),
        choices: found.choices.unwrap_or(1),
        batch_size: u32::try_from(found.prompts).unwrap_or(u32::MAX).max(1),
    })
}

/// As `inspect`, for one bare prompt of a user.
#[must_use]
pub fn inspect_text(text: &str, limit: u32, cues: &CueFinder) -> Inspection {
    let total = count(text, limit);
    Inspection {
        model: None,
        stream: false,
        max_tokens: None,
        prompt_tokens: total.tokens,
        prompt_tokens_exact: total.exact,
        features: Features::default(),
        plain: true,
        cues: cues.cues([text]),
        prompt_hash: normalised::hash([text]),
        choices: 1,
        batch_size: 1,
    }
}

/// Skipped fields are not descended into, so depth is judged on the bytes before anything else: what
/// passes here can be parsed by whoever reads the body next.
fn refuse_deep_nesting(body: &[u8]) -> Result<(), RequestError> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (index, byte) in body.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            let message = format!("the body nests lists and objects more than {MAX_DEPTH} deep");
            return Err(RequestError::at(message, place_of(body, index)));
        }
    }
    Ok(())
}

fn place_of(body: &[u8], index: usize) -> Place {
    let before = body.get(..index).unwrap_or(body);
    let lines = before.split(|byte| *byte == b'\n');
    let (line, last) = lines.enumerate().last().unwrap_or((0, before));
    Place { line: line + 1, column: last.len() + 1 }
}

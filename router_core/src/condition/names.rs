//! Every name a condition may read, with its type. Unknown names are answered with the closest one.

use super::lexer::Problem;
use crate::config::diagnostics::closest;

/// Names a config defines that conditions may use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Symbols<'a> {
    /// Ids, kinds and groups that `<provider>_unavailable` may name; `-` may be written `_`.
    pub providers: &'a [&'a str],
}

/// Something about a request or the fleet that a condition reads.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Variable {
    TokenCount,
    PromptTokens,
    MaxTokens,
    /// `max_tokens`, or the prompt's tokens where it is absent.
    Length,
    Complexity,
    ContextTokens,
    RequestCount,
    BatchMode,
    BatchSize,
    Stream,
    QualityTier,
    Priority,
    /// Number of parameters.
    ModelSize,
    LocalSaturated,
    Capability,
    /// Value of a request header, by its lower-cased name.
    Header(Box<str>),
    /// Whether no deployment on a provider, kind or group can be used, by its name in `Symbols`.
    ProviderUnavailable(Box<str>),
    Always,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Number,
    Size,
    Text,
    Band,
    Flag,
}

impl Kind {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Number => "a number",
            Self::Size => "a model size",
            Self::Text => "text",
            Self::Band => "a complexity",
            Self::Flag => "true or false",
        }
    }
}

const FIXED: [(&str, Variable); 16] = [
    ("token_count", Variable::TokenCount),
    ("prompt_tokens", Variable::PromptTokens),
    ("max_tokens", Variable::MaxTokens),
    ("length", Variable::Length),
    ("complexity", Variable::Complexity),
    ("context_tokens", Variable::ContextTokens),
    ("request_count", Variable::RequestCount),
    ("batch_mode", Variable::BatchMode),
    ("batch_size", Variable::BatchSize),
    ("stream", Variable::Stream),
    ("quality_tier", Variable::QualityTier),
    ("priority", Variable::Priority),
    ("model_size", Variable::ModelSize),
    ("local_saturated", Variable::LocalSaturated),
    ("capability", Variable::Capability),
    ("always", Variable::Always),
];

const UNAVAILABLE: &str = "_unavailable";
const HEADER: &str = "header.";

impl Variable {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::TokenCount
            | Self::PromptTokens
            | Self::MaxTokens
            | Self::Length
            | Self::ContextTokens
            | Self::RequestCount
            | Self::BatchSize => Kind::Number,
            Self::ModelSize => Kind::Size,
            Self::Complexity => Kind::Band,
            Self::QualityTier | Self::Priority | Self::Capability | Self::Header(_) => Kind::Text,
            Self::BatchMode
            | Self::Stream
            | Self::LocalSaturated
            | Self::ProviderUnavailable(_)
            | Self::Always => Kind::Flag,
        }
    }
}

/// The variable a name stands for.
pub(super) fn resolve(name: &str, symbols: &Symbols<'_>) -> Result<Variable, Problem> {
    if let Some((_, variable)) = FIXED.iter().find(|(known, _)| *known == name) {
        return Ok(variable.clone());
    }
    if let Some(header) = name.strip_prefix(HEADER).filter(|header| !header.is_empty()) {
        return Ok(Variable::Header(header.to_ascii_lowercase().into()));
    }
    name.strip_suffix(UNAVAILABLE)
        .and_then(|provider| provider_named(provider, symbols))
        .map(|provider| Variable::ProviderUnavailable(provider.into()))
        .ok_or_else(|| unknown(name, symbols))
}

fn provider_named<'a>(name: &str, symbols: &Symbols<'a>) -> Option<&'a str> {
    let exact = symbols.providers.iter().find(|known| **known == name);
    exact.or_else(|| symbols.providers.iter().find(|known| spelled(known) == name)).copied()
}

/// A provider's id as it can be written inside a name.
fn spelled(id: &str) -> String {
    id.replace('-', "_")
}

fn unknown(name: &str, symbols: &Symbols<'_>) -> Problem {
    let providers: Vec<String> =
        symbols.providers.iter().map(|id| spelled(id) + UNAVAILABLE).collect();
    let known = FIXED.iter().map(|(known, _)| *known).chain(providers.iter().map(String::as_str));
    let suggestion = match closest(name, known) {
        Some(known) => format!("did you mean `{known}`?"),
        None if name.ends_with(UNAVAILABLE) => "name a provider of this config".to_owned(),
        None => {
            format!("put it in quotes if it is text; a header is `header.{}`", name.to_lowercase())
        }
    };
    (format!("`{name}` is no name a condition can read"), Some(suggestion))
}

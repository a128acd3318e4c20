//! How an answer reaches its caller (E3): when its first bytes leave, what happens when it breaks off
//! after that, and whether a second deployment may race for the first token.

use serde::Deserialize;

/// After part of a stream has been sent on, and its provider breaks off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StreamBreak {
    /// The caller gets an error.
    #[default]
    Error,
    /// Another deployment goes on from the text already sent; plain text only.
    Continue,
}

/// When the first bytes of a stream leave.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Commit {
    /// With the first token: an attempt that fails later cannot be hidden.
    #[default]
    FirstToken,
    /// With the last one: every failure is repaired unseen.
    Buffered,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivery {
    pub stream_break: StreamBreak,
    pub commit: Commit,
    pub hedge: bool,
}

impl StreamBreak {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Continue => "continue",
        }
    }
}

impl Commit {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FirstToken => "first_token",
            Self::Buffered => "buffered",
        }
    }
}

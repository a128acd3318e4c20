//! What one attempt taught us. One schema serves our own attempts and those that Route callers
//! report.

use serde::{Deserialize, Serialize};

/// How an attempt ended (spec E2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutcomeClass {
    Success,
    /// 429.
    RateLimited,
    /// 500, or an answer that cannot be read.
    ServerError,
    /// Broken before the first byte of content.
    ConnectionReset,
    /// Refused, DNS, TLS, connect timeout.
    Unreachable,
    /// 502, 503, 504.
    Unavailable,
    /// No first token in time.
    Silent,
    /// 401 or 403 from upstream.
    Unauthorized,
    /// 404 for the model upstream.
    ModelMissing,
    ContextLength,
    ContentPolicy,
    /// Any other 4xx: the caller's fault.
    InvalidRequest,
    Cancelled,
    /// Cut, stalled or ended without a finish reason, after content had been sent on.
    StreamBroken,
    /// The request's own deadline passed during the attempt.
    Deadline,
    /// A second answer did not begin with the part of the first one that had been sent on.
    Diverged,
}

/// Whose fault an attempt's end was, and so whose breaker counts it (R13).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// Nobody's we could route around: a success, the caller's own fault, or no verdict.
    Nobody,
    /// The deployment's: rate limits, missing models, slowness, 5xx.
    Deployment,
    /// The provider's: what stops every request to it alike.
    Provider,
}

impl OutcomeClass {
    /// Every class with the name used on the wire and in Python.
    pub const NAMES: [(Self, &'static str); 16] = [
        (Self::Success, "success"),
        (Self::RateLimited, "rate_limited"),
        (Self::ServerError, "server_error"),
        (Self::ConnectionReset, "connection_reset"),
        (Self::Unreachable, "unreachable"),
        (Self::Unavailable, "unavailable"),
        (Self::Silent, "silent"),
        (Self::Unauthorized, "unauthorized"),
        (Self::ModelMissing, "model_missing"),
        (Self::ContextLength, "context_length"),
        (Self::ContentPolicy, "content_policy"),
        (Self::InvalidRequest, "invalid_request"),
        (Self::Cancelled, "cancelled"),
        (Self::StreamBroken, "stream_broken"),
        (Self::Deadline, "deadline"),
        (Self::Diverged, "diverged"),
    ];

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| *known == name).map(|(class, _)| *class)
    }

    #[must_use]
    pub fn blame(self) -> Blame {
        match self {
            Self::RateLimited
            | Self::ServerError
            | Self::Unavailable
            | Self::Silent
            | Self::ModelMissing
            | Self::StreamBroken => Blame::Deployment,
            Self::Unreachable | Self::ConnectionReset | Self::Unauthorized => Blame::Provider,
            Self::Success
            | Self::ContextLength
            | Self::ContentPolicy
            | Self::InvalidRequest
            | Self::Cancelled
            | Self::Deadline
            | Self::Diverged => Blame::Nobody,
        }
    }

    /// Whether the provider was reached and gave an answer of its own, good or bad.
    #[must_use]
    pub fn was_answered(self) -> bool {
        !matches!(
            self,
            Self::Unreachable
                | Self::ConnectionReset
                | Self::Unauthorized
                | Self::Silent
                | Self::Cancelled
                | Self::Deadline
        )
    }

    /// Faults of the connection itself, after which an active probe may end a cooldown (R13).
    #[must_use]
    pub fn is_connection_fault(self) -> bool {
        matches!(self, Self::Unreachable | Self::ConnectionReset | Self::StreamBroken)
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        Self::NAMES.iter().find(|(class, _)| *class == self).map_or("unknown", |(_, name)| name)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    pub class: OutcomeClass,
    pub status: Option<u16>,
    /// Microseconds from sending the request to the first content token.
    pub ttft_us: Option<u64>,
    pub total_us: u64,
    pub prompt_tokens: Option<u32>,
    pub completion_tokens: Option<u32>,
    pub retry_after_us: Option<u64>,
    pub served_model: Option<String>,
    /// What had been sent on to the caller; `None` is nothing.
    #[serde(default)]
    pub delivered: Option<Delivered>,
}

/// The part of an answer its caller has already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Delivered {
    /// Plain text, which another answer can go on from.
    Text,
    /// Something else as well, such as a tool call or a chain of thought.
    More,
}

impl Delivered {
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "text" => Some(Self::Text),
            "more" => Some(Self::More),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::More => "more",
        }
    }
}

impl Outcome {
    #[must_use]
    pub fn of(class: OutcomeClass) -> Self {
        Self {
            class,
            status: None,
            ttft_us: None,
            total_us: 0,
            prompt_tokens: None,
            completion_tokens: None,
            retry_after_us: None,
            served_model: None,
            delivered: None,
        }
    }
}

//! What is wrong with a config, where, and what to do. The core knows places as JSON Pointers; the
//! loader turns them into file, line and column.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Error,
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    pub severity: Severity,
    /// Stable short name, such as `unknown-key`, for `accept` lists and documentation.
    pub code: &'static str,
    /// JSON Pointer (RFC 6901) to the value the message is about; for an unknown key, to that key.
    pub pointer: String,
    /// True when the place is the key itself rather than its value.
    pub at_key: bool,
    /// Characters into the string value, for errors inside a pattern or a condition.
    pub offset: Option<usize>,
    pub message: String,
    /// What to do, in one sentence.
    pub suggestion: Option<String>,
}

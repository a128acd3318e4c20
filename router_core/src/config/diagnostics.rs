//! What is wrong with a config, where, and what to do. The core knows places as JSON Pointers; the
//! loader turns them into file, line and column.

use serde::Serialize;

use super::pointer::Pointer;

/// Names this alike are offered as a correction.
const ALIKE: f64 = 0.82;
/// Longest list of allowed names spelled out in a message.
const NAMES_SHOWN: usize = 16;

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
    /// What it is about, by the names an `accept` may use.
    #[serde(skip)]
    pub names: Vec<String>,
    /// Why the config accepts it; then it is neither an error nor a warning.
    pub accepted: Option<String>,
}

impl Diagnostic {
    pub fn error(code: &'static str, at: &Pointer, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            pointer: at.as_str().to_owned(),
            at_key: false,
            offset: None,
            message: message.into(),
            suggestion: None,
            names: Vec::new(),
            accepted: None,
        }
    }

    pub fn warning(code: &'static str, at: &Pointer, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, at, message) }
    }

    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }

    /// Offers the known name closest to `written`, or lists them where none is close.
    #[must_use]
    pub fn suggest_name<'a>(self, written: &str, known: impl Iterator<Item = &'a str>) -> Self {
        let known: Vec<&str> = known.collect();
        match closest(written, known.iter().copied()) {
            Some(name) => self.suggest(format!("did you mean `{name}`?")),
            None if known.is_empty() => self,
            None if known.len() <= NAMES_SHOWN => {
                self.suggest(format!("use one of {}", known.join(", ")))
            }
            None => self,
        }
    }

    #[must_use]
    pub fn about(mut self, name: &str) -> Self {
        self.names.push(name.to_owned());
        self
    }

    /// Whether no table may be used with it.
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        self.severity == Severity::Error && self.accepted.is_none()
    }

    #[must_use]
    pub fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    #[must_use]
    pub fn at_offset(mut self, offset: Option<usize>) -> Self {
        self.offset = offset;
        self
    }
}

/// The known name most like `written`, if any is alike enough to be a slip of the pen.
pub fn closest<'a>(written: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let written = written.to_lowercase();
    known
        .map(|name| (strsim::jaro_winkler(&written, &name.to_lowercase()), name))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name)
}

/// Everything found so far, in the order it was found.
#[derive(Debug, Default)]
pub struct Report(Vec<Diagnostic>);

impl Report {
    pub fn add(&mut self, diagnostic: Diagnostic) {
        self.0.push(diagnostic);
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Diagnostic::is_fatal)
    }

    /// Whether something inside `place` is already reported as an error.
    #[must_use]
    pub fn has_error_in(&self, place: &Pointer) -> bool {
        self.0.iter().any(|found| found.severity == Severity::Error && place.holds(&found.pointer))
    }

    #[must_use]
    pub fn into_diagnostics(self) -> Vec<Diagnostic> {
        self.0
    }
}

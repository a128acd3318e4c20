//! An operator's hold on a provider: it gets nothing new, whatever its health, until the hold is lifted
//! or its time is over. What runs there is left to finish.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HoldKind {
    /// For a while: it is still asked for its load and its models.
    Draining,
    /// Out of use: it is left alone altogether.
    Disabled,
}

impl HoldKind {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Draining => "draining",
            Self::Disabled => "disabled",
        }
    }

    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Draining, Self::Disabled].into_iter().find(|kind| kind.as_str() == name)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hold {
    pub kind: HoldKind,
    /// The operator's own words; may be empty.
    #[serde(default)]
    pub reason: String,
    /// It ends by itself then, microseconds; 0 for not.
    #[serde(default)]
    pub until_us: u64,
}

impl Hold {
    #[must_use]
    pub fn is_over(&self, now_us: u64) -> bool {
        self.until_us > 0 && self.until_us <= now_us
    }

    /// How long it still lasts, where that is known.
    #[must_use]
    pub fn left_us(&self, now_us: u64) -> Option<u64> {
        (self.until_us > 0).then(|| self.until_us.saturating_sub(now_us))
    }

    /// In plain words, such as `disabled by an operator for another 90.0 s: new memory`.
    #[must_use]
    pub fn text(&self, now_us: u64) -> String {
        let done = match self.kind {
            HoldKind::Draining => "drained",
            HoldKind::Disabled => "disabled",
        };
        let left = |us: u64| format!(" for another {:.1} s", us as f64 / 1e6);
        let time = self.left_us(now_us).map(left).unwrap_or_default();
        let colon = if self.reason.is_empty() { "" } else { ": " };
        format!("{done} by an operator{time}{colon}{}", self.reason)
    }
}

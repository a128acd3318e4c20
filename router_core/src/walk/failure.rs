//! Why a walk ends without an answer, as a stable name and in plain words.

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The caller's own fault: trying elsewhere would not help.
    CallersFault,
    ContentPolicy,
    PlanExhausted,
    AttemptLimit,
    RetryBudgetSpent,
    NoRoom,
    Deadline,
    StreamBroken,
    Cancelled,
}

impl Failure {
    /// Stable short name.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::CallersFault => "callers_fault",
            Self::ContentPolicy => "content_policy",
            Self::PlanExhausted => "plan_exhausted",
            Self::AttemptLimit => "attempt_limit",
            Self::RetryBudgetSpent => "retry_budget_spent",
            Self::NoRoom => "no_room",
            Self::Deadline => "deadline",
            Self::StreamBroken => "stream_broken",
            Self::Cancelled => "cancelled",
        }
    }

    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::CallersFault => "the provider refused the request itself; another would too",
            Self::ContentPolicy => {
                "the provider's content policy refused; content_policy_fallback is off"
            }
            Self::PlanExhausted => "no deployment of the plan is left to try",
            Self::AttemptLimit => "the limit of attempts for one request is reached",
            Self::RetryBudgetSpent => {
                "the retry budget is spent: too many requests are failing at once"
            }
            Self::NoRoom => "no deployment of the plan had a free slot in time",
            Self::Deadline => "the deadline passed",
            Self::StreamBroken => "the answer broke off after part of it had been sent",
            Self::Cancelled => "the caller left",
        }
    }
}

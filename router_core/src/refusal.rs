//! Why a request gets no decision, in words a caller can act on and details a program can read.

use serde_json::{json, Value};

use crate::choose::Refusal;
use crate::eligibility::Skip;
use crate::facts::Facts;
use crate::resolve::Unresolved;
use crate::strategy::Strategy;
use crate::table::{DeploymentId, Table};

#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// `unknown_model`, `invalid_request`, `context_length_exceeded`, `no_eligible_deployment`,
    /// `no_room` or `budget_spent`.
    pub code: &'static str,
    pub message: String,
    pub details: Value,
}

impl Refused {
    #[must_use]
    pub fn from_refusal(refusal: Refusal, table: &Table, facts: &Facts, now_us: u64) -> Self {
        match refusal {
            Refusal::Unresolved(unresolved) => Self::unresolved(unresolved),
            Refusal::UnknownStrategy(name) => {
                let known = Strategy::names().into_iter().map(str::to_owned).collect::<Vec<_>>();
                Self::unknown_name("strategy", &name, &known)
            }
            Refusal::UnknownChain(name) => {
                let known = table.named_chains.keys().cloned().collect::<Vec<_>>();
                Self::unknown_name("chain", &name, &known)
            }
            Refusal::NoneEligible { skipped, matched } => {
                Self::none_eligible(&skipped, &matched, table, facts, now_us)
            }
        }
    }

    fn unresolved(unresolved: Unresolved) -> Self {
        match unresolved {
            Unresolved::NothingAsked => Self {
                code: "invalid_request",
                message:
                    "no model is named; set model to a model, pool or capability name, or ask \
                          for a capability with X-Capability"
                        .to_owned(),
                details: json!({ "param": "model" }),
            },
            Unresolved::UnknownModel { name, closest } => Self {
                code: "unknown_model",
                message: format!(
                    "the model {name:?} does not exist; the closest names are {}",
                    closest.join(", ")
                ),
                details: json!({ "param": "model", "suggestions": closest }),
            },
            Unresolved::UnknownCapability { name, known } => {
                Self::unknown_name("capability", &name, &known)
            }
        }
    }

    /// For a name of a few; `param` is both the field and what the names are of.
    fn unknown_name(param: &str, name: &str, known: &[String]) -> Self {
        let there_are = match known {
            [] => "none is configured".to_owned(),
            known => format!("there are {}", known.join(", ")),
        };
        Self {
            code: "invalid_request",
            message: format!("the {param} {name:?} does not exist; {there_are}"),
            details: json!({ "param": param, "suggestions": known }),
        }
    }

    fn none_eligible(
        skipped: &[(DeploymentId, Skip)],
        matched: &str,
        table: &Table,
        facts: &Facts,
        now_us: u64,
    ) -> Self {
        let rows: Vec<(String, String)> = skipped
            .iter()
            .map(|(id, skip)| {
                let deployment = table.deployments.get(*id);
                (deployment.id.clone(), skip.reason(table, deployment, now_us))
            })
            .collect();
        let reasons: Vec<String> =
            rows.iter().map(|(id, reason)| format!("{id}: {reason}")).collect();
        let soonest = skipped.iter().filter_map(|(_, skip)| match skip {
            Skip::Out { until_us } => Some(*until_us),
            Skip::Held(hold) => hold.left_us(now_us).map(|left_us| now_us.saturating_add(left_us)),
            Skip::BudgetSpent(shortfall) => shortfall.until_us(),
            _ => None,
        });
        let retry_after_us = soonest.min().map(|until_us| until_us.saturating_sub(now_us));
        let largest = largest_window(skipped);
        let unpaid = skipped.iter().any(|(_, skip)| matches!(skip, Skip::BudgetSpent(_)));
        let code = match (retry_after_us, largest) {
            _ if unpaid => "budget_spent",
            (Some(_), _) => "no_room",
            (None, Some(_)) => "context_length_exceeded",
            _ => "no_eligible_deployment",
        };
        let advice = match (code, largest) {
            ("budget_spent", _) => {
                "ask for a local model, lower max_tokens, or come back later: ".to_owned()
            }
            ("context_length_exceeded", Some(window)) => format!(
                "the request needs {} tokens and the largest context here is {window}; \
                 shorten the prompt or lower max_tokens: ",
                facts.prompt_tokens.saturating_add(facts.max_tokens.unwrap_or(0))
            ),
            _ => String::new(),
        };
        Self {
            code,
            message: format!("nothing can serve {matched:?}: {advice}{}", reasons.join("; ")),
            details: json!({
                "skipped": rows
                    .iter()
                    .map(|(deployment, reason)| json!({ "deployment": deployment, "reason": reason }))
                    .collect::<Vec<_>>(),
                "retry_after_us": retry_after_us,
            }),
        }
    }
}

/// The largest window among deployments refused for their context; `None` if none was.
fn largest_window(skipped: &[(DeploymentId, Skip)]) -> Option<u32> {
    let windows = skipped.iter().filter_map(|(_, skip)| match skip {
        Skip::ContextTooSmall { window, .. } => Some(*window),
        _ => None,
    });
    windows.max()
}

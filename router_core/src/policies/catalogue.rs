//! The policies by name (A2): what each asks of a config, and how severe a finding of it is where the
//! config does not say. Declared once, for the checks, the schema and the messages.

use serde::Deserialize;

/// How much a finding of a policy weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    Error,
    Warning,
    /// Not looked for.
    Off,
}

impl Level {
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Off => "off",
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
pub struct Policy {
    /// The code of its findings, and its name in a config.
    pub code: &'static str,
    /// What it asks for, as editors show it.
    pub asks: &'static str,
    /// Where the config does not say.
    pub level: Level,
    /// Why its findings stay errors, whatever a config says.
    pub fixed: Option<&'static str>,
}

pub const FEW_CLOUD_ATTEMPTS: &str = "few-cloud-attempts";
pub const SINGLE_FAILURE_DOMAIN: &str = "single-failure-domain";
pub const SHARED_LAST_DOMAIN: &str = "shared-last-domain";
pub const CAPABILITY_LOST: &str = "capability-lost";
pub const PARAMETER_DROP: &str = "parameter-drop";
pub const CYCLE: &str = "cycle";
pub const DISABLED_MODEL: &str = "disabled-model";

/// Every policy. The last ones are judged while the config is read.
pub const POLICIES: [Policy; 17] = [
    warning(
        FEW_CLOUD_ATTEMPTS,
        "Premium and standard models keep two attempts in the cloud, the first included, before they \
         go local.",
    ),
    warning(SINGLE_FAILURE_DOMAIN, "No plan stands on a single failure domain."),
    warning(
        SHARED_LAST_DOMAIN,
        "The last two models of a plan together span two failure domains.",
    ),
    warning(CAPABILITY_LOST, "No hop of a plan loses a capability of the model asked for."),
    warning(PARAMETER_DROP, "The first hop loses at most 90 % of the parameters."),
    Policy {
        code: CYCLE,
        asks: "Chains do not lead round. Members' own chains are not followed, so this is information.",
        level: Level::Off,
        fixed: None,
    },
    warning(
        DISABLED_MODEL,
        "Nothing refers to a disabled model, inactive members of an exclusive group excepted.",
    ),
    warning("pattern-overlap", "No two patterns match the same name."),
    warning("unreachable-pattern", "No pattern is hidden behind the ones before it."),
    warning("unreachable-size", "No size is covered by the ones before it."),
    warning("shadowed", "No pool has a name that something before it takes."),
    warning("unused-key", "Every key has an effect."),
    Policy {
        code: "unknown-key",
        asks: "Every key is a known one.",
        level: Level::Error,
        fixed: None,
    },
    fixed("unknown-model", "Every model that is named exists.", "there is nothing to send to"),
    fixed("unknown-provider", "Every provider that is named exists.", "there is nothing to send to"),
    fixed("bad-weights", "Some weight is above 0.", "nothing could be chosen"),
    fixed(
        "exclusive-group",
        "At most one member of an exclusive group is active.",
        "a switch would not know which of them runs",
    ),
];

const fn warning(code: &'static str, asks: &'static str) -> Policy {
    Policy { code, asks, level: Level::Warning, fixed: None }
}

const fn fixed(code: &'static str, asks: &'static str, why: &'static str) -> Policy {
    Policy { code, asks, level: Level::Error, fixed: Some(why) }
}

/// The policy of this name.
#[must_use]
pub fn policy(code: &str) -> Option<&'static Policy> {
    POLICIES.iter().find(|policy| policy.code == code)
}

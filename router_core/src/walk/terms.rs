//! What a request, its rule and the chain it names ask of the walk.

use crate::delivery::{Delivery, StreamBreak};
use crate::facts::Facts;
use crate::table::Table;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    pub deadline_us: u64,
    /// Distinct deployments tried.
    pub max_attempts: u8,
    /// Before each further deployment, microseconds.
    pub delay_us: u64,
    /// What was sent on of a broken stream may be continued by another deployment.
    pub continues: bool,
    /// A second deployment may race for the first token.
    pub hedge: bool,
}

impl Terms {
    /// Those of the rule that matched and of the chain the request names.
    #[must_use]
    pub fn of(table: &Table, facts: &Facts, delivery: Delivery, deadline_us: u64) -> Self {
        let chain = facts.chain.as_ref().and_then(|name| table.named_chains.get(name));
        Self {
            deadline_us,
            max_attempts: chain
                .and_then(|chain| chain.retry_attempts)
                .unwrap_or(table.settings.max_attempts),
            delay_us: chain.and_then(|chain| chain.retry_delay_us).unwrap_or(0),
            continues: delivery.stream_break == StreamBreak::Continue && facts.plain,
            hedge: delivery.hedge,
        }
    }
}

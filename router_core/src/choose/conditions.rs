//! The names that conditions read (R9), looked up in one request's facts and the view.

use std::cell::OnceCell;

use crate::complexity::Band;
use crate::condition::{Condition, Value, Variable};
use crate::eligibility::has_room;
use crate::facts::Facts;
use crate::size::parameters_in_name;
use crate::state::SATURATED_AT;
use crate::table::{Location, PoolId, Provider, ProviderId, Table, Target};
use crate::view::View;

pub struct Conditions<'a, V> {
    pub table: &'a Table,
    pub view: &'a V,
    pub facts: &'a Facts,
    pub band: Band,
    pub capability: Option<&'a str>,
    /// The pool whose members are being judged.
    pub pool: Option<PoolId>,
    /// Providers that come earlier in the plan: a chain's step is only reached after they failed.
    pub assumed_failed: &'a [ProviderId],
    pub now_us: u64,
    /// Figures of the whole pool, computed when first asked for.
    pub pool_figures: PoolFigures,
}

/// What conditions ask of a pool as a whole.
#[derive(Default)]
pub struct PoolFigures {
    in_flight: OnceCell<u32>,
    local_saturated: OnceCell<bool>,
}

impl<V: View> Conditions<'_, V> {
    #[must_use]
    pub fn hold(&self, condition: &Condition) -> bool {
        condition.holds(&|variable: &Variable| self.value(variable))
    }

    fn value(&self, variable: &Variable) -> Value<'_> {
        let facts = self.facts;
        match variable {
            Variable::TokenCount | Variable::PromptTokens | Variable::ContextTokens => {
                Value::Number(f64::from(facts.prompt_tokens))
            }
            Variable::MaxTokens => number(facts.max_tokens),
            Variable::Length => {
                Value::Number(f64::from(facts.max_tokens.unwrap_or(facts.prompt_tokens)))
            }
            Variable::Complexity => Value::Text(self.band.as_str()),
            Variable::RequestCount => Value::Number(f64::from(self.request_count())),
            Variable::BatchMode => Value::Flag(facts.batch_mode || facts.batch_size > 1),
            Variable::BatchSize => Value::Number(f64::from(facts.batch_size.max(1))),
            Variable::Stream => Value::Flag(facts.stream),
            Variable::QualityTier => text(facts.quality_tier.as_deref()),
            Variable::Priority => text(facts.priority.as_deref()),
            Variable::ModelSize => self.model_size(),
            Variable::LocalSaturated => Value::Flag(self.local_saturated()),
            Variable::Capability => text(self.capability),
            Variable::Header(name) => text(facts.header(name)),
            Variable::ProviderUnavailable(name) => Value::Flag(self.unavailable(name)),
            Variable::Always => Value::Flag(true),
        }
    }

    /// This pool's requests in flight plus this one, or the caller's own figure.
    fn request_count(&self) -> u32 {
        let members = || {
            let pool = self.pool.map(|pool| &self.table.pools.get(pool).members);
            pool.into_iter().flatten().map(|member| self.in_flight(member.target)).sum::<u32>()
        };
        let in_flight = || *self.pool_figures.in_flight.get_or_init(members);
        self.facts.request_count.unwrap_or_else(|| in_flight().saturating_add(1))
    }

    fn in_flight(&self, target: Target) -> u32 {
        let deployments = self.table.deployments_of(&target);
        deployments.iter().map(|id| self.view.deployment(*id).in_flight).sum()
    }

    /// No local member of this pool has capacity to spare: each is past its saturation threshold, or
    /// out. False for a pool without local members.
    #[must_use]
    pub fn local_saturated(&self) -> bool {
        *self.pool_figures.local_saturated.get_or_init(|| self.is_local_saturated())
    }

    fn is_local_saturated(&self) -> bool {
        let Some(pool) = self.pool else { return false };
        let pool = self.table.pools.get(pool);
        let threshold = pool.parameters.saturation_threshold;
        let mut locals = pool
            .members
            .iter()
            .flat_map(|member| self.table.deployments_of(&member.target))
            .map(|id| self.table.deployments.get(*id).provider)
            .filter(|id| self.table.providers.get(*id).location == Location::Local)
            .peekable();
        locals.peek().is_some() && locals.all(|id| self.saturated(id, threshold))
    }

    /// At the pool's own threshold, or within the hysteresis of the general one where that is higher;
    /// or it takes no requests at all.
    fn saturated(&self, id: ProviderId, threshold: f64) -> bool {
        let figures = self.view.provider(id);
        let out = figures.standing.out_until_us > self.now_us;
        if out || figures.held(self.now_us).is_some() || !self.table.providers.get(id).active {
            return true;
        }
        let load = figures.load(self.table.providers.get(id).capacity, self.now_us);
        load >= threshold || (figures.saturated && threshold <= SATURATED_AT)
    }

    fn model_size(&self) -> Value<'_> {
        let known = self.table.names.get(&self.facts.model);
        let parameters = known
            .and_then(|name| self.table.models.get(name.model).parameters)
            .or_else(|| parameters_in_name(&self.facts.model))
            .or_else(|| self.view.listed_size(&self.facts.model));
        parameters.map_or(Value::Missing, |count| Value::Number(count as f64))
    }

    /// A provider, kind or group is unavailable when none of its active members can take a request.
    /// An id wins over a kind or group of the same name.
    fn unavailable(&self, name: &str) -> bool {
        let named = |(_, provider): &(ProviderId, &Provider)| same(&provider.id, name);
        match self.table.providers.iter().find(named) {
            Some((id, provider)) => !self.takes_requests(id, provider),
            None => !self.table.providers.iter().any(|(id, provider)| {
                answers_to(provider, name) && self.takes_requests(id, provider)
            }),
        }
    }

    fn takes_requests(&self, id: ProviderId, provider: &Provider) -> bool {
        provider.active
            && !self.assumed_failed.contains(&id)
            && self.view.provider(id).standing.out_until_us <= self.now_us
            && has_room(self.table, self.view, provider.passthrough, self.now_us)
    }
}

fn answers_to(provider: &Provider, name: &str) -> bool {
    let group = provider.exclusive_group.as_deref().unwrap_or_default();
    same(provider.kind.as_str(), name) || same(group, name)
}

/// `-` in an id may be written `_` in a condition.
fn same(known: &str, written: &str) -> bool {
    known.len() == written.len()
        && known.bytes().zip(written.bytes()).all(|(a, b)| a == b || (a == b'-' && b == b'_'))
}

fn number(value: Option<u32>) -> Value<'static> {
    value.map_or(Value::Missing, |value| Value::Number(f64::from(value)))
}

fn text(value: Option<&str>) -> Value<'_> {
    value.map_or(Value::Missing, Value::Text)
}

//! From an arrival to the request that arrives: which kind it is, how long its prompt and its answer
//! are, and the facts the router is told. A request is the same whatever strategy meets it.

use super::arrivals::Arrival;
use super::draws::{keyed, Stream};
use super::scenario::{Amount, RequestKind};
use crate::facts::Facts;
use crate::rng::Rng;

/// A request as its caller sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// From 0, in order of arrival; keys every draw about this request.
    pub number: u64,
    /// Microseconds from the start.
    pub at_us: u64,
    pub kind: usize,
    pub prompt_tokens: u32,
    pub output_tokens: u32,
    pub streamed: bool,
    pub session: Option<u64>,
}

pub struct Workload {
    kinds: Vec<RequestKind>,
    seed: u64,
}

impl Workload {
    #[must_use]
    pub fn new(kinds: Vec<RequestKind>, seed: u64) -> Self {
        Self { kinds, seed }
    }

    #[must_use]
    pub fn kinds(&self) -> &[RequestKind] {
        &self.kinds
    }

    /// A kind's share of all requests, 0…1.
    #[must_use]
    pub fn share(&self, kind: &RequestKind) -> f64 {
        kind.share / self.kinds.iter().map(|kind| kind.share).sum::<f64>()
    }

    /// The request of one arrival; `None` only for a workload without kinds.
    #[must_use]
    pub fn request(&self, number: u64, (at_us, recorded): Arrival) -> Option<Request> {
        let mut rng = keyed(self.seed, Stream::Request, &[number]);
        let (index, kind) = self.pick(rng.unit())?;
        let prompt = tokens(kind.prompt_tokens, &mut rng);
        let output = tokens(kind.output_tokens, &mut rng);
        let output = recorded.map_or(output, |row| row.output_tokens);
        let streamed = rng.unit() < kind.streamed;
        Some(Request {
            number,
            at_us,
            kind: index,
            prompt_tokens: recorded.map_or(prompt, |row| row.prompt_tokens),
            output_tokens: kind.max_tokens.map_or(output, |most| output.min(most)),
            streamed,
            session: kind.sessions.map(|count| rng.next_u64() % u64::from(count.max(1))),
        })
    }

    fn pick(&self, point: f64) -> Option<(usize, &RequestKind)> {
        let mut left = point;
        let taken = self.kinds.iter().enumerate().find(|(_, kind)| {
            left -= self.share(kind);
            left < 0.0
        });
        // Rounding may leave a point past the last share.
        taken.or_else(|| self.kinds.iter().enumerate().rfind(|(_, kind)| kind.share > 0.0))
    }

    /// What the router is told of a request: the one place where a workload's entry becomes facts.
    /// No two requests have the same prompt.
    #[must_use]
    pub fn facts(&self, request: &Request, strategy: Option<&str>) -> Facts {
        let Some(kind) = self.kinds.get(request.kind) else { return Facts::default() };
        Facts {
            model: kind.model.clone(),
            capability: kind.capability.clone(),
            prompt_tokens: request.prompt_tokens,
            prompt_tokens_exact: true,
            max_tokens: kind.max_tokens,
            prompt_hash: Some(keyed(self.seed, Stream::Prompt, &[request.number]).next_u64()),
            query_class: kind.query_class,
            plain: true,
            stream: request.streamed,
            batch_size: 1,
            quality_tier: kind.quality_tier.clone(),
            priority: kind.priority.clone(),
            session: request.session.map(|session| format!("{}-{session}", request.kind)),
            strategy: strategy.map(str::to_owned),
            headers: kind.headers.iter().map(|(k, v)| (k.to_lowercase(), v.clone())).collect(),
            ..Facts::default()
        }
    }

    /// A typical request of a kind: mean lengths, for what is worked out before the start.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the schema bounds both
    pub fn typical(&self, kind: usize) -> Option<Request> {
        let entry = self.kinds.get(kind)?;
        Some(Request {
            number: 0,
            at_us: 0,
            kind,
            prompt_tokens: entry.prompt_tokens.mean().round() as u32,
            output_tokens: entry.output_tokens.mean().round() as u32,
            streamed: entry.streamed > 0.0,
            session: None,
        })
    }
}

/// At least one token: nobody asks nothing, and an answer ends with something.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // saturates
fn tokens(amount: Amount, rng: &mut Rng) -> u32 {
    match amount {
        Amount::Fixed(tokens) => tokens,
        Amount::Drawn(drawn) => {
            ((drawn.mean * drawn.distribution.factor(rng)).round() as u32).max(1)
        }
    }
}

"""The words every room shares: frozen values that travel between faces, serving and connectors."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Operation(StrEnum):
    """What the caller asks for; the value names the body's shape."""

    CHAT = "chat"
    COMPLETION = "completion"
    EMBEDDING = "embedding"


class Work(StrEnum):
    """What a request makes the router do. Each has bounds of its own."""

    CARRY_OUT = "carry_out"
    DECIDE = "decide"
    DECIDE_STREAM = "decide_stream"  # for as long as a RouteStream is open


class OutcomeClass(StrEnum):
    """How an attempt ended; the core decides by these what comes next (ARCHITECTURE.md)."""

    SUCCESS = "success"
    RATE_LIMITED = "rate_limited"  # 429
    SERVER_ERROR = "server_error"  # 500, or an answer that cannot be read
    CONNECTION_RESET = "connection_reset"  # broken before the first byte of content
    UNREACHABLE = "unreachable"  # refused, DNS, TLS, connect timeout
    UNAVAILABLE = "unavailable"  # 502, 503, 504
    SILENT = "silent"  # no first token in time
    UNAUTHORIZED = "unauthorized"  # 401, 403 from upstream
    MODEL_MISSING = "model_missing"  # 404 for the model upstream
    CONTEXT_LENGTH = "context_length"
    CONTENT_POLICY = "content_policy"
    INVALID_REQUEST = "invalid_request"  # other 4xx: the caller's fault
    CANCELLED = "cancelled"  # the caller left
    STREAM_BROKEN = "stream_broken"  # cut, stalled or ended without a finish reason, after content
    DEADLINE = "deadline"  # the request's own deadline passed during the attempt
    DIVERGED = "diverged"  # a second answer did not begin with what was sent of the first


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens as the provider counted them."""

    prompt_tokens: int
    completion_tokens: int


@dataclass(frozen=True, slots=True)
class Limits:
    """Time limits of one attempt, seconds. `total` is what is left of the request's deadline."""

    connect: float
    first_token: float
    idle: float
    total: float
    attempt: float | None = None
    """For the attempt alone, after which another provider may be tried; None is no such limit."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """Text already delivered, from whose end the answer is to go on."""

    text: str
    tokens: int
    """How many tokens that is; the answer's limit is lowered by them."""


@dataclass(frozen=True, slots=True)
class UpstreamCall:
    """One attempt as a connector sees it."""

    operation: Operation
    body: bytes
    """The caller's own OpenAI-style JSON, untouched; the connector overlays what it must."""
    upstream_model: str
    stream: bool
    limits: Limits
    headers: Mapping[str, str] = field(default_factory=dict)
    """To send besides the connector's own: request id, traceparent, listed client headers."""
    assembled: bool = False
    """Of a whole answer: ask the provider for a stream and put it together. Not for embeddings."""
    prefill: Prefill | None = None
    """Go on from here; the answer then holds only what is new."""

    @property
    def streamed(self) -> bool:
        """Whether the provider is asked for a stream."""
        return self.stream or (self.assembled and self.operation is not Operation.EMBEDDING)


# ── Events a connector yields ────────────────────────────────────────────────────────────────────
# Streaming: Started, then Delta …, then Finished. Whole answers: Started, then Whole; assembled
# ones have their Deltas in between, none where the server sent a whole answer after all.
# Anything else ends with UpstreamError; an iterator that just stops is a bug in the connector.


@dataclass(frozen=True, slots=True)
class Started:
    """The provider accepted the request: status line and headers are in, no content yet."""

    status: int


@dataclass(frozen=True, slots=True)
class Delta:
    """One OpenAI-style stream chunk.

    raw is the chunk's JSON exactly as it came (for Ollama: as the connector wrote it); text is what
    it adds to the first choice; content says whether it carries anything a reader would see (text,
    tool call, reasoning), as against a role or a usage record.
    """

    raw: bytes
    text: str
    content: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The stream ended whole: a finish reason for every choice was seen."""

    finish_reason: str
    usage: Usage | None
    served_model: str | None


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole, valid, OpenAI-style answer body, exactly as it came (Ollama: as translated)."""

    body: bytes
    text: str
    finish_reason: str | None
    usage: Usage | None
    served_model: str | None


Event = Started | Delta | Finished | Whole


@dataclass(frozen=True, slots=True)
class LoadSignals:
    """What a provider tells of its own load, everybody's requests counted; None: it does not tell.

    With every figure None the provider tells nothing at all.
    """

    running: int | None = None
    """Requests it works on."""
    waiting: int | None = None
    """Requests in its queue."""
    cache_used: float | None = None
    """Share of its KV cache in use, 0…1."""
    loaded: tuple[str, ...] | None = None
    """Upstream names of the models in its memory."""


class Connector(Protocol):
    """Speaks one wire protocol to one provider."""

    def events(self, call: UpstreamCall) -> AsyncGenerator[Event, None]:
        """Carry out one attempt. Closing the generator closes the upstream connection at once.

        Raises UpstreamError, and nothing else, for whatever goes wrong.
        """

    async def probe(self, timeout_s: float) -> dict[str, str | None]:
        """The models the provider lists, each with the parameter count it states ("7.6B"), if any.

        Raises UpstreamError.
        """

    async def signals(self, timeout_s: float) -> LoadSignals:
        """What the provider tells of its load now; nothing, where it has no page for that.

        Raises UpstreamError.
        """

    async def close(self) -> None: ...


# ── What faces get back ──────────────────────────────────────────────────────────────────────────


MOVES = ("fallback", "continuation")
"""Kinds of attempts that are made after a failure, where another deployment is left to go to."""


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One try as callers, logs and metrics see it. Times are seconds."""

    number: int
    kind: str
    """Why it was made: first, repeat, fallback, hedge or continuation."""
    model: str
    provider: str
    deployment: str
    upstream_model: str
    outcome: OutcomeClass
    status: int | None
    message: str | None
    ttft_s: float | None
    total_s: float


@dataclass(frozen=True, slots=True)
class Served:
    """E6: what really answered."""

    decision_id: str
    request_id: str
    model: str
    provider: str
    deployment: str
    upstream_model: str
    rule: str
    strategy: str
    attempts: int
    table_version: str
    deprecated: str | None = None
    """The current name, where the caller used a deprecated one."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer."""

    served: Served
    body: bytes
    text: str
    finish_reason: str | None
    usage: Usage | None


@dataclass(frozen=True, slots=True)
class Opened:
    """First item of a stream: the first content is at hand and these headers now hold."""

    served: Served


@dataclass(frozen=True, slots=True)
class Continued:
    """In the middle of a stream: its deployment broke off, and another one goes on."""

    served: Served
    by: str
    """prefill, or regenerated: the new answer repeated word for word what had been sent."""
    chunk: bytes
    """An OpenAI-style chunk without content that says so."""


StreamItem = Opened | Delta | Continued | Finished
"""What Orchestrator.stream yields: Opened, then Delta …, with Continued where another deployment
goes on, then Finished; a break raises StreamBroken."""


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """Everything one finished request taught us; logs and metrics are fed by this alone.

    Times are seconds. overhead_s is everything outside upstream calls, deliberate waits, and the
    wait for a slot and for the body. One that was turned away before its body was read has no
    model, and `stream` is false.
    """

    request_id: str
    face: str
    operation: Operation
    stream: bool
    principal: str
    requested_model: str
    status: str
    """ok, cancelled, or the code of the error the caller got."""
    total_s: float
    decision_id: str | None = None
    rule: str | None = None
    matched: str | None = None
    strategy: str | None = None
    notes: tuple[str, ...] = ()
    attempts: tuple[AttemptRecord, ...] = ()
    error: str | None = None
    refusal: str | None = None
    """Where the router had no room or was stopping: which bound was met, in a fixed word."""
    queued_s: float = 0.0
    """Time it waited for its slot."""
    decision_s: float = 0.0
    ttft_s: float | None = None
    overhead_s: float = 0.0
    usage: Usage | None = None
    table_version: str | None = None
    provider: str | None = None
    """The decision's first choice; a Route call has no attempts to tell it by."""
    ended_at: float = 0.0
    """Seconds since the epoch."""
    body: bytes | None = None
    """What the caller sent, where it is to be kept."""


class Observer(Protocol):
    """Told once of every finished request. Must not block and must not raise."""

    def request_finished(self, record: RequestRecord) -> None: ...


# ── What faces hand in ───────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Attributes:
    """What a request says about itself besides its body: fields of a message, or x-… headers."""

    capability: str | None = None
    priority: str | None = None
    quality_tier: str | None = None
    batch_size: int | None = None
    batch_mode: bool = False
    request_count: int | None = None
    session: str | None = None
    strategy: str | None = None
    chain: str | None = None
    allowed: tuple[str, ...] | None = None
    """Stable deployment ids the caller may use; None is all."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """A request of which the head is here, and the body yet to be read."""

    face: str
    work: Work
    operation: Operation
    principal: str
    request_id: str
    priority: str | None = None
    timeout_s: float | None = None
    at: float = field(default_factory=time.monotonic)
    """When it came, time.monotonic()."""


@dataclass(frozen=True, slots=True)
class Incoming:
    """One request to carry out."""

    face: str
    """grpc or http, for logs and metrics."""
    operation: Operation
    body: bytes
    """OpenAI-style JSON as the caller sent it."""
    attributes: Attributes
    headers: Mapping[str, str]
    """The client's headers or metadata, names lower-cased."""
    principal: str
    request_id: str
    timeout_s: float | None = None
    """The caller's own deadline; None leaves it to config."""
    arrived: float = field(default_factory=time.monotonic)
    """When its head came, time.monotonic(); the deadline counts from here."""
    queued_s: float = 0.0
    """Time it waited for its slot."""
    query_class: str | None = None
    """simple, medium, complex or unknown, for what came in as a Query."""


@dataclass(frozen=True, slots=True)
class Query:
    """A question to answer, from which the chat is yet to be built (R15)."""

    face: str
    text: str
    attributes: Attributes
    headers: Mapping[str, str]
    principal: str
    request_id: str
    domain: str | None = None
    """What the question is about, for the model."""
    language: str | None = None
    """What to answer in, for the model."""
    query_type: str | None = None
    entities: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """Each entity with its values."""
    context_docs: tuple[str, ...] = ()
    max_tokens: int | None = None
    timeout_s: float | None = None
    arrived: float = field(default_factory=time.monotonic)
    """When its head came, time.monotonic()."""
    queued_s: float = 0.0
    """Time it waited for its slot."""


@dataclass(frozen=True, slots=True)
class QueryAnswer:
    """The answer to a Query."""

    answer: Answer
    complexity: str
    """simple, medium or complex; unknown where it could not be told."""
    signal: str
    """What that was told by, in plain words."""
    latency_s: float
    """From the question's coming in to the answer, seconds."""


@dataclass(frozen=True, slots=True)
class RouteQuery:
    """One request to decide on without carrying it out. At most one of prompt and body is set."""

    face: str
    model: str
    attributes: Attributes
    headers: Mapping[str, str]
    principal: str
    request_id: str
    prompt: str | None = None
    body: bytes | None = None
    operation: Operation = Operation.CHAT
    max_tokens: int | None = None
    stream: bool = False
    prompt_tokens: int | None = None
    """The caller's own count, which spares us counting."""

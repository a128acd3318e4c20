"""The words between a wire protocol and the server that carries it: ask, reply, refusal, dialect.

A dialect says what a healthy server sends; `carriage` sends it, or breaks it as a fault demands.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any, Protocol

from router_service.testing.answers import Answer
from router_service.testing.behaviour import Behaviour, Fault, FaultKind


class Server(StrEnum):
    """Whose manners a fake provider has."""

    OLLAMA = "ollama"
    VLLM = "vllm"
    LLAMA_CPP = "llama_cpp"
    LLAMA_CPP_PYTHON = "llama_cpp_python"
    OPENAI = "openai"  # a cloud service with the OpenAI API


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """One fake provider."""

    id: str
    server: Server
    models: tuple[str, ...] | None = None
    """Names it serves; None serves any."""
    api_key: str | None = None
    """Bearer key it demands."""
    context_window: int | None = None
    port: int = 0
    """0 takes a free one."""
    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        object.__setattr__(self, "server", Server(self.server))

    @property
    def base_path(self) -> str:
        """What follows the address in a base URL."""
        return "" if self.server is Server.OLLAMA else "/v1"

    def serves(self, model: str) -> bool:
        return self.models is None or model in self.models

    def to_json(self) -> str:
        members = {name: getattr(self, name) for name in self.__slots__}
        return json.dumps(members | {"behaviour": self.behaviour.to_json()})

    @classmethod
    def from_json(cls, text: str) -> ProviderSpec:
        """Raises ValueError naming the field at fault."""
        members = json.loads(text)
        if not isinstance(members, dict):
            raise ValueError("spec: must be a JSON object")
        models = members.get("models")
        behaviour = Behaviour.from_json(members.get("behaviour", {}))
        shaped = {"models": None if models is None else tuple(models), "behaviour": behaviour}
        try:
            return cls(**(members | shaped))
        except TypeError as error:
            raise ValueError(f"spec: {error}") from None


class Role(StrEnum):
    """What a frame of a stream is for."""

    OPEN = "open"
    TOKEN = "token"  # noqa: S105 - a token of text
    FINISH = "finish"
    USAGE = "usage"
    DONE = "done"
    WHOLE = "whole"  # the body of an answer that is not streamed


@dataclass(frozen=True, slots=True)
class Frame:
    """Bytes that are sent in one piece."""

    role: Role
    data: bytes


@dataclass(frozen=True, slots=True)
class Ask:
    """One request for an answer, understood; and the answer."""

    model: str
    stream: bool
    prompt_tokens: int
    answers: tuple[Answer, ...]
    body: Mapping[str, Any]
    """The request as sent."""
    prefilled: bool = False
    """The conversation ends with an assistant message."""
    usage: bool = True
    """Report usage, where the protocol would."""
    misnamed: bool = False
    """The answer names another model than the one that made it."""

    @property
    def named(self) -> str:
        """The model that the answer names."""
        return f"not-{self.model}" if self.misnamed else self.model

    @property
    def completion_tokens(self) -> int:
        return sum(len(answer.tokens) for answer in self.answers)

    def twisted(self, fault: Fault) -> Ask:
        """The same with the faults that change what is said rather than how it is carried."""
        if fault.kind is FaultKind.WRONG_MODEL:
            return replace(self, misnamed=True)
        if fault.kind is FaultKind.NO_USAGE:
            return replace(self, usage=False)
        if fault.kind is FaultKind.NO_FINISH_REASON:
            return replace(self, answers=_ending(self.answers, None, None))
        if fault.kind is FaultKind.FINISH_CONTENT_FILTER:
            ended = _ending(self.answers, "content_filter", fault.after_tokens)
            return replace(self, answers=ended)
        return self


def _ending(
    answers: tuple[Answer, ...], reason: str | None, tokens: int | None
) -> tuple[Answer, ...]:
    return tuple(
        replace(answer, tokens=answer.tokens[:tokens], finish_reason=reason) for answer in answers
    )


@dataclass(frozen=True, slots=True)
class Reply:
    """What a healthy server sends, in order."""

    content_type: str
    frames: tuple[Frame, ...]


class Reason(StrEnum):
    """Why a provider refuses; each server has its own words for it."""

    UNAUTHORIZED = "unauthorized"
    MODEL_MISSING = "model_missing"
    BAD_REQUEST = "bad_request"
    CONTEXT_LENGTH = "context_length"
    CONTENT_FILTER = "content_filter"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"
    BROKEN = "broken"


class Refusal(Exception):
    """A request is answered with an error. `body` is in the server's own form."""

    def __init__(self, reason: Reason, status: int, body: Mapping[str, Any]) -> None:
        super().__init__(f"{reason} ({status})")
        self.reason = reason
        self.status = status
        self.body = body


@dataclass(frozen=True, slots=True)
class Load:
    """How busy a provider is, for its metrics."""

    running: int
    waiting: int
    slots: int | None
    prompt_tokens: int
    """Since the start."""
    completion_tokens: int
    model: str
    loaded: tuple[str, ...]
    """Models in memory, for a server that loads them on demand."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path that answers."""

    read: Callable[[Mapping[str, Any]], Ask]
    """Raises Refusal."""
    render: Callable[[Ask], Reply]


@dataclass(frozen=True, slots=True)
class Page:
    """What a GET answers."""

    content_type: str
    body: bytes


class Dialect(Protocol):
    """One family of paths with its framing and its errors."""

    @property
    def endpoints(self) -> Mapping[str, Endpoint]: ...

    @property
    def pages(self) -> Mapping[str, Callable[[Load], Page]]: ...

    def refusal(self, reason: Reason, message: str, status: int | None = None) -> Refusal:
        """An error in this server's words; status is the usual one where it is None."""
        ...

    def event(self, data: bytes) -> bytes:
        """Frame one event around these bytes."""
        ...

    def error_event(self, refusal: Refusal) -> bytes:
        """The same error inside a stream."""
        ...


def as_json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def json_page(value: Any) -> Page:
    return Page("application/json", as_json(value))

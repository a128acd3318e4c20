"""The words of the fault suite: a scenario, the ways a caller can meet it, and what is promised.

Nothing here does I/O; `scenarios` speaks these words, `trial` carries them out, `verdict` compares.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from router_service.testing import Fault, Server

PROMPT = "hello"
GRACE_S = 0.25
"""How long after its deadline a caller may have to wait for the answer at most."""


class Manner(StrEnum):
    """How the caller wants the answer, and how the router asks the provider for it."""

    STREAMED = "streamed"
    ASSEMBLED = "whole"  # the provider streams, and the router puts the answer together
    WHOLE = "whole-upstream"  # the provider answers whole, as `stream_whole_answers: false` has it


# ── What the caller gets ────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole answer of this provider."""

    by: str
    tokens: int | None = None
    """All, or so many where the answer itself says that it ends early."""
    finish: str | None = "stop"
    """None: any."""
    usage: bool = True
    """A whole answer says what it took."""
    continued: tuple[tuple[str, str], ...] = ()
    """Who went on with what the provider began, and how: the caller is told of both."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A clear error in place of any content."""

    http: int
    grpc: str
    code: str | None
    """The error's short name over HTTP; None where the provider's own body is passed on."""
    words: str = ""
    """Part of the message."""
    retry_after: bool = False


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """A stream that tells of its break."""

    tokens: int | None = None
    """Sent before; None is all of them."""
    text: str | None = None
    """What was sent, where it is not the usual text."""
    somewhere: bool = False
    """A clock ends it, wherever it is by then."""
    by_deadline: bool = False
    """That of the request, which may be told of in its own words."""


Result = Answered | Refused | BrokenOff
Tries = tuple[tuple[str, str], ...]
"""Provider and outcome class of each attempt, in order."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What the caller gets, and what it took."""

    result: Result
    tried: tuple[Tries, ...]
    """Alternatives, where the order of two events is open."""
    wait_s: tuple[float, float] | None = None
    """Between the first two requests the first provider saw."""
    seconds: tuple[float, float] | None = None
    """Until the caller has it all; the deadline holds besides."""

    def asked(self, tries: Tries) -> dict[str, int]:
        """Requests each provider sees when these attempts are made."""
        reached = [provider for provider, outcome in tries if outcome != "unreachable"]
        return {provider: reached.count(provider) for provider in dict.fromkeys(reached)}


def by_first(*before: str, **more: Any) -> Promise:
    """The first provider answers, after failures of these classes."""
    return _answered("first", before, **more)


def by_second(*before: str, **more: Any) -> Promise:
    """The second provider answers, after these failures of the first."""
    return _answered("second", before, **more)


def by_third(*before: str, **more: Any) -> Promise:
    """The third provider answers, after these failures of the first."""
    return _answered("third", before, **more)


def refused(result: Refused, *before: str, **more: Any) -> Promise:
    """An error, after these failures of the first provider alone."""
    return Promise(result, (_failures(before),), **more)


def broken(tokens: int | None, *after: str, **more: Any) -> Promise:
    """The first provider's stream breaks off; what comes after it went unseen."""
    return Promise(BrokenOff(tokens), (_failures(("stream_broken", *after)),), **more)


def _answered(provider: str, before: tuple[str, ...], **more: Any) -> Promise:
    shown = {name: more.pop(name) for name in ("tokens", "finish", "usage") if name in more}
    tries = (*_failures(before), (provider, "success"))
    return Promise(Answered(provider, **shown), (tries,), **more)


def _failures(classes: tuple[str, ...]) -> Tries:
    return tuple(("first", outcome) for outcome in classes)


# ── What happens, and to whom ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One fault, or one combination, with what is promised for each way of meeting it."""

    name: str
    first: tuple[Fault, ...] = ()
    second: tuple[Fault, ...] = ()
    plan: str = "best"
    streamed: Promise
    assembled: Promise | None = None
    """None: as streamed."""
    whole: Promise | None = None
    """None: as assembled, and not tried separately."""
    ollama: Mapping[Manner, Promise] = field(default_factory=dict)
    """What differs where the first provider speaks Ollama's own API."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of the router."""
    https: bool = False
    """The first provider is addressed as if it spoke TLS, which it does not."""
    providers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Of the routing config: keys of some providers."""
    second_server: Server = Server.VLLM
    body: Mapping[str, Any] = field(default_factory=dict)
    deadline_s: float = 3.0
    manners: tuple[Manner, ...] = tuple(Manner)
    servers: tuple[Server, ...] = (Server.VLLM, Server.OLLAMA)
    before: int = 0
    """Healthy requests sent first."""

    def promise(self, manner: Manner, server: Server) -> Promise:
        if server is Server.OLLAMA and manner in self.ollama:
            return self.ollama[manner]
        if manner is Manner.STREAMED:
            return self.streamed
        if manner is Manner.WHOLE and self.whole is not None:
            return self.whole
        return self.assembled or self.streamed

    def ways(self) -> Iterator[tuple[Manner, Server]]:
        """Manner and server of each of its cases."""
        for manner in self.manners:
            if manner is not Manner.WHOLE or self.whole is not None:
                yield from ((manner, server) for server in self.servers)


@dataclass(frozen=True, slots=True)
class Case:
    """A scenario met in one way."""

    scenario: Scenario
    manner: Manner
    face: str
    """http or grpc."""
    server: Server
    """What the first provider is."""

    @property
    def promise(self) -> Promise:
        return self.scenario.promise(self.manner, self.server)

    @property
    def stream(self) -> bool:
        return self.manner is Manner.STREAMED

    @property
    def protocol(self) -> str:
        return "Ollama" if self.server is Server.OLLAMA else "OpenAI"

    def __str__(self) -> str:
        return f"{self.scenario.name}, {self.manner}, {self.face}, {self.protocol}"


def cases(scenarios: list[Scenario]) -> list[Case]:
    """Every way of meeting every scenario."""
    return [
        Case(scenario, manner, face, server)
        for scenario in scenarios
        for manner, server in scenario.ways()
        for face in ("http", "grpc")
    ]

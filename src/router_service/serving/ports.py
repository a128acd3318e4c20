"""What the faces need of the rooms below them: to carry requests out, and to be operated."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

if TYPE_CHECKING:
    from router_service.core import Decision, Model, Outcome, Provider, Table
    from router_service.errors import RouterError
    from router_service.serving.admission import Place
    from router_service.serving.watchers import DecisionFilter, Watcher
    from router_service.types import (
        Answer,
        Arrival,
        Incoming,
        Query,
        QueryAnswer,
        RouteQuery,
        StreamItem,
    )


class RequestService(Protocol):
    """Decides on requests and carries them out. The real thing is serving/orchestrator.py."""

    def join(self, arrival: Arrival) -> Place:
        """A place for a request whose body is yet to be read; leave it when the request has ended.

        Raises Overloaded or Draining.
        """

    def refused(self, arrival: Arrival, error: BaseException, queued_s: float = 0.0) -> None:
        """Leave the record of a request that ended before it was handed in."""

    async def open(self, incoming: Incoming) -> Answer | AsyncGenerator[StreamItem, None]:
        """Carry out one request; the body's own "stream" member says which of the two comes back.

        A generator is handed back when the first content is at hand: its first item is Opened, then
        Delta …, then Finished; StreamBroken is raised in between where the answer breaks off. The
        caller must aclose() it; that closes the upstream connection at once. It has to hold a place
        from join() all the while. Raises RouterError.
        """

    async def generate(self, query: Query) -> QueryAnswer:
        """Classify a question and answer it with the model its class calls for.

        Raises RouterError.
        """

    async def decide(self, query: RouteQuery) -> Decision:
        """Choose and reserve, without carrying out. Raises RouterError."""

    async def decide_many(self, queries: Sequence[RouteQuery]) -> list[Decision | RouterError]:
        """One decision or error for each query, in order."""

    async def explain(self, query: RouteQuery) -> dict[str, Any]:
        """The decision with every candidate; reserves nothing. Raises RouterError."""

    def report(self, permit: str, outcome: Outcome) -> str:
        """Outcome of a Route caller's attempt: accepted, duplicate, expired or unknown."""

    def watch(self, wanted: DecisionFilter) -> AbstractContextManager[Watcher]:
        """Be told of decisions as their requests end, for as long as the block lasts.

        Raises TooManyWatchers on entering.
        """

    def feedback(self, decision_id: str, score: float) -> str:
        """How good an answer was, 0 to 1; the last score of a decision counts.

        Returns accepted or unknown.
        """

    def decision_of(self, principal: str, request_id: str) -> str | None:
        """The decision made for a caller's request, among the last ones."""

    def experiments(self) -> dict[str, Any]:
        """The figures of every experiment by arm, and which arms serve which classes of queries."""

    def reset_experiments(self, experiment: str | None) -> list[str]:
        """Start the figures of one experiment, or of all, anew and lift its rollback.

        Returns the names of those that were reset.
        """

    def status(self) -> dict[str, Any]:
        """What the core says of every provider and deployment, and of this process: instance,
        started_us, draining, in_flight (requests being carried out)."""

    def models(self) -> Sequence[Model]: ...

    def capabilities(self) -> Sequence[str]: ...

    def pools(self) -> Sequence[str]: ...

    def provider(self, provider_id: str) -> Provider:
        """One of the table in use, or one that a reload took away lately. Raises KeyError."""

    def ready(self) -> bool:
        """False while draining."""


class Finding(Protocol):
    """One error or warning of a routing config, with its place. Line and column count from 1; the
    pointer is a JSON Pointer, empty where the file itself is at fault. `str()` is for people."""

    @property
    def severity(self) -> Literal["error", "warning"]: ...
    @property
    def code(self) -> str: ...
    @property
    def file(self) -> str: ...
    @property
    def line(self) -> int: ...
    @property
    def column(self) -> int: ...
    @property
    def pointer(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def suggestion(self) -> str | None: ...


class Files(Protocol):
    """The files of a routing config in one state. Those that are equal were not changed."""

    def again(self) -> Files:
        """The same files as they are now. May block."""


class Loaded(Protocol):
    """What reading the routing config gave."""

    @property
    def table(self) -> Table | None:
        """None where there is an error."""

    @property
    def findings(self) -> Sequence[Finding]: ...
    @property
    def document(self) -> bytes:
        """All files as one JSON object, which the table was compiled of; empty where they could not
        be read."""

    @property
    def files(self) -> Files: ...


@dataclass(frozen=True, slots=True)
class Reload:
    """What became of a reload or a rollback. accepted: the config is good and, but for a dry run,
    in use. changes: what differs from the config in use before, a line each."""

    accepted: bool
    table_version: str
    previous_version: str
    findings: Sequence[Finding]
    changes: Sequence[str] = ()
    rolled_back: bool = False


@dataclass(frozen=True, slots=True)
class KeptConfig:
    """A routing config that can be gone back to, or the one in use. Since when: microseconds since
    the Unix epoch."""

    version: str
    since_us: int
    in_use: bool


@dataclass(frozen=True, slots=True)
class ConfigInUse:
    """The routing config in use, and those kept, the oldest first. rolled_back: it is an earlier
    one, until the next reload."""

    rolled_back: bool
    kept: Sequence[KeptConfig]


SwitchStage = Literal["draining", "switching", "waiting_for_health", "active"]


@dataclass(frozen=True, slots=True)
class SwitchProgress:
    """A stage of a switch that begins now, or with `active` its end. previous and next are provider
    ids; previous is empty where no member was active."""

    stage: SwitchStage
    previous: str
    next: str
    elapsed_us: int
    message: str


class OperatorService(Protocol):
    """What an operator changes of a running router. The real thing is serving/operations.py."""

    async def reload(self, *, dry_run: bool = False) -> Reload:
        """Read the routing config again and put it in place as a whole, or keep the one in use and
        say what is wrong. Requests under way finish on the config they started with."""

    async def rollback(self, version: str, *, dry_run: bool = False) -> Reload:
        """Put an earlier routing config in place, by its version or `previous`, until the next
        reload. Raises RollbackRefused."""

    def config_in_use(self) -> ConfigInUse: ...

    def switch_model(
        self, target: str, *, timeout_s: float | None, operator: str
    ) -> AsyncGenerator[SwitchProgress, None]:
        """Make another member of an exclusive group the active one, telling each stage; without a
        timeout the service config's counts.

        It goes on when nobody listens any more. Raises SwitchRefused before it begins and
        SwitchFailed once it has been taken back.
        """

    def set_provider_state(
        self,
        provider: str,
        state: str,
        *,
        reason: str = "",
        duration_us: int | None = None,
        operator: str,
    ) -> dict[str, Any]:
        """Take a provider out of use or back into it; state is enabled, draining or disabled.

        Without a duration it holds until told otherwise; operator is who asks, for the log. Returns
        the provider as status() has it. Raises UnknownProvider.
        """

"""Examines the providers of a table: connection, key, models, load figures, a first token.
All at once; each question has a timeout, and nothing is concluded here (see findings)."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TypeVar

import aiohttp

from router_service.connectors import HttpConnector, Keyless, build, open_session
from router_service.connectors.connector import NOT_OFFERED
from router_service.connectors.model_names import is_listed
from router_service.core import Deployment, Provider, Table, overlay
from router_service.discover.servers import Server, look, recognise
from router_service.doctor.first_token import FirstToken, first_token
from router_service.errors import UpstreamError
from router_service.types import LoadSignals, OutcomeClass

MOST_AT_ONCE = 16
MOST_CLOSEST = 3
_CLOSE = 0.5
"""How alike two names must be, 0…1, for one to be shown for the other."""

T = TypeVar("T")


class Key(StrEnum):
    """What became of a provider's key."""

    NONE = "none"  # config names none, and none was asked for
    MISSING = "missing"  # config names one that cannot be had
    REFUSED = "refused"  # or one is wanted that config does not name
    ACCEPTED = "accepted"
    UNTESTED = "untested"  # what was asked is answered without a key too
    UNKNOWN = "unknown"  # nobody was reached


@dataclass(frozen=True, slots=True)
class Missing:
    """A deployment whose model the provider does not list."""

    model: str
    upstream_model: str
    closest: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Examined:
    """What one provider said. Times are seconds; what is None was not learnt."""

    provider: Provider
    key: Key = Key.UNKNOWN
    key_problem: str | None = None
    """Why there is no key, and the fix."""
    error: UpstreamError | None = None
    """Why it gave no list of its models."""
    connect_s: float | None = None
    list_s: float | None = None
    """From the request to the whole list, on a connection that stands."""
    listed: tuple[str, ...] | None = None
    missing: tuple[Missing, ...] = ()
    signals: LoadSignals | None = None
    signals_error: UpstreamError | None = None
    first_token: FirstToken | None = None
    seen_as: Server | None = None
    """Who answers there, where it is somebody else than config says."""
    elsewhere: tuple[str, ...] = ()
    """Where it was not reached: servers of its kind that config has no provider for."""


@dataclass(frozen=True, slots=True)
class Wishes:
    """How far to go. `timeout_s` bounds each question, but for the first token, which has the
    provider's own limits."""

    timeout_s: float = 5.0
    first_token: bool = False
    cloud: bool = False
    """Ask providers in the cloud for a token too, which they charge for."""
    ports: tuple[int, ...] = ()
    """Of this machine: where to look for local providers that cannot be reached where config has
    them."""


async def examine(
    table: Table,
    wishes: Wishes,
    *,
    examined: Callable[[str], None] = lambda _: None,
    environ: Mapping[str, str] = os.environ,
) -> list[Examined]:
    """Every provider in the table's order; `examined` hears each id as it is done. Inactive ones
    are not asked."""
    room = asyncio.Semaphore(MOST_AT_ONCE)
    deployments: dict[str, list[Deployment]] = {provider.id: [] for provider in table.providers}
    for deployment in table.deployments:
        if deployment.enabled:
            deployments[deployment.provider].append(deployment)

    async def one(provider: Provider) -> Examined:
        if not provider.active:
            return Examined(provider)
        async with room:
            result = await _Visit(provider, deployments[provider.id], wishes, environ).result()
        examined(provider.id)
        return result

    return await _looked_for(await asyncio.gather(*map(one, table.providers)), wishes)


async def _looked_for(results: list[Examined], wishes: Wishes) -> list[Examined]:
    """With servers that may be the unreachable ones, listening elsewhere than config says."""
    if not any(_is_lost(result) for result in results):
        return results
    known = {result.provider.base_url.rstrip("/") for result in results}
    strangers = [it for it in await look(wishes.ports) if it.base_url not in known]
    return [replace(it, elsewhere=_like(it, strangers)) if _is_lost(it) else it for it in results]


def _is_lost(result: Examined) -> bool:
    error, local = result.error, result.provider.location == "local"
    return local and error is not None and error.outcome_class is OutcomeClass.UNREACHABLE


def _like(result: Examined, servers: Sequence[Server]) -> tuple[str, ...]:
    return tuple(server.base_url for server in servers if server.kind == result.provider.kind)


class _Visit:
    """One provider's examination, over a session of its own so that its connections are told apart
    from others'."""

    def __init__(
        self,
        provider: Provider,
        deployments: Sequence[Deployment],
        wishes: Wishes,
        environ: Mapping[str, str],
    ) -> None:
        self._provider = provider
        self._deployments = deployments
        self._wishes = wishes
        self._environ = environ
        self._connected: list[float] = []

    async def result(self) -> Examined:
        async with open_session(self._connected.append) as session:
            return await self._examined(session)

    async def _examined(self, session: aiohttp.ClientSession) -> Examined:
        provider, timeout_s = self._provider, self._wishes.timeout_s
        keyed = self._connector(session, provider)
        bare = self._connector(session, Keyless(provider.id, provider.kind, provider.base_url))
        time = asyncio.get_running_loop().time
        began = time()
        listed, error = await _asked(keyed.probe(timeout_s))
        problem, reader = None, keyed
        if error is not None and _has_no_key(error):
            problem, reader = error.message, bare
            listed, error = await _asked(bare.probe(timeout_s))
        took = time() - began
        connect_s = self._connected[0] if self._connected else None
        key = await self._key(bare, error, problem)
        names = None if listed is None else tuple(listed)
        signals, signals_error, token, seen_as = None, None, None, None
        if names is not None and provider.location == "local":
            signals, signals_error = await _asked(reader.signals(timeout_s))
        if names is not None and problem is None and self._wants_token():
            loaded = () if signals is None else signals.loaded or ()
            token = await first_token(keyed, provider, self._in_order(names, loaded))
        if error is not None and _speaks_otherwise(error):
            root = provider.base_url.rstrip("/").removesuffix("/v1")
            seen_as = await recognise(session, root, timeout_s)
        if token is not None and token.error is None and key is Key.UNTESTED:
            key = Key.ACCEPTED
        return Examined(
            provider=provider,
            key=key,
            key_problem=problem,
            error=error,
            connect_s=connect_s,
            list_s=None if names is None else took - (connect_s or 0.0),
            listed=names,
            missing=() if names is None else self._missing(names),
            signals=signals,
            signals_error=signals_error,
            first_token=token,
            seen_as=seen_as,
        )

    def _connector(self, session: aiohttp.ClientSession, spec: Provider | Keyless) -> HttpConnector:
        return build(spec, session, overlay=overlay, environ=self._environ)

    async def _key(
        self, bare: HttpConnector, error: UpstreamError | None, problem: str | None
    ) -> Key:
        if problem is not None:
            return Key.MISSING
        if error is not None:
            refused = error.outcome_class is OutcomeClass.UNAUTHORIZED
            return Key.REFUSED if refused else Key.UNKNOWN
        if self._provider.credential is None:
            return Key.NONE
        # Many servers show their models to everybody: then a list proves nothing about the key.
        _, refusal = await _asked(bare.probe(self._wishes.timeout_s))
        wanted = refusal is not None and refusal.outcome_class is OutcomeClass.UNAUTHORIZED
        return Key.ACCEPTED if wanted else Key.UNTESTED

    def _wants_token(self) -> bool:
        wishes = self._wishes
        return wishes.first_token and (wishes.cloud or self._provider.location == "local")

    def _in_order(self, listed: Sequence[str], loaded: Sequence[str]) -> list[str]:
        """Upstream names to ask for: what is in memory before what is listed, before the rest."""
        kind = self._provider.kind
        names = dict.fromkeys(deployment.upstream_model for deployment in self._deployments)
        return sorted(
            names,
            key=lambda name: (not is_listed(kind, name, loaded), not is_listed(kind, name, listed)),
        )

    def _missing(self, listed: Sequence[str]) -> tuple[Missing, ...]:
        return tuple(
            Missing(
                deployment.model,
                deployment.upstream_model,
                tuple(
                    difflib.get_close_matches(
                        deployment.upstream_model, listed, MOST_CLOSEST, cutoff=_CLOSE
                    )
                ),
            )
            for deployment in self._deployments
            if not is_listed(self._provider.kind, deployment.upstream_model, listed)
        )


async def _asked(question: Awaitable[T]) -> tuple[T | None, UpstreamError | None]:
    """The answer, or why there is none."""
    try:
        return await question, None
    except UpstreamError as error:
        return None, error


def _has_no_key(error: UpstreamError) -> bool:
    """Nothing was sent: the connector has no key to send."""
    return error.outcome_class is OutcomeClass.UNAUTHORIZED and error.status is None


def _speaks_otherwise(error: UpstreamError) -> bool:
    """Somebody answers, but not with what its kind promises."""
    unreadable = error.outcome_class is OutcomeClass.SERVER_ERROR and error.status is None
    return unreadable or error.status in NOT_OFFERED

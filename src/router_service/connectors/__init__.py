"""One connector per provider, each speaking one wire protocol over one shared HTTP session.
A new kind of backend is one module that implements WireProtocol, and one line in CONNECTORS."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import aiohttp

from router_service.connectors.connection_times import connection_times
from router_service.connectors.connector import MAX_WHOLE, HttpConnector, WireProtocol
from router_service.connectors.credentials import read_credential
from router_service.connectors.failures import Failures
from router_service.connectors.ollama import OllamaProtocol
from router_service.connectors.openai import OpenAiProtocol, Overlay

__all__ = [
    "CONNECTORS",
    "Connectors",
    "HttpConnector",
    "Keyless",
    "Overlay",
    "ProviderSpec",
    "build",
    "open_session",
]

KEEPALIVE_S = 4.0
"""Servers commonly close idle connections after 5 s; reusing one just then would lose a request."""

CONNECTORS: dict[str, Callable[[Failures, Overlay], WireProtocol]] = {
    "openai": OpenAiProtocol,
    "vllm": OpenAiProtocol,
    "ollama": lambda failures, _overlay: OllamaProtocol(failures),
}


class ProviderSpec(Protocol):
    """What a connector needs to know of its provider; core.Provider fits."""

    @property
    def id(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def base_url(self) -> str: ...
    @property
    def credential(self) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Keyless:
    """ProviderSpec of a server that is asked without a key."""

    id: str
    kind: str
    base_url: str
    credential: None = None


def open_session(on_connected: Callable[[float], None] | None = None) -> aiohttp.ClientSession:
    """The one session all connectors share. Call it on the running loop; the caller closes it.

    It never queues and never times out by itself: capacity is the core's, limits are each call's.
    `on_connected` is told how long each new connection took, seconds, name and TLS included.
    """
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEPALIVE_S),
        cookie_jar=aiohttp.DummyCookieJar(),
        timeout=aiohttp.ClientTimeout(total=None),
        trace_configs=[] if on_connected is None else [connection_times(on_connected)],
    )


class Connectors:
    """Builds the connectors of one table after another over one session. A provider that is reached
    as before, with the same key, keeps its connector."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        *,
        overlay: Overlay,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._session = session
        self._overlay = overlay
        self._environ = environ
        self._built: dict[str, tuple[object, HttpConnector]] = {}

    def of(self, providers: Iterable[ProviderSpec]) -> dict[str, HttpConnector]:
        """By provider id. Keys are looked up anew."""
        self._built = {provider.id: self._kept_or_built(provider) for provider in providers}
        return {provider_id: connector for provider_id, (_, connector) in self._built.items()}

    def _kept_or_built(self, provider: ProviderSpec) -> tuple[object, HttpConnector]:
        credential = read_credential(provider.credential, self._environ)
        reached_by = (provider.kind, provider.base_url, credential)
        known = self._built.get(provider.id)
        if known is not None and known[0] == reached_by:
            return known
        connector = build(provider, self._session, overlay=self._overlay, environ=self._environ)
        return reached_by, connector


def build(
    provider: ProviderSpec,
    session: aiohttp.ClientSession,
    *,
    overlay: Overlay,
    environ: Mapping[str, str] = os.environ,
    max_whole: int = MAX_WHOLE,
) -> HttpConnector:
    """The connector of one provider. `max_whole` bounds whole answers, bytes.

    The key is looked up here, once. A missing one fails each call, not the start. Raises KeyError
    for a kind that CONNECTORS does not hold.
    """
    credential = read_credential(provider.credential, environ)
    failures = Failures(provider.id, credential.key)
    protocol = CONNECTORS[provider.kind](failures, overlay)
    return HttpConnector(protocol, session, provider.base_url, credential, failures, max_whole)

"""The upstreams of the routing config in use, which a reload replaces as a whole.
Whoever looks here sees those of now; a request keeps the mapping it began with to its end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from router_service.core import Provider
from router_service.types import Connector

MOST_REMOVED = 64
"""Removed providers that are still known by name: a decision may be told, or an attempt traced, a
moment after the reload that took its provider away."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """A provider and the connector that reaches it."""

    provider: Provider
    connector: Connector


class Upstreams(Mapping[str, Upstream]):
    """By provider id. `current` is the mapping of one table and never changes."""

    def __init__(self, upstreams: Iterable[Upstream]) -> None:
        self.current: Mapping[str, Upstream] = _by_id(upstreams)
        self._removed: dict[str, Provider] = {}

    def replace(self, upstreams: Iterable[Upstream]) -> None:
        """Put those of another table in place."""
        before, self.current = self.current, _by_id(upstreams)
        for provider_id, upstream in before.items():
            self._removed.pop(provider_id, None)
            self._removed[provider_id] = upstream.provider
        for provider_id in (*self.current, *list(self._removed)[:-MOST_REMOVED]):
            self._removed.pop(provider_id, None)

    def provider(self, provider_id: str) -> Provider:
        """One of the current table, or one that was removed lately. Raises KeyError."""
        upstream = self.current.get(provider_id)
        return upstream.provider if upstream is not None else self._removed[provider_id]

    def __getitem__(self, provider_id: str) -> Upstream:
        return self.current[provider_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.current)

    def __len__(self) -> int:
        return len(self.current)


def active_local(upstreams: Mapping[str, Upstream]) -> list[Upstream]:
    """Those that may be asked about themselves for nothing: a cloud provider is asked to answer."""
    return [
        upstream
        for upstream in upstreams.values()
        if upstream.provider.active and upstream.provider.location == "local"
    ]


def _by_id(upstreams: Iterable[Upstream]) -> dict[str, Upstream]:
    return {upstream.provider.id: upstream for upstream in upstreams}

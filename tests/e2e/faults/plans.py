"""Three fake providers and models before them whose plans are short: what may follow a failure is
healthy and equal, healthy and of lower quality, larger, of the same provider, or nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from router_service.testing import FakeFleet, ProviderSpec, RunningProvider, Server

from ..small_fleet import KINDS

PATIENCE_MS = 400
"""Limit for a first token, and for a gap after it, of a provider whose fault is silence."""
_LONG_MS = 2000
"""Of any other, so that a busy machine is not taken for a silent provider."""
IMPATIENT = {"first_token_timeout_ms": PATIENCE_MS, "idle_timeout_ms": PATIENCE_MS}

_HIGH = {"tier": "cloud_standard", "parameters": "70B", "context_window": 8192}
_LOW = {"tier": "local", "parameters": "7B", "context_window": 8192}
_LARGE = {"tier": "local", "parameters": "7B", "context_window": 32768}
_SHARED = "shared"
"""Upstream name of a model that several providers have, so that their answers are the same."""

MODELS: dict[str, dict[str, Any]] = {
    "best": {"provider": "first", **_HIGH},
    "twin": {"provider": "first", **_HIGH},
    "narrow": {"provider": "first", **_HIGH},
    "sibling": {"provider": "first", **_HIGH},
    "other": {"provider": "first", **_HIGH},
    "alone": {"provider": "first", **_HIGH},
    "well": {"provider": "first", **_HIGH},
    "less": {"provider": "second", **_LOW},
    "equal": {"provider": "second", **_HIGH},
    "large": {"provider": "third", **_LARGE},
    "origin": {"provider": "first", "upstream_model": _SHARED, **_HIGH},
    "last": {"provider": "first", "upstream_model": _SHARED, **_HIGH},
    "copy": {"provider": "second", "upstream_model": _SHARED, **_HIGH},
    "spare": {"provider": "third", "upstream_model": _SHARED, **_HIGH},
}
CHAINS = {
    "best": ["less"],
    "twin": ["equal"],
    "narrow": ["less", "large"],
    "sibling": ["other", "less"],
    "well": ["less"],
    "origin": ["copy", "spare"],
    "last": ["copy"],
}
CHECK = "well"
"""Asked after each case, when all is well again."""


def upstream_name(model: str) -> str:
    name: str = MODELS[model].get("upstream_model", model)
    return name


def specs(first: Server, second: Server = Server.VLLM) -> list[ProviderSpec]:
    """The three providers; the third never varies."""
    servers = {"first": first, "second": second, "third": Server.OPENAI}
    return [ProviderSpec(name, server) for name, server in servers.items()]


def routing(
    fleet: FakeFleet,
    settings: Mapping[str, Any] | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    **sections: Any,
) -> dict[str, Any]:
    """The routing config as a document. settings are the router's, changes those of providers by
    name, sections whole ones."""
    providers = {
        name: _provider(fleet[name]) | dict((changes or {}).get(name, {}))
        for name in fleet.addresses
    }
    return {
        "providers": providers,
        "models": MODELS,
        "fallback_chains": {name: {"chain": chain} for name, chain in CHAINS.items()},
        "default_provider": "second",
        "unknown_model": "reject",
        "router_settings": {"timeout": 10} | dict(settings or {}),
    } | sections


def _provider(provider: RunningProvider) -> dict[str, Any]:
    return {
        "kind": KINDS.get(provider.spec.server, "openai"),
        "base_url": provider.base_url,
        "capacity": 200,
        "connect_timeout_ms": 1000,
        "first_token_timeout_ms": _LONG_MS,
        "idle_timeout_ms": _LONG_MS,
    }

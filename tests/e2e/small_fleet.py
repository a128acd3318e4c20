"""Six fake providers and a routing config before them whose plans fit on one page.

Each provider has a model of its own. `alpha` falls back through all the others in order; the rest
of the models show one thing each, as FALLBACKS says.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_service.testing import ProviderSpec, Server

KEY = "small-fleet-key"
"""Bearer key that provider `third` demands."""
KEY_VARIABLE = "SMALL_FLEET_KEY"

SERVERS = {
    "first": Server.VLLM,
    "second": Server.OLLAMA,
    "third": Server.OPENAI,
    "fourth": Server.LLAMA_CPP,
    "fifth": Server.OLLAMA,
    "sixth": Server.LLAMA_CPP_PYTHON,
}
KINDS = {Server.VLLM: "vllm", Server.OLLAMA: "ollama"}
"""Kind of the servers that are not plain `openai`."""

MODELS: dict[str, dict[str, Any]] = {
    "alpha": {"provider": "first", "tier": "cloud_premium", "parameters": "100B"},
    "beta": {"provider": "second", "tier": "local", "parameters": "9B"},
    "gamma": {"provider": "third", "tier": "local", "parameters": "8B", "context_window": 32768},
    "delta": {"provider": "fourth", "tier": "local", "parameters": "7B"},
    "epsilon": {"provider": "fifth", "tier": "local", "parameters": "6B"},
    "zeta": {"provider": "sixth", "tier": "local", "parameters": "5B"},
    "alone": {"provider": "first", "tier": "local"},
    "native": {"provider": "second", "tier": "local"},
    "peer": {"provider": "first", "tier": "local", "parameters": "9B"},
    "sibling": {"provider": "first", "tier": "local"},
}
FALLBACKS = {
    "alpha": ["beta", "gamma", "delta", "epsilon", "zeta"],
    "beta": ["delta"],
    "native": ["alpha"],
    "peer": ["beta"],
    "sibling": ["alone", "beta"],
}
"""alone: nothing behind it. native: an Ollama first. peer: an equal behind it. sibling: two models
of one provider, then another's."""


def specs() -> list[ProviderSpec]:
    return [
        ProviderSpec(name, server, api_key=KEY if name == "third" else None)
        for name, server in SERVERS.items()
    ]


def routing(
    addresses: Mapping[str, str], *, patience_ms: int = 400, **changes: Any
) -> dict[str, Any]:
    """The config as a document. patience_ms is the limit for a first token and for a gap after it;
    changes replace whole sections."""
    return {
        "providers": {name: _provider(name, addresses[name], patience_ms) for name in SERVERS},
        "models": {name: {"context_window": 8192} | model for name, model in MODELS.items()},
        "fallback_chains": {name: {"chain": chain} for name, chain in FALLBACKS.items()},
        "default_provider": "second",
        "unknown_model": "reject",
        "router_settings": {"timeout": 10},
    } | changes


def written(document: Mapping[str, Any], path: Path) -> Path:
    """The document as a file; JSON is YAML."""
    path.write_text(json.dumps(document, indent=1))
    return path


def _provider(name: str, address: str, patience_ms: int) -> dict[str, Any]:
    server = SERVERS[name]
    provider: dict[str, Any] = {
        "kind": KINDS.get(server, "openai"),
        "base_url": address,
        "capacity": 200,
        "connect_timeout_ms": 1000,
        "first_token_timeout_ms": patience_ms,
        "idle_timeout_ms": patience_ms,
    }
    return provider | ({"credential_env": KEY_VARIABLE} if name == "third" else {})

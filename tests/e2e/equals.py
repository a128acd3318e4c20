"""Equals that share one model at a natural pace, routing configs before them to reload, and what an
operator does to a router."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from router_service.testing import Behaviour, FakeFleet, ProviderSpec, Server
from router_service.v1 import admin_pb2

from . import small_fleet
from .routers import Router, until

KINDS = {
    "a": (Server.VLLM, "vllm"),
    "b": (Server.OLLAMA, "ollama"),
    "c": (Server.LLAMA_CPP, "openai"),
    "d": (Server.OLLAMA, "ollama"),
    "moved": (Server.LLAMA_CPP, "openai"),
}
"""`moved` is where `c` moves to."""
PACE = Behaviour(first_token_s=0.02, tokens_per_s=60)
"""Some tenths of a second for an answer, so that whatever happens finds requests at every stage."""
DRAINING = admin_pb2.PROVIDER_STATE_DRAINING
DISABLED = admin_pb2.PROVIDER_STATE_DISABLED
ENABLED = admin_pb2.PROVIDER_STATE_ENABLED


def specs() -> list[ProviderSpec]:
    return [ProviderSpec(name, server, behaviour=PACE) for name, (server, _) in KINDS.items()]


def routing(fleet: FakeFleet, shares: Mapping[str, float], **at: str) -> dict[str, Any]:
    """The model `m` on these providers, each with its share; `at` says which ones have moved."""
    addresses = {name: fleet[at.get(name, name)].base_url for name in shares}
    return {
        "providers": {
            name: {"kind": KINDS[name][1], "base_url": address, "capacity": 64}
            for name, address in addresses.items()
        },
        "models": {
            "m": {
                "deployments": [
                    {"provider": name, "weight": weight} for name, weight in shares.items()
                ]
            }
        },
        "default_provider": next(iter(shares)),
        "router_settings": {"timeout": 20},
    }


def everybody(fleet: FakeFleet) -> dict[str, Any]:
    return routing(fleet, dict.fromkeys("abcd", 1.0))


def configs(fleet: FakeFleet) -> list[dict[str, Any]]:
    """What reloads alternate between: shares change, `d` comes and goes, `c` moves, `a` stays."""
    return [
        routing(fleet, {"a": 1.0, "b": 2.0, "c": 1.0}),
        routing(fleet, {"d": 3.0, "c": 1.0, "a": 1.0, "b": 1.0}, c="moved"),
        routing(fleet, {"c": 2.0, "b": 1.0, "a": 1.0}, c="moved"),
        routing(fleet, {"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0}),
    ]


async def begun(fleet: FakeFleet, name: str) -> None:
    """Wait until an answer is under way there."""

    async def in_the_middle() -> bool:
        return any(entry.outcome == "running" and entry.tokens for entry in await fleet[name].log())

    await until(in_the_middle, f"an answer of {name} is under way")


def rewritten(file: Path, content: Mapping[str, Any] | str) -> None:
    """Put another config, or any text, in the place of the one a router was started with."""
    if isinstance(content, str):
        file.write_text(content)
    else:
        small_fleet.written(content, file)


# ── What an operator does ───────────────────────────────────────────────────────────────────────


async def reload(router: Router, **fields: Any) -> admin_pb2.ReloadConfigResponse:
    request = admin_pb2.ReloadConfigRequest(**fields)
    reply: admin_pb2.ReloadConfigResponse = await router.grpc.admin.ReloadConfig(request)
    return reply


async def set_state(
    router: Router, provider: str, state: Any, **fields: Any
) -> admin_pb2.ProviderStatus:
    request = admin_pb2.SetProviderStateRequest(provider=provider, state=state, **fields)
    reply: admin_pb2.ProviderStatus = (await router.grpc.admin.SetProviderState(request)).provider
    return reply


async def status(router: Router) -> admin_pb2.GetStatusResponse:
    reply: admin_pb2.GetStatusResponse = await router.grpc.admin.GetStatus(
        admin_pb2.GetStatusRequest()
    )
    return reply


async def provider(router: Router, name: str) -> admin_pb2.ProviderStatus:
    return next(one for one in (await status(router)).providers if one.id == name)

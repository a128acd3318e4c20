"""Asks an address what kind of model server answers there, and what it serves.
Nothing is sent but requests for lists and figures, and never a key."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import aiohttp

from router_service.connectors import Keyless, build, open_session
from router_service.core import overlay
from router_service.errors import UpstreamError
from router_service.types import LoadSignals, OutcomeClass

TIMEOUT_S = 1.0
"""For each question; on one's own machine a server that runs answers at once."""

MOST_LISTED_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Server:
    """Somebody who answers, and as what."""

    kind: str
    base_url: str
    models: Mapping[str, str | None] = field(default_factory=dict)
    """Each with the parameter count it states, if any."""
    signals: LoadSignals = field(default_factory=LoadSignals)
    locked: bool = False
    """It wants a key before it says more."""


async def look(ports: Iterable[int], timeout_s: float = TIMEOUT_S) -> list[Server]:
    """Who answers on these ports of this machine, in their order. All are asked at once."""
    async with open_session() as session:
        roots = [f"http://127.0.0.1:{port}" for port in dict.fromkeys(ports)]
        found = await asyncio.gather(*(recognise(session, root, timeout_s) for root in roots))
    return [server for server in found if server is not None]


async def recognise(session: aiohttp.ClientSession, root: str, timeout_s: float) -> Server | None:
    """Who answers at an address without a path; None where nobody speaks a protocol of ours."""
    ollama, openai = await asyncio.gather(
        _ask(session, Keyless(root, "ollama", root), timeout_s),
        _ask(session, Keyless(root, "openai", f"{root}/v1"), timeout_s),
    )
    # Ollama speaks OpenAI's API too, and llama.cpp lists its models as Ollama does; but only Ollama
    # tells which ones are loaded.
    if ollama is not None and ollama.signals.loaded is not None:
        return ollama
    return openai or (ollama if ollama is not None and ollama.locked else None)


async def _ask(session: aiohttp.ClientSession, address: Keyless, timeout_s: float) -> Server | None:
    connector = build(address, session, overlay=overlay, environ={}, max_whole=MOST_LISTED_BYTES)
    try:
        models = await connector.probe(timeout_s)
    except UpstreamError as error:
        locked = error.outcome_class is OutcomeClass.UNAUTHORIZED
        return Server(address.kind, address.base_url, locked=True) if locked else None
    try:
        signals = await connector.signals(timeout_s)
    except UpstreamError:
        signals = LoadSignals()
    # vLLM alone tells how full its cache is.
    kind = "vllm" if signals.cache_used is not None else address.kind
    return Server(kind, address.base_url, models, signals)

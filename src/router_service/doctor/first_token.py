"""Asks a provider for an answer of one token and times it, within the provider's own limits.
So it meets what a request would: a model that has to be loaded first, or a limit set too tight."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass

from router_service.core import Provider
from router_service.errors import UpstreamError
from router_service.types import (
    Connector,
    Delta,
    Limits,
    Operation,
    OutcomeClass,
    Started,
    UpstreamCall,
)

MOST_TRIED = 3
"""Models asked, where one refuses to chat because it is for something else."""


@dataclass(frozen=True, slots=True)
class FirstToken:
    """How a one-token answer went; times from the sending of the request, seconds."""

    upstream_model: str
    first_byte_s: float | None = None
    first_token_s: float | None = None
    error: UpstreamError | None = None


async def first_token(
    connector: Connector, provider: Provider, upstream_models: Sequence[str]
) -> FirstToken | None:
    """The answer of the first of these models that chats; None where there are no models."""
    timed = None
    for name in upstream_models[:MOST_TRIED]:
        timed = await _timed(connector, provider, name)
        if timed.error is None or timed.error.outcome_class is not OutcomeClass.INVALID_REQUEST:
            break
    return timed


async def _timed(connector: Connector, provider: Provider, upstream_model: str) -> FirstToken:
    time = asyncio.get_running_loop().time
    first_byte_s: float | None = None
    first_token_s: float | None = None
    began = time()
    try:
        async with aclosing(connector.events(_call(provider, upstream_model))) as events:
            async for event in events:
                if isinstance(event, Started):
                    first_byte_s = time() - began
                elif first_token_s is None and (not isinstance(event, Delta) or event.content):
                    first_token_s = time() - began
    except UpstreamError as error:
        return FirstToken(upstream_model, first_byte_s, error=error)
    return FirstToken(upstream_model, first_byte_s, first_token_s)


def _call(provider: Provider, upstream_model: str) -> UpstreamCall:
    body = {
        "model": upstream_model,
        "messages": [{"role": "user", "content": "Hello"}],
        "max_tokens": 1,
        "stream": True,
    }
    first_token_s, idle_s = provider.first_token_us / 1e6, provider.idle_us / 1e6
    return UpstreamCall(
        operation=Operation.CHAT,
        body=json.dumps(body).encode(),
        upstream_model=upstream_model,
        stream=True,
        limits=Limits(
            connect=provider.connect_us / 1e6,
            first_token=first_token_s,
            idle=idle_s,
            total=first_token_s + idle_s,
        ),
    )

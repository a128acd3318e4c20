"""Short forms of the calls these tests make, for both backends."""

from __future__ import annotations

from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Any

import openai

from router_service.v1 import router_pb2

from .router import RunningRouter

PROMPT = "hello there"
LENGTH = 24
"""Tokens asked for; every token of the tiny model is one character."""


def openai_client(base_url: str, api_key: str = "unused", **options: Any) -> openai.AsyncOpenAI:
    """The official client; it repeats nothing, so that a test sees every failure."""
    settings: dict[str, Any] = {"timeout": 120, "max_retries": 0} | options
    return openai.AsyncOpenAI(base_url=base_url, api_key=api_key, **settings)


def chat(**changes: Any) -> dict[str, Any]:
    """Arguments of chat.completions.create for an answer of LENGTH tokens."""
    messages = [{"role": "user", "content": PROMPT}]
    limits = {"max_tokens": LENGTH, "temperature": 0}
    return {"model": "tiny", "messages": messages} | limits | changes


def ask(model: str = "tiny", **fields: Any) -> router_pb2.GenerateRequest:
    """A request for PROMPT and LENGTH tokens whose answer is no matter of chance."""
    wanted: dict[str, Any] = {"prompt": PROMPT, "max_tokens": LENGTH, "temperature": 0} | fields
    return router_pb2.GenerateRequest(model=model, **wanted)


def ask_stream(**fields: Any) -> router_pb2.GenerateStreamRequest:
    return router_pb2.GenerateStreamRequest(generate=ask(**fields))


@dataclass(frozen=True)
class Streamed:
    """A whole stream, read to its end."""

    served: Any
    text: str
    pieces: int
    finished: Any


async def read_stream(events: AsyncIterable[router_pb2.GenerateStreamResponse]) -> Streamed:
    """Raises AssertionError where the events are not opened, deltas, finished."""
    seen = [event async for event in events]
    kinds = [event.WhichOneof("event") for event in seen]
    assert (kinds[0], kinds[-1]) == ("opened", "finished")
    assert set(kinds[1:-1]) == {"delta"}
    texts = [event.delta.text for event in seen[1:-1]]
    return Streamed(seen[0].opened.served, "".join(texts), len(texts), seen[-1].finished)


async def generate(router: RunningRouter, model: str = "tiny", **fields: Any) -> Any:
    """The answer of Generate to `ask` of these fields."""
    async with router.stub() as stub:
        return await stub.Generate(ask(model, **fields), timeout=120)


async def generate_stream(router: RunningRouter, **fields: Any) -> Streamed:
    """The same of GenerateStream, read to its end."""
    async with router.stub() as stub:
        return await read_stream(stub.GenerateStream(ask_stream(**fields), timeout=120))

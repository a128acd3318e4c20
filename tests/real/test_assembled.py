"""Connectors straight at real servers: an answer put together from a stream is the whole answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest

from router_service import connectors
from router_service.core import overlay
from router_service.types import Limits, Operation, Prefill, UpstreamCall, Whole

from .backends import Backend
from .calls import LENGTH, chat

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

PATIENT = Limits(connect=20.0, first_token=120.0, idle=120.0, total=240.0)
COMPLETION = {"prompt": "hello there", "max_tokens": LENGTH, "temperature": 0}


@dataclass(frozen=True)
class Provider:
    kind: str
    base_url: str
    id: str = "backend"
    credential: str | None = None


async def whole(
    provider: Provider,
    body: dict[str, Any],
    operation: Operation = Operation.CHAT,
    *,
    assembled: bool = True,
    prefill: Prefill | None = None,
) -> tuple[Whole, Any]:
    """The answer, and its first choice."""
    call = UpstreamCall(
        operation,
        json.dumps(body).encode(),
        "tiny",
        stream=False,
        limits=PATIENT,
        assembled=assembled,
        prefill=prefill,
    )
    async with connectors.open_session() as session:
        connector = connectors.build(provider, session, overlay=overlay, environ={})
        events = [event async for event in connector.events(call)]
    last = events[-1]
    assert isinstance(last, Whole)
    return last, json.loads(last.body)["choices"][0]


@pytest.mark.parametrize(
    ("operation", "body"),
    [(Operation.CHAT, chat()), (Operation.COMPLETION, COMPLETION | {"model": "tiny"})],
)
async def test_ollama(ollama: Backend, operation: Operation, body: dict[str, Any]) -> None:
    provider = Provider("ollama", ollama.base_url)
    assembled, choice = await whole(provider, body, operation)
    plain, plain_choice = await whole(provider, body, operation, assembled=False)
    assert choice == plain_choice
    assert assembled.text == plain.text
    assert assembled.usage == plain.usage
    assert assembled.usage is not None


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        (Operation.CHAT, chat()),
        (Operation.CHAT, chat(stream_options={"include_usage": False})),
        (Operation.COMPLETION, COMPLETION | {"model": "tiny"}),
    ],
)
async def test_llama_cpp(llama_cpp: Backend, operation: Operation, body: dict[str, Any]) -> None:
    provider = Provider("openai", llama_cpp.base_url)
    assembled, choice = await whole(provider, body, operation)
    plain, plain_choice = await whole(provider, body, operation, assembled=False)
    assert choice == plain_choice
    assert assembled.text == plain.text
    assert plain.usage is not None
    assert assembled.usage is None  # this server counts no tokens in streams, asked or not


async def test_what_a_prefill_adds_is_taken_by_llama_cpp(llama_cpp: Backend) -> None:
    provider = Provider("openai", llama_cpp.base_url)
    said = Prefill("abcd", 4)
    answer, _ = await whole(provider, chat(), prefill=said)
    assert 0 < len(answer.text) <= LENGTH - said.tokens

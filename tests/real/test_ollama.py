"""Ollama behind the router, over its own API: the same tiny model, imported.

Its answers are translated, so what a client gets is compared with what Ollama itself says.
"""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from router_service.v1 import types_pb2

from .backends import Backend
from .calls import LENGTH, PROMPT, ask, ask_stream, chat, generate, generate_stream, openai_client
from .router import RunningRouter

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]


async def direct_answer(backend: Backend) -> dict[str, Any]:
    """What Ollama says without a router, in its own words."""
    body = {
        "model": "tiny",
        "messages": [{"role": "user", "content": PROMPT}],
        "stream": False,
        "options": {"temperature": 0, "num_predict": LENGTH},
    }
    timeout = aiohttp.ClientTimeout(total=120)
    async with (
        aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
        session.post(f"{backend.base_url}/api/chat", json=body) as response,
    ):
        return dict(await response.json())


async def test_generate_gives_what_ollama_says(
    ollama_router: RunningRouter, ollama: Backend
) -> None:
    expected = await direct_answer(ollama)
    answer = await generate(ollama_router)
    assert answer.text == expected["message"]["content"]
    assert len(answer.text) == LENGTH
    assert answer.finish_reason == expected["done_reason"] == "length"
    assert answer.usage.prompt_tokens == expected["prompt_eval_count"]
    assert answer.usage.completion_tokens == expected["eval_count"] == LENGTH
    served = answer.served
    assert (served.model, served.provider, served.upstream_model) == ("tiny", "backend", "tiny")
    assert (served.rule, served.attempts) == (types_pb2.RULE_EXACT, 1)


async def test_generate_stream_gives_the_same_in_pieces(
    ollama_router: RunningRouter, ollama: Backend
) -> None:
    expected = await direct_answer(ollama)
    stream = await generate_stream(ollama_router)
    assert stream.text == expected["message"]["content"]
    assert stream.pieces > LENGTH // 2
    assert stream.finished.finish_reason == "length"
    assert stream.finished.usage.prompt_tokens == expected["prompt_eval_count"]
    assert stream.finished.usage.completion_tokens == LENGTH


async def test_chat_through_the_shim(ollama_router: RunningRouter, ollama: Backend) -> None:
    expected = await direct_answer(ollama)
    async with openai_client(ollama_router.openai) as shim:
        answer = await shim.chat.completions.create(**chat())
        stream = await shim.chat.completions.create(
            **chat(stream=True, stream_options={"include_usage": True})
        )
        pieces = [piece async for piece in stream]
    assert answer.choices[0].message.content == expected["message"]["content"]
    assert answer.choices[0].finish_reason == "length"
    said = [choice for piece in pieces for choice in piece.choices]
    assert "".join(choice.delta.content or "" for choice in said) == expected["message"]["content"]
    assert said[-1].finish_reason == "length"
    assert answer.usage is not None
    assert pieces[-1].usage is not None
    assert pieces[-1].usage.model_dump() == answer.usage.model_dump()


async def test_a_stop_word_ends_an_answer(ollama_router: RunningRouter, ollama: Backend) -> None:
    whole = (await direct_answer(ollama))["message"]["content"]
    stop = whole[6:9]
    async with openai_client(ollama_router.openai) as shim:
        answer = await shim.chat.completions.create(**chat(stop=[stop]))
    assert answer.choices[0].message.content == whole[: whole.index(stop)]
    assert answer.choices[0].finish_reason == "stop"


async def test_a_dead_provider_falls_back(ollama_router: RunningRouter, ollama: Backend) -> None:
    answer = await generate(ollama_router, "rescued")
    assert answer.text == (await direct_answer(ollama))["message"]["content"]
    assert (answer.served.model, answer.served.attempts) == ("tiny", 2)


async def test_cancel_in_mid_stream(ollama_router: RunningRouter) -> None:
    endless = ask_stream(max_tokens=100_000)
    async with ollama_router.stub() as stub:
        call = stub.GenerateStream(endless, timeout=120)
        opened = await call.read()
        assert (await call.read()).WhichOneof("event") == "delta"
        call.cancel()
        logged = await ollama_router.logged(opened.opened.served.request_id)
        assert [attempt["outcome"] for attempt in logged["attempts"]] == ["cancelled"]
        answer = await stub.Generate(ask(max_tokens=4), timeout=120)
    assert answer.finish_reason == "length"

"""llama.cpp behind the router: llama-cpp-python's own server on a tiny model.

At temperature 0 the model always says the same, so answers are compared whole.
"""

from __future__ import annotations

from typing import Any

import grpc
import openai
import pytest

from router_service.v1 import types_pb2

from .backends import Backend
from .calls import LENGTH, PROMPT, ask, ask_stream, chat, generate, generate_stream, openai_client
from .router import RunningRouter
from .tiny_model import CONTEXT_TOKENS, prompt_tokens

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

TOO_LONG = "x" * (CONTEXT_TOKENS + 200)


async def direct_text(backend: Backend) -> str:
    """What the server says without a router."""
    async with openai_client(backend.base_url) as direct:
        answer = await direct.chat.completions.create(**chat())
    return answer.choices[0].message.content or ""


async def test_generate_gives_what_llama_cpp_says(
    llama_router: RunningRouter, llama_cpp: Backend
) -> None:
    answer = await generate(llama_router)
    assert answer.text == await direct_text(llama_cpp)
    assert len(answer.text) == LENGTH
    assert answer.finish_reason == "length"
    assert answer.usage.prompt_tokens == prompt_tokens(PROMPT)
    assert answer.usage.completion_tokens == LENGTH
    served = answer.served
    assert (served.model, served.provider, served.upstream_model) == ("tiny", "backend", "tiny")
    assert (served.deployment, served.rule) == ("tiny@backend", types_pb2.RULE_EXACT)
    assert served.attempts == 1


async def test_an_alias_is_served_by_its_model(llama_router: RunningRouter) -> None:
    answer = await generate(llama_router, "small", max_tokens=4)
    assert (answer.served.model, answer.served.upstream_model) == ("tiny", "tiny")


async def test_generate_stream_gives_the_same_in_pieces(
    llama_router: RunningRouter, llama_cpp: Backend
) -> None:
    stream = await generate_stream(llama_router)
    assert stream.text == await direct_text(llama_cpp)
    assert stream.pieces > LENGTH // 2
    assert stream.finished.finish_reason == "length"
    assert not stream.finished.HasField("usage")  # this server counts no tokens in streams
    assert (stream.served.provider, stream.served.attempts) == ("backend", 1)


async def test_a_stop_word_ends_an_answer(llama_router: RunningRouter) -> None:
    whole = (await generate(llama_router)).text
    stop = whole[6:9]
    cut = await generate(llama_router, stop=[stop])
    assert (cut.text, cut.finish_reason) == (whole[: whole.index(stop)], "stop")
    stream = await generate_stream(llama_router, stop=[stop])
    assert (stream.text, stream.finished.finish_reason) == (cut.text, "stop")


async def test_a_completion_through_grpc(llama_router: RunningRouter) -> None:
    operation = types_pb2.OPERATION_COMPLETION
    answer = await generate(llama_router, operation=operation)
    assert len(answer.text) == LENGTH
    assert answer.usage.completion_tokens == LENGTH
    stream = await generate_stream(llama_router, operation=operation)
    assert stream.text == answer.text


async def test_chat_through_the_shim(llama_router: RunningRouter, llama_cpp: Backend) -> None:
    async with openai_client(llama_router.openai) as shim:
        answer = await shim.chat.completions.create(**chat())
        assert answer.choices[0].message.content == await direct_text(llama_cpp)
        assert answer.choices[0].finish_reason == "length"
        assert answer.usage is not None
        assert answer.usage.prompt_tokens == prompt_tokens(PROMPT)
        pieces = [piece async for piece in await shim.chat.completions.create(**chat(stream=True))]
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text == answer.choices[0].message.content
    assert pieces[-1].choices[0].finish_reason == "length"


async def test_completions_through_the_shim(
    llama_router: RunningRouter, llama_cpp: Backend
) -> None:
    wanted: dict[str, Any] = {
        "model": "tiny",
        "prompt": PROMPT,
        "max_tokens": LENGTH,
        "temperature": 0,
    }
    async with (
        openai_client(llama_cpp.base_url) as direct,
        openai_client(llama_router.openai) as shim,
    ):
        expected = await direct.completions.create(**wanted)
        answer = await shim.completions.create(**wanted)
        stream = await shim.completions.create(**wanted, stream=True)
        pieces = [piece async for piece in stream]
    assert answer.choices[0].text == expected.choices[0].text
    assert answer.usage == expected.usage
    assert "".join(piece.choices[0].text for piece in pieces) == expected.choices[0].text
    assert pieces[-1].choices[0].finish_reason == "length"


async def test_a_dead_provider_falls_back(llama_router: RunningRouter, llama_cpp: Backend) -> None:
    answer = await generate(llama_router, "rescued")
    assert answer.text == await direct_text(llama_cpp)
    assert (answer.served.model, answer.served.provider) == ("tiny", "backend")
    assert answer.served.attempts == 2
    attempts = (await llama_router.logged(answer.served.request_id))["attempts"]
    assert [attempt["outcome"] for attempt in attempts] == ["unreachable", "success"]


async def test_a_stream_falls_back_too(llama_router: RunningRouter, llama_cpp: Backend) -> None:
    wanted = chat(model="rescued", stream=True)
    async with openai_client(llama_router.openai) as shim:
        raw = await shim.chat.completions.with_raw_response.create(**wanted)
        pieces = [piece async for piece in raw.parse()]
    assert raw.headers["x-router-provider"] == "backend"
    assert raw.headers["x-router-attempts"] == "2"
    text = "".join(piece.choices[0].delta.content or "" for piece in pieces)
    assert text == await direct_text(llama_cpp)


async def test_a_prompt_past_the_context_window(llama_router: RunningRouter) -> None:
    async with openai_client(llama_router.openai) as shim:
        with pytest.raises(openai.BadRequestError) as refused:
            await shim.chat.completions.create(
                **chat(messages=[{"role": "user", "content": TOO_LONG}])
            )
    assert refused.value.code == "context_length_exceeded"
    assert "context" in refused.value.message
    assert refused.value.response.headers["x-router-attempts"] == "1"
    async with llama_router.stub() as stub:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await stub.Generate(ask(prompt=TOO_LONG), timeout=120)
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert (await generate(llama_router, max_tokens=4)).finish_reason == "length"


async def test_cancel_in_mid_stream(llama_router: RunningRouter, llama_cpp: Backend) -> None:
    endless = ask_stream(max_tokens=CONTEXT_TOKENS - 200)
    async with llama_router.stub() as stub:
        call = stub.GenerateStream(endless, timeout=120)
        opened = await call.read()
        assert (await call.read()).WhichOneof("event") == "delta"
        call.cancel()
    logged = await llama_router.logged(opened.opened.served.request_id)
    assert logged["status"] == "cancelled"
    assert [attempt["outcome"] for attempt in logged["attempts"]] == ["cancelled"]
    # This server answers one request after the other, and says when it let one go.
    assert (await generate(llama_router, max_tokens=4)).finish_reason == "length"
    assert "Disconnected from client" in llama_cpp.log.read_text(errors="replace")

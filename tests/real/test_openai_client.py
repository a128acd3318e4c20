"""The official openai package, unchanged but for base_url and api_key, in front of the fake fleet.

What it raises matters as much as what it returns: programs are written against its exceptions.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

import openai
import pytest

from router_service.testing import (
    Behaviour,
    FakeFleet,
    Fault,
    FaultKind,
    RunningProvider,
    expected_text,
)

from .calls import openai_client
from .conftest import API_KEY
from .router import RunningRouter
from .waiting import eventually

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

MODEL = "llama-cpp-native"
PROMPT = "tell me about rivers"
MESSAGES: list[Any] = [{"role": "user", "content": PROMPT}]
EXPECTED = expected_text(MODEL, PROMPT)
VLLM_MODEL = "Qwen/Qwen2.5-Coder-7B-Instruct-AWQ"
"""What the provider of qwen-coder-vllm calls it."""
WEATHER: list[Any] = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "Weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
]


def client(router: RunningRouter, api_key: str = "unused", **options: Any) -> openai.AsyncOpenAI:
    return openai_client(router.openai, api_key, **options)


async def last_outcome(provider: RunningProvider) -> str:
    """How the provider's last request ended, waited for."""

    async def outcome() -> str | None:
        last = (await provider.log())[-1].outcome
        return None if last == "running" else last

    return await eventually(outcome)


async def test_chat(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    async with client(fleet_router) as shim:
        answer = await shim.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content == EXPECTED
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage is not None
    assert answer.usage.completion_tokens > 0


async def test_chat_stream(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    wanted: dict[str, Any] = {
        "model": MODEL,
        "messages": MESSAGES,
        "stream_options": {"include_usage": True},
    }
    async with client(fleet_router) as shim:
        stream = await shim.chat.completions.create(**wanted, stream=True)
        pieces = [piece async for piece in stream]
    said = [choice for piece in pieces for choice in piece.choices]
    assert "".join(choice.delta.content or "" for choice in said) == EXPECTED
    assert said[-1].finish_reason == "stop"
    assert pieces[-1].usage is not None


async def test_the_synchronous_client(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    def use() -> tuple[str, str, str]:
        with openai.OpenAI(base_url=fleet_router.openai, api_key="unused", timeout=60) as shim:
            whole = shim.chat.completions.create(model=MODEL, messages=MESSAGES)
            stream = shim.chat.completions.create(model=MODEL, messages=MESSAGES, stream=True)
            pieces = [piece.choices[0].delta.content or "" for piece in stream]
            completion = shim.completions.create(model=MODEL, prompt=PROMPT)
        return whole.choices[0].message.content or "", "".join(pieces), completion.choices[0].text

    assert await asyncio.to_thread(use) == (EXPECTED, EXPECTED, EXPECTED)


@pytest.mark.parametrize("model", [MODEL, "llama3.1:8b"], ids=["openai", "ollama"])
async def test_completions(fleet: FakeFleet, fleet_router: RunningRouter, model: str) -> None:
    async with client(fleet_router) as shim:
        answer = await shim.completions.create(model=model, prompt=PROMPT)
        stream = await shim.completions.create(model=model, prompt=PROMPT, stream=True)
        text = "".join([piece.choices[0].text async for piece in stream])
    served = "llama3.1:latest" if model == "llama3.1:8b" else model
    assert answer.choices[0].text == text == expected_text(served, PROMPT)


async def test_embeddings(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    async with client(fleet_router) as shim:
        packed = await shim.embeddings.create(model=MODEL, input=["one", "two"])
        plain = await shim.embeddings.create(model=MODEL, input="one", encoding_format="float")
    assert [entry.index for entry in packed.data] == [0, 1]
    assert packed.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
    assert packed.data[0].embedding != packed.data[1].embedding


async def test_models(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    async with client(fleet_router) as shim:
        names = {model.id async for model in shim.models.list()}
        one = await shim.models.retrieve("llama3.1:8b")
    assert {MODEL, "llama3.1:latest", "qwen3-coder:480b-cloud", "code"} <= names
    assert "dolphin-vllm" not in names  # its only provider is inactive
    assert one.id == "llama3.1:latest"


@pytest.mark.parametrize("model", [MODEL, "llama3.1:latest"], ids=["openai", "ollama"])
async def test_tools_there_and_back(
    fleet: FakeFleet, fleet_router: RunningRouter, model: str
) -> None:
    messages = list(MESSAGES)
    async with client(fleet_router) as shim:
        first = await shim.chat.completions.create(model=model, messages=messages, tools=WEATHER)
        assert first.choices[0].finish_reason == "tool_calls"
        (call,) = first.choices[0].message.tool_calls or []
        assert call.type == "function"
        assert call.function.name == "weather"
        assert "city" in json.loads(call.function.arguments)
        messages.append(first.choices[0].message)
        messages.append({"role": "tool", "tool_call_id": call.id, "content": "rain"})
        second = await shim.chat.completions.create(model=model, messages=messages, tools=WEATHER)
    assert second.choices[0].finish_reason == "stop"
    assert second.choices[0].message.content == expected_text(model, PROMPT)


async def test_tools_in_a_stream(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    async with client(fleet_router) as shim:
        stream = await shim.chat.completions.create(
            model=MODEL, messages=MESSAGES, tools=WEATHER, stream=True
        )
        choices = [choice async for piece in stream for choice in piece.choices]
    calls = [call for choice in choices for call in choice.delta.tool_calls or []]
    functions = [call.function for call in calls if call.function is not None]
    assert "".join(function.name or "" for function in functions) == "weather"
    assert "city" in json.loads("".join(function.arguments or "" for function in functions))
    assert choices[-1].finish_reason == "tool_calls"


async def test_headers_say_what_answered(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    async with client(fleet_router) as shim:
        raw = await shim.chat.completions.with_raw_response.create(
            model="code",
            messages=[{"role": "user", "content": "print hello"}],
            max_tokens=50,
            extra_headers={"x-request-id": "seen-outside"},
        )
        deprecated = await shim.chat.completions.with_raw_response.create(
            model="code_generation", messages=MESSAGES
        )
    assert raw.headers["x-request-id"] == "seen-outside"
    assert raw.headers["x-router-model"] == "qwen2.5-coder:7b"
    assert raw.headers["x-router-provider"] == "ollama"
    assert raw.headers["x-router-rule"] == "capability"
    assert raw.headers["x-router-attempts"] == "1"
    assert deprecated.headers["x-router-deprecated"] == "use code"
    answer = raw.parse()
    assert answer.choices[0].message.content == expected_text("qwen2.5-coder:7b", "print hello")


async def test_unknown_members_reach_the_provider(
    fleet: FakeFleet, fleet_router: RunningRouter
) -> None:
    async with client(fleet_router) as shim:
        await shim.chat.completions.create(
            model=MODEL, messages=MESSAGES, extra_body={"cache_prompt": True, "odd": 2**60}
        )
    seen = (await fleet["llama_cpp_native"].log())[-1].json
    assert (seen["cache_prompt"], seen["odd"]) == (True, 2**60)


async def test_keys(fleet: FakeFleet, guarded_router: RunningRouter) -> None:
    async with client(guarded_router, API_KEY) as shim:
        answer = await shim.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert answer.choices[0].message.content == EXPECTED
    async with client(guarded_router, "wrong") as shim:
        with pytest.raises(openai.AuthenticationError) as refused:
            await shim.chat.completions.create(model=MODEL, messages=MESSAGES)
    assert refused.value.code == "invalid_api_key"
    assert "wrong" not in refused.value.message


async def test_an_unknown_model(fleet: FakeFleet, rejecting_router: RunningRouter) -> None:
    async with client(rejecting_router) as shim:
        with pytest.raises(openai.NotFoundError) as missing:
            await shim.chat.completions.create(model="llama-cpp-nativ", messages=MESSAGES)
    assert missing.value.code == "model_not_found"
    assert MODEL in json.dumps(missing.value.body)


@pytest.mark.parametrize(
    ("members", "param"),
    [({"messages": "no list"}, "messages"), ({"max_tokens": "many"}, "max_tokens")],
)
async def test_malformed_requests(
    fleet: FakeFleet, fleet_router: RunningRouter, members: dict[str, Any], param: str
) -> None:
    async with client(fleet_router) as shim:
        with pytest.raises(openai.BadRequestError) as refused:
            await shim.chat.completions.create(model=MODEL, messages=MESSAGES, extra_body=members)
    assert param in f"{refused.value.param} {refused.value.message}"


async def test_a_client_that_gives_up(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    await fleet["llama_cpp_native"].behave(Behaviour(faults=(Fault(FaultKind.SILENCE),)))
    async with client(fleet_router, timeout=3) as shim:
        with pytest.raises(openai.APITimeoutError):
            await shim.chat.completions.create(
                model=MODEL, messages=MESSAGES, extra_headers={"x-request-id": "gave-up"}
            )
    logged = await fleet_router.logged("gave-up")
    assert [attempt["outcome"] for attempt in logged["attempts"]] == ["cancelled"]
    assert await last_outcome(fleet["llama_cpp_native"]) == "client closed"


async def test_the_routers_own_deadline(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    await fleet["llama_cpp_native"].behave(Behaviour(faults=(Fault(FaultKind.SILENCE),)))
    async with client(fleet_router) as shim:
        with pytest.raises(openai.InternalServerError) as late:
            await shim.chat.completions.create(
                model=MODEL, messages=MESSAGES, extra_headers={"x-request-timeout": "1"}
            )
    assert late.value.status_code == 504
    assert late.value.code == "deadline_exceeded"


@pytest.mark.parametrize(
    ("kind", "model", "provider", "upstream"),
    [
        (FaultKind.CUT, "llama-cpp-default", "llama_cpp_python", "llama-cpp-default"),
        (FaultKind.NO_FINISH_REASON, "llama-cpp-default", "llama_cpp_python", "llama-cpp-default"),
        (FaultKind.CUT_CLEAN, "qwen-coder-vllm", "vllm-qwen", VLLM_MODEL),
        (FaultKind.ERROR_EVENT, "qwen-coder-vllm", "vllm-qwen", VLLM_MODEL),
        (FaultKind.NO_DONE, "qwen2.5-coder:7b", "ollama", "qwen2.5-coder:7b"),
    ],
)
async def test_a_broken_stream_raises(
    fleet: FakeFleet,
    fleet_router: RunningRouter,
    kind: FaultKind,
    model: str,
    provider: str,
    upstream: str,
) -> None:
    await fleet[provider].behave(Behaviour(faults=(Fault(kind, after_tokens=3),)))
    text = ""

    async def read(stream: openai.AsyncStream[Any]) -> None:
        nonlocal text
        async for piece in stream:
            text += "".join(choice.delta.content or "" for choice in piece.choices)

    async with client(fleet_router) as shim:
        stream = await shim.chat.completions.create(model=model, messages=MESSAGES, stream=True)
        with pytest.raises(openai.APIError):
            await read(stream)
    assert text
    assert expected_text(upstream, PROMPT).startswith(text)


async def test_many_streams_at_once(fleet: FakeFleet, fleet_router: RunningRouter) -> None:
    async with client(fleet_router) as shim:

        async def text(number: int) -> str:
            prompt = f"stream {number}"
            stream = await shim.chat.completions.create(
                model="qwen-coder-vllm", messages=[{"role": "user", "content": prompt}], stream=True
            )
            return "".join([piece.choices[0].delta.content or "" async for piece in stream])

        texts = await asyncio.gather(*map(text, range(40)))
    assert texts == [expected_text(VLLM_MODEL, f"stream {number}") for number in range(40)]

"""The fake fleet speaks its servers' protocols as they do, and its answers are known beforehand."""

from __future__ import annotations

import base64
import json
import os
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from router_service.testing import (
    CLOUD_KEY,
    Behaviour,
    FakeFleet,
    FakeProvider,
    ProviderSpec,
    Server,
    expected_text,
    reference_specs,
)

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


def chat(model: str = "m", prompt: str = "hello there", **members: Any) -> dict[str, Any]:
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **members}


def events(text: str) -> list[Any]:
    """Server-sent events, parsed; [DONE] stays a word."""
    data = [line.removeprefix("data: ") for line in text.split("\n\n") if line]
    return [item if item == "[DONE]" else json.loads(item) for item in data]


def lines(text: str) -> list[Any]:
    return [json.loads(line) for line in text.splitlines()]


def test_expected_text_depends_on_all_its_arguments() -> None:
    text = expected_text("m", "p")
    assert text == expected_text("m", "p")
    variants = {text, expected_text("m2", "p"), expected_text("m", "q"), expected_text("m", "p", 3)}
    assert len(variants | {expected_text("m", "p", None, 1)}) == 5
    assert text.startswith(expected_text("m", "p", 3))


@pytest.mark.parametrize("server", [Server.VLLM, Server.LLAMA_CPP, Server.OPENAI, Server.OLLAMA])
async def test_openai_chat_whole_and_streamed_agree(
    server: Server, session: aiohttp.ClientSession
) -> None:
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        url = f"http://127.0.0.1:{provider.port}/v1/chat/completions"
        whole = await (await session.post(url, json=chat(max_tokens=5))).json()
        options = {"include_usage": True}
        streamed = await session.post(
            url, json=chat(max_tokens=5, stream=True, stream_options=options)
        )
        *chunks, usage, done = events(await streamed.text())
    message = whole["choices"][0]["message"]
    assert message == {"role": "assistant", "content": expected_text("m", "hello there", 5)}
    assert whole["choices"][0]["finish_reason"] == "length"
    assert whole["usage"] == {"prompt_tokens": 2, "completion_tokens": 5, "total_tokens": 7}
    assert streamed.content_type == "text/event-stream"
    assert done == "[DONE]"
    assert usage["choices"] == []
    assert usage["usage"] == whole["usage"]
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    text = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks)
    assert text == message["content"]
    reasons = [chunk["choices"][0]["finish_reason"] for chunk in chunks]
    assert reasons == [None] * 6 + ["length"]


async def test_openai_choices_are_interleaved_and_differ(session: aiohttp.ClientSession) -> None:
    async with FakeProvider(ProviderSpec("p", Server.VLLM)) as provider:
        url = f"{provider.base_url}/chat/completions"
        body = chat(n=2, max_tokens=3, stream=True, logprobs=True, top_logprobs=1)
        *chunks, done = events(await (await session.post(url, json=body)).text())
    texts = ["", ""]
    order = []
    for chunk in chunks:
        choice = chunk["choices"][0]
        content = choice["delta"].get("content")
        if content:
            texts[choice["index"]] += content
            order.append(choice["index"])
            assert choice["logprobs"]["content"][0]["token"] == content
    assert order == [0, 1, 0, 1, 0, 1]
    assert texts == [expected_text("m", "hello there", 3, choice) for choice in (0, 1)]
    assert done == "[DONE]"


async def test_openai_tools_response_format_and_completions(session: aiohttp.ClientSession) -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    form = {"type": "json_schema", "json_schema": {"name": "f", "schema": schema}}
    async with FakeProvider(ProviderSpec("p", Server.OPENAI)) as provider:

        async def post(path: str, body: dict[str, Any]) -> Any:
            response = await session.post(provider.base_url + path, json=body)
            return events(await response.text()) if body.get("stream") else await response.json()

        called = await post("/chat/completions", chat(tools=[WEATHER]))
        streamed = await post("/chat/completions", chat(tools=[WEATHER], stream=True))
        spoken = await post("/chat/completions", chat(tools=[WEATHER], tool_choice="none"))
        shaped = await post("/chat/completions", chat(response_format=form))
        several = await post("/completions", {"model": "m", "prompt": ["a", "b"], "max_tokens": 4})
    call = called["choices"][0]["message"]["tool_calls"][0]
    assert called["choices"][0]["finish_reason"] == "tool_calls"
    assert call["function"]["name"] == "get_weather"
    assert set(json.loads(call["function"]["arguments"])) == {"city"}
    deltas = [c["choices"][0]["delta"] for c in streamed[:-1]]
    pieces = [d["tool_calls"][0]["function"]["arguments"] for d in deltas if "tool_calls" in d]
    assert len(pieces) > 1
    assert "".join(pieces) == call["function"]["arguments"]
    assert spoken["choices"][0]["message"]["content"] == expected_text("m", "hello there")
    assert json.loads(shaped["choices"][0]["message"]["content"]) == {"n": 1}
    texts = [choice["text"] for choice in several["choices"]]
    assert texts == [expected_text("m", "a", 4), expected_text("m", "b", 4)]


async def test_embeddings_as_floats_and_packed(session: aiohttp.ClientSession) -> None:
    async with FakeProvider(ProviderSpec("p", Server.OLLAMA)) as provider:
        url = f"http://127.0.0.1:{provider.port}"
        body = {"model": "m", "input": ["a", "b"], "dimensions": 4}
        plain = await (await session.post(f"{url}/v1/embeddings", json=body)).json()
        packed_body = body | {"encoding_format": "base64"}
        packed = await (await session.post(f"{url}/v1/embeddings", json=packed_body)).json()
        native = await (await session.post(f"{url}/api/embed", json=body)).json()
    floats = [item["embedding"] for item in plain["data"]]
    assert floats == native["embeddings"]
    assert floats[0] != floats[1]
    unpacked = struct.unpack("<4f", base64.b64decode(packed["data"][0]["embedding"]))
    assert unpacked == pytest.approx(floats[0], rel=1e-6)


async def test_ollama_streams_lines_by_default(session: aiohttp.ClientSession) -> None:
    body = chat(options={"num_predict": 4})
    async with FakeProvider(ProviderSpec("p", Server.OLLAMA)) as provider:
        url = f"{provider.base_url}/api/chat"
        response = await session.post(url, json=body)
        streamed = lines(await response.text())
        whole = await (await session.post(url, json=body | {"stream": False})).json()
        called = await session.post(url, json=chat(tools=[WEATHER]))
        call, end = lines(await called.text())
        generate = {"model": "m", "prompt": "hi", "stream": False}
        said = await (await session.post(f"{provider.base_url}/api/generate", json=generate)).json()
    assert response.content_type == "application/x-ndjson"
    text = "".join(line["message"]["content"] for line in streamed)
    assert text == whole["message"]["content"] == expected_text("m", "hello there", 4)
    assert [line["done"] for line in streamed] == [False] * 4 + [True]
    last = streamed[-1]
    figures = (last["done_reason"], last["prompt_eval_count"], last["eval_count"])
    assert figures == ("length", 2, 4)
    assert call["message"]["tool_calls"][0]["function"]["arguments"].keys() == {"city"}
    assert end["done"]
    assert said["response"] == expected_text("m", "hi")


async def test_prefill_is_continued_where_the_server_does(session: aiohttp.ClientSession) -> None:
    full = expected_text("m", "hello there")
    start = expected_text("m", "hello there", 3)
    body = chat(continue_final_message=True, add_generation_prompt=False)
    body["messages"].append({"role": "assistant", "content": start})
    async with FakeProvider(ProviderSpec("p", Server.VLLM)) as provider:
        url = f"{provider.base_url}/chat/completions"
        answer = await (await session.post(url, json=body)).json()
        both = await session.post(url, json=body | {"add_generation_prompt": True})
        completion = {"model": "m", "prompt": "hi" + expected_text("m", "hi", 3)}
        rest = await (
            await session.post(f"{provider.base_url}/completions", json=completion)
        ).json()
    assert start + answer["choices"][0]["message"]["content"] == full
    assert both.status == 400
    said = rest["choices"][0]["text"]
    assert expected_text("m", "hi", 3) + said == expected_text("m", "hi")


@pytest.mark.parametrize(
    ("server", "path", "error"),
    [
        (Server.OLLAMA, "/api/chat", "model 'x' not found"),
        (Server.VLLM, "/v1/chat/completions", {"type": "NotFoundError", "code": 404}),
        (Server.LLAMA_CPP, "/v1/chat/completions", {"type": "not_found_error", "code": 404}),
        (Server.OPENAI, "/v1/chat/completions", {"code": "model_not_found"}),
    ],
)
async def test_missing_model_in_each_servers_words(
    server: Server, path: str, error: Any, session: aiohttp.ClientSession
) -> None:
    async with FakeProvider(ProviderSpec("p", server, models=("m",))) as provider:
        url = f"http://127.0.0.1:{provider.port}{path}"
        response = await session.post(url, json=chat(model="x"))
        said = (await response.json())["error"]
        assert response.status == 404
        assert (await provider.log())[0].outcome == "refused: model_missing"
    if isinstance(error, str):
        assert said == error
    else:
        assert error.items() <= said.items()


@pytest.mark.parametrize(
    "body",
    [b"{", b"[]", b"{}", b'{"messages": []}', b'{"messages": [{"role": "user"}], "stream": 1}'],
)
@pytest.mark.parametrize("server", [Server.VLLM, Server.OLLAMA])
async def test_unreadable_requests_are_400(
    server: Server, body: bytes, session: aiohttp.ClientSession
) -> None:
    path = "/api/chat" if server is Server.OLLAMA else "/v1/chat/completions"
    async with FakeProvider(ProviderSpec("p", server)) as provider:
        response = await session.post(f"http://127.0.0.1:{provider.port}{path}", data=body)
        assert response.status == 400
        assert "error" in await response.json()


async def test_context_window_and_key_are_enforced(session: aiohttp.ClientSession) -> None:
    spec = ProviderSpec("p", Server.VLLM, context_window=4, api_key="k")
    async with FakeProvider(spec) as provider:
        url = f"{provider.base_url}/chat/completions"
        assert (await session.post(url, json=chat())).status == 401
        key = {"Authorization": "Bearer k"}
        assert (await session.post(url, json=chat(max_tokens=2), headers=key)).status == 200
        long = await session.post(url, json=chat(max_tokens=3), headers=key)
        assert long.status == 400
        assert "maximum context length is 4 tokens" in (await long.json())["error"]["message"]


async def test_pages_of_each_server(session: aiohttp.ClientSession) -> None:
    async with FakeFleet(reference_specs()) as fleet:

        async def get(provider: str, path: str) -> aiohttp.ClientResponse:
            headers = {"Authorization": f"Bearer {CLOUD_KEY}"}
            url = f"http://127.0.0.1:{fleet[provider].port}{path}"
            return await session.get(url, headers=headers)

        tags = await (await get("ollama_cloud", "/api/tags")).json()
        assert "glm-4.6:cloud" in [model["name"] for model in tags["models"]]
        assert "version" in await (await get("ollama", "/api/version")).json()
        listed = await (await get("vllm-qwen", "/v1/models")).json()
        assert listed["data"][0]["max_model_len"] == 4096
        metrics = await (await get("vllm-qwen", "/metrics")).text()
        assert 'vllm:num_requests_running{engine="0",model_name="Qwen/' in metrics
        assert (await get("vllm-qwen", "/health")).status == 200
        assert "llamacpp:requests_processing 0.0" in (
            await (await get("llama_cpp_native", "/metrics")).text()
        )
        slots = await (await get("llama_cpp_native", "/slots")).json()
        assert [slot["is_processing"] for slot in slots] == [False] * 4
        assert (await get("llama_cpp_native", "/nonsense")).status == 404


async def test_fleet_writes_a_config_that_points_at_it(tmp_path: Path) -> None:
    config = tmp_path / "routing.yaml"
    entries = "".join(f"  {spec.id}:\n    kind: openai\n" for spec in reference_specs())
    cloud = "    credential_env: CLOUD_KEY\n"
    marker = "  ollama_cloud:\n"
    config.write_text(f"providers:\n{entries}".replace(marker, marker + cloud))
    async with FakeFleet() as fleet:
        copy = fleet.routing_config(config)
        text = copy.read_text()
        assert all(f"base_url: {address}" in text for address in fleet.addresses.values())
        assert fleet.environment(config) == {"CLOUD_KEY": CLOUD_KEY}
    assert not copy.exists()
    async with FakeFleet() as fleet:
        config.write_text("providers: {ollama: {}}\n")
        with pytest.raises(ValueError, match="no llama_cpp_python"):
            fleet.routing_config(config)


async def test_processes_are_killed_and_come_back_on_their_port(
    session: aiohttp.ClientSession,
) -> None:
    specs = [ProviderSpec("a", Server.OLLAMA), ProviderSpec("b", Server.VLLM)]
    async with FakeFleet(specs, processes=True) as fleet:
        addresses = fleet.addresses
        url = f"{addresses['b']}/chat/completions"
        await fleet["b"].behave(Behaviour(tokens_per_s=5))
        response = await session.post(url, json=chat(stream=True))
        assert await response.content.readline()
        await fleet.kill("b")
        with pytest.raises(aiohttp.ClientPayloadError):
            await response.read()
        with pytest.raises(aiohttp.ClientConnectorError):
            await session.post(url, json=chat())
        await fleet.restart("b")
        assert fleet.addresses == addresses
        assert (await session.post(url, json=chat())).status == 200
        assert [entry.outcome for entry in await fleet["b"].log()] == ["finished"]
        assert await fleet["a"].log() == []


async def test_a_process_ends_with_its_parent() -> None:
    async with FakeFleet([ProviderSpec("a", Server.OLLAMA)], processes=True) as fleet:
        process = fleet["a"]._process
        process.stdin.close()
        assert await process.wait() == 0
        with pytest.raises(ProcessLookupError):
            os.kill(process.pid, 0)


async def test_a_process_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    async with FakeProvider(ProviderSpec("a", Server.OLLAMA)) as taken:
        spec = ProviderSpec("b", Server.OLLAMA, port=taken.port)
        with pytest.raises(ExceptionGroup) as raised:
            async with FakeFleet([spec], processes=True):
                pass
    assert "fake provider b did not start" in str(raised.value.exceptions[0])
    assert f"cannot listen on 127.0.0.1:{taken.port}" in capfd.readouterr().err

"""What a caller sends and we do not know goes upstream untouched, and what comes back stays so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router_service.testing import FakeFleet
from router_service.v1 import router_pb2

from .callers import GrpcCaller, chat
from .routers import InProcessRouter

TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Looks up a word.",
        "parameters": {
            "type": "object",
            "properties": {"word": {"type": "string"}, "deep": {"type": "boolean"}},
            "required": ["word"],
        },
    },
}
MEMBERS = {
    "messages": '[{"role":"user","content":"caf\\u00e9 \\ud83d\\ude00 \\/"}]',
    "temperature": "0.70",
    "seed": "12345678901234567890123",
    "x_vendor": '{ "b" : [1, 2.50, 1e5], "a": null }',
    "guided_choice": '["ja" , "nein"]',
    "logit_bias": '{"50256":-100}',
    "metadata": '{"ticket":"\\u0041-1"}',
    "tools": json.dumps([TOOL], indent=1),
    "tool_choice": '"auto"',
}
"""Members of a body, each exactly as written."""


def body(model: str) -> bytes:
    members = {"model": json.dumps(model)} | MEMBERS
    return ("{" + ", ".join(f'"{name}": {text}' for name, text in members.items()) + "}").encode()


async def sent(router: InProcessRouter, face: str, raw: bytes) -> dict[str, Any]:
    """The answer to a body sent as these bytes."""
    if face == "grpc":
        caller: GrpcCaller = router.grpc
        request = router_pb2.GenerateRequest(openai_body=raw)
        answer: dict[str, Any] = json.loads((await caller.stub.Generate(request)).body)
        return answer
    url, headers = f"{router.http.url}/v1/chat/completions", {"Content-Type": "application/json"}
    async with router.http.session.post(url, data=raw, headers=headers) as response:
        assert response.status == 200, await response.text()
        found: dict[str, Any] = await response.json()
        return found


async def test_an_openai_style_provider_gets_every_member_byte_for_byte(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await sent(router, face, body("alpha"))
    (entry,) = await fleet["first"].log()
    for name, text in MEMBERS.items():
        assert f'"{name}":{text}' in entry.body
    assert entry.json["model"] == "alpha"
    assert entry.json.keys() - MEMBERS.keys() == {"model", "stream"}


async def test_ollama_gets_unknown_members_and_tools_with_their_values(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await sent(router, face, body("native"))
    (entry,) = await fleet["second"].log()
    assert entry.path == "/api/chat"
    asked, got = json.loads(body("native")), entry.json
    for name in ("x_vendor", "guided_choice", "logit_bias", "metadata", "tools"):
        assert got[name] == asked[name], name
    assert got["messages"] == asked["messages"]
    assert got["options"] == {"temperature": 0.7, "seed": asked["seed"]}


@pytest.mark.parametrize("model", ["alpha", "native"])
async def test_a_tool_call_comes_back(router: InProcessRouter, face: str, model: str) -> None:
    answer = await sent(router, face, body(model))
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["type"] == "function"
    assert call["function"]["name"] == "look_up"
    assert json.loads(call["function"]["arguments"])["deep"] is True


@pytest.mark.parametrize("model", ["alpha", "native"])
async def test_a_tool_call_comes_back_in_a_stream(
    router: InProcessRouter, face: str, model: str
) -> None:
    reply = await router.face(face).ask(chat(model, stream=True, tools=[TOOL]))
    assert reply.whole, reply
    assert reply.finish_reason == "tool_calls"
    deltas = [choice["delta"] for chunk in reply.chunks for choice in chunk["choices"]]
    calls = [call for delta in deltas for call in delta.get("tool_calls") or ()]
    assert calls[0]["function"]["name"] == "look_up"
    arguments = "".join(call["function"].get("arguments", "") for call in calls)
    assert json.loads(arguments).keys() == {"word", "deep"}


async def test_a_fallback_sends_the_same_members(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet.kill("second")
    await sent(router, face, body("native"))
    (entry,) = await fleet["first"].log()
    assert entry.json["model"] == "alpha"
    for name, text in MEMBERS.items():
        assert f'"{name}":{text}' in entry.body


@pytest.mark.parametrize("model", ["delta", "native"])
async def test_embeddings_and_completions(
    router: InProcessRouter, fleet: FakeFleet, model: str
) -> None:
    session, url = router.http.session, router.http.url
    asked: dict[str, Any] = {"model": model, "input": ["one", "two"], "user": "ann"}
    async with session.post(f"{url}/v1/embeddings", json=asked) as response:
        found = await response.json()
        assert [len(item["embedding"]) > 0 for item in found["data"]] == [True, True]
    asked = {"model": model, "prompt": "once upon", "max_tokens": 4, "suffix": "end"}
    async with session.post(f"{url}/v1/completions", json=asked) as response:
        found = await response.json()
        assert found["choices"][0]["text"].startswith(f"{model}:")
    embedded, completed = await fleet["fourth" if model == "delta" else "second"].log()
    assert embedded.json["user"] == "ann"
    assert completed.json["suffix"] == "end"


async def test_embeddings_of_one_model_never_come_from_another(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    await fleet.kill("second")
    asked = {"model": "beta", "input": "one"}
    url = f"{router.http.url}/v1/embeddings"
    async with router.http.session.post(url, json=asked) as response:
        assert response.status == 502

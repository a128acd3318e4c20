"""OpenAI-style request bodies in the words of Ollama's own API."""

from __future__ import annotations

from typing import Any

import pytest

from router_service.connectors.ollama_request import chat, completion, embedding
from router_service.errors import InvalidRequest

USER = {"role": "user", "content": "hi"}


def chat_of(**members: Any) -> dict[str, Any]:
    return chat({"model": "m", "messages": [USER]} | members)


def message_of(**message: Any) -> dict[str, Any]:
    (translated,) = chat({"messages": [message]})["messages"]
    return translated


def test_options() -> None:
    sampling = {
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 40,
        "max_tokens": 5,
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
    }
    translated = chat_of(**sampling, stop="END")
    assert translated["options"] == {
        "temperature": 0.0,
        "top_p": 0.9,
        "top_k": 40,
        "num_predict": 5,
        "seed": 7,
        "frequency_penalty": 0.1,
        "presence_penalty": 0.2,
        "stop": ["END"],
    }
    assert not set(sampling) & set(translated)


def test_newer_limit_wins_and_null_is_nothing() -> None:
    translated = chat_of(max_tokens=5, max_completion_tokens=6, temperature=None, seed=None)
    assert translated["options"] == {"num_predict": 6}
    assert "options" not in chat_of(temperature=None)


def test_own_options_win() -> None:
    translated = chat_of(temperature=0.5, options={"temperature": 0.1, "num_gpu": 1})
    assert translated["options"] == {"temperature": 0.1, "num_gpu": 1}


def test_unknown_members_pass_through() -> None:
    own = {"keep_alive": "5m", "think": True, "x_new": {"a": [1]}, "logprobs": True}
    translated = chat_of(**own)
    assert {name: translated[name] for name in own} == own


@pytest.mark.parametrize(("effort", "think"), [("none", False), ("low", "low"), ("high", "high")])
def test_reasoning_effort(effort: str, think: object) -> None:
    assert chat_of(reasoning_effort=effort)["think"] == think
    assert chat_of(reasoning_effort=effort, think=True)["think"] is True


def test_response_format() -> None:
    schema = {"type": "object"}
    assert chat_of(response_format={"type": "json_object"})["format"] == "json"
    asked = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    assert chat_of(response_format=asked)["format"] == schema
    assert "format" not in chat_of(response_format={"type": "text"})
    with pytest.raises(InvalidRequest, match=r"json_schema\.schema"):
        chat_of(response_format={"type": "json_schema"})


def test_tools() -> None:
    tools = [{"type": "function", "function": {"name": name}} for name in ("a", "b")]
    assert chat_of(tools=tools)["tools"] == tools
    assert chat_of(tools=tools, tool_choice="auto")["tools"] == tools
    assert "tools" not in chat_of(tools=tools, tool_choice="none")
    named = {"type": "function", "function": {"name": "b"}}
    assert chat_of(tools=tools, tool_choice=named)["tools"] == [tools[1]]


def test_plain_messages() -> None:
    assert message_of(role="developer", content="x") == {"role": "system", "content": "x"}
    assert message_of(role="assistant", content=None) == {"role": "assistant", "content": ""}
    thought = message_of(role="assistant", content="x", reasoning_content="hm")
    assert thought["thinking"] == "hm"


def test_parts_and_images() -> None:
    parts = [
        {"type": "text", "text": "what"},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}},
        {"type": "text", "text": "is it"},
    ]
    message = message_of(role="user", content=parts)
    assert message == {"role": "user", "content": "what\nis it", "images": ["QUJD"]}


def test_tool_calls_and_results() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    empty = {"id": "c2", "type": "function", "function": {"name": "g", "arguments": ""}}
    messages = chat(
        {
            "messages": [
                {"role": "assistant", "content": None, "tool_calls": [call, empty]},
                {"role": "tool", "tool_call_id": "c2", "content": "42"},
                {"role": "tool", "name": "h", "tool_call_id": "c9", "content": "43"},
            ]
        }
    )["messages"]
    assert messages[0]["tool_calls"] == [
        {"id": "c1", "function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "c2", "function": {"name": "g", "arguments": {}}},
    ]
    assert messages[1] == {
        "role": "tool",
        "content": "42",
        "tool_call_id": "c2",
        "tool_name": "g",
    }
    assert messages[2]["tool_name"] == "h"


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("hi", r"messages\[0\]"),
        ({"role": "user", "content": [{"type": "input_audio"}]}, r"messages\[0\]\.content\[0\]"),
        (
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "http://x"}}]},
            r"messages\[0\]\.content\[0\]\.image_url",
        ),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]},
            r"messages\[0\]\.tool_calls\[0\]\.function\.arguments",
        ),
        (
            {"role": "assistant", "tool_calls": [7]},
            r"messages\[0\]\.tool_calls\[0\]\.function\.name",
        ),
    ],
)
def test_what_cannot_be_said_is_refused_with_its_place(message: object, place: str) -> None:
    with pytest.raises(InvalidRequest, match=place):
        chat({"messages": [message]})


def test_messages_are_needed() -> None:
    with pytest.raises(InvalidRequest, match="messages"):
        chat({"model": "m"})


def test_completion() -> None:
    body = {"prompt": ["Once"], "max_tokens": 3, "suffix": "end", "raw": True, "logprobs": 2}
    assert completion(body) == {
        "prompt": "Once",
        "options": {"num_predict": 3},
        "suffix": "end",
        "raw": True,
    }


@pytest.mark.parametrize("prompt", [None, ["a", "b"], [1, 2], 7])
def test_prompt_ollama_cannot_take(prompt: object) -> None:
    with pytest.raises(InvalidRequest, match="prompt"):
        completion({"prompt": prompt})


def test_embedding() -> None:
    body = {"input": ["a", "b"], "dimensions": 8, "encoding_format": "base64"}
    assert embedding(body) == {"input": ["a", "b"], "dimensions": 8}
    for tokens in ([1, 2], [[1]], None):
        with pytest.raises(InvalidRequest, match="input"):
            embedding({"input": tokens})

"""Answers of Ollama's own API as OpenAI-style chunks and bodies."""

from __future__ import annotations

import base64
import json
import struct
from typing import Any

import pytest

from router_service.connectors.decoder import StreamDecoder
from router_service.connectors.failures import Failures
from router_service.connectors.ollama import OllamaProtocol
from router_service.types import Finished, Limits, Operation, UpstreamCall, Usage, Whole

LIMITS = Limits(1.0, 1.0, 1.0, 1.0)
PROTOCOL = OllamaProtocol(Failures("p"), wall_s=lambda: 1234.5)
COUNTS = {"prompt_eval_count": 3, "eval_count": 2}
TOOL_CALL = {"function": {"name": "f", "arguments": {"x": "ü"}}}


def call(operation: Operation, **body: Any) -> UpstreamCall:
    return UpstreamCall(operation, json.dumps(body).encode(), "up", True, LIMITS)


def chunks(decoder: StreamDecoder, *documents: Any) -> list[dict[str, Any]]:
    lines = b"".join(json.dumps(document).encode() + b"\n" for document in documents)
    return [json.loads(delta.raw) for delta in decoder.feed(lines)]


def said(**message: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": ""} | message, "done": False}


def done(reason: str | None = "stop", **message: Any) -> dict[str, Any]:
    return said(**message) | {"done": True, "done_reason": reason} | COUNTS


def whole_of(operation: Operation, document: Any, **body: Any) -> tuple[Whole, Any]:
    whole = PROTOCOL.whole(call(operation, **body), json.dumps(document).encode())
    return whole, json.loads(whole.body)


def test_chat_chunks() -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT))
    first, last = chunks(decoder, said(content="Hi"), done())
    assert first["id"] == last["id"]
    assert first["id"].startswith("chatcmpl-")
    assert first | {"id": ""} == {
        "id": "",
        "object": "chat.completion.chunk",
        "created": 1234,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "Hi"},
                "logprobs": None,
                "finish_reason": None,
            }
        ],
    }
    assert last["choices"][0]["delta"] == {}
    assert last["choices"][0]["finish_reason"] == "stop"
    assert decoder.finished() == Finished("stop", Usage(3, 2), "m")
    assert decoder.ended


def test_usage_chunk_only_where_asked_for() -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT, stream_options={"include_usage": True}))
    *_, last = chunks(decoder, done())
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    decoder = PROTOCOL.decoder(call(Operation.CHAT, stream_options={"include_usage": False}))
    assert len(chunks(decoder, done())) == 1


@pytest.mark.parametrize(
    ("reason", "expected"),
    [("stop", "stop"), ("length", "length"), ("load", "stop")],
)
def test_finish_reasons(reason: str | None, expected: str) -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT))
    (chunk,) = chunks(decoder, done(reason))
    assert chunk["choices"][0]["finish_reason"] == expected


def test_done_without_a_reason_was_cut_off() -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT))
    chunks(decoder, said(content="a"), done(None))
    assert decoder.ended
    assert decoder.finished() is None


def test_tool_calls_in_a_stream() -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT))
    named = TOOL_CALL | {"id": "c7"}
    first, second, last = chunks(
        decoder, said(tool_calls=[TOOL_CALL]), said(tool_calls=[named]), done()
    )
    (a,) = first["choices"][0]["delta"]["tool_calls"]
    (b,) = second["choices"][0]["delta"]["tool_calls"]
    assert (a["index"], a["type"], a["function"]["name"]) == (0, "function", "f")
    assert json.loads(a["function"]["arguments"]) == {"x": "ü"}
    assert a["id"].startswith("call_")
    assert (b["index"], b["id"]) == (1, "c7")
    assert last["choices"][0]["finish_reason"] == "tool_calls"
    assert decoder.content_seen


def test_thinking_and_logprobs_in_a_stream() -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT))
    logprobs = [{"token": "a", "logprob": -0.1}]
    first, second = chunks(decoder, said(thinking="hm"), said(content="a") | {"logprobs": logprobs})
    assert first["choices"][0]["delta"]["reasoning_content"] == "hm"
    assert second["choices"][0]["logprobs"] == {"content": logprobs}
    assert decoder.content_seen


def test_stream_without_done_is_not_finished() -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT))
    chunks(decoder, said(content="a"))
    assert decoder.finished() is None


def test_line_of_another_shape_is_skipped() -> None:
    decoder = PROTOCOL.decoder(call(Operation.CHAT))
    assert chunks(decoder, {"status": "pulling"}, [], 7) == []
    assert decoder.malformed == 3


def test_completion_chunks() -> None:
    decoder = PROTOCOL.decoder(call(Operation.COMPLETION))
    first, last = chunks(
        decoder,
        {"model": "m", "response": "Hi", "done": False},
        {"model": "m", "response": "", "done": True, "done_reason": "length"} | COUNTS,
    )
    assert first["object"] == "text_completion"
    assert first["choices"] == [{"index": 0, "text": "Hi", "logprobs": None, "finish_reason": None}]
    assert last["choices"][0]["finish_reason"] == "length"
    assert decoder.finished() == Finished("length", Usage(3, 2), "m")


def test_whole_chat() -> None:
    whole, body = whole_of(Operation.CHAT, done(content="Hi", thinking="hm"))
    assert (whole.text, whole.finish_reason, whole.usage) == ("Hi", "stop", Usage(3, 2))
    assert body["object"] == "chat.completion"
    assert (body["created"], body["model"]) == (1234, "m")
    assert body["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hi", "reasoning_content": "hm"},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]


def test_whole_chat_with_a_tool_call() -> None:
    whole, body = whole_of(Operation.CHAT, done(tool_calls=[TOOL_CALL]))
    message = body["choices"][0]["message"]
    assert message["content"] is None
    assert json.loads(message["tool_calls"][0]["function"]["arguments"]) == {"x": "ü"}
    assert whole.finish_reason == "tool_calls"


def test_an_answer_cut_by_a_content_filter_says_so() -> None:
    whole, body = whole_of(Operation.CHAT, done("content_filter", content="a"))
    assert whole.finish_reason == body["choices"][0]["finish_reason"] == "content_filter"


def test_whole_completion() -> None:
    document = {"model": "m", "response": "Hi", "done": True, "done_reason": "stop"}
    whole, body = whole_of(Operation.COMPLETION, document)
    assert (whole.text, whole.usage) == ("Hi", None)
    assert body["choices"][0]["text"] == "Hi"
    assert "usage" not in body


def test_embeddings() -> None:
    document = {"model": "m", "embeddings": [[0.5, -1.0], [2.0, 3.0]], "prompt_eval_count": 4}
    whole, body = whole_of(Operation.EMBEDDING, document, input=["a", "b"])
    assert whole.usage == Usage(4, 0)
    assert body["object"] == "list"
    assert [item["index"] for item in body["data"]] == [0, 1]
    assert body["data"][1]["embedding"] == [2.0, 3.0]
    assert body["usage"] == {"prompt_tokens": 4, "total_tokens": 4}
    _, body = whole_of(Operation.EMBEDDING, document, input="a", encoding_format="base64")
    packed = base64.b64decode(body["data"][0]["embedding"])
    assert struct.unpack("<2f", packed) == (0.5, -1.0)


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        (Operation.CHAT, said(content="a")),
        (Operation.CHAT, {"done": True}),
        (Operation.CHAT, done(None, content="a")),
        (Operation.COMPLETION, {"done": True}),
        (Operation.EMBEDDING, {"embeddings": []}),
        (Operation.EMBEDDING, {"embeddings": [["x"]]}),
    ],
)
def test_whole_answers_that_are_none(operation: Operation, document: Any) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        whole_of(operation, document, encoding_format="base64")

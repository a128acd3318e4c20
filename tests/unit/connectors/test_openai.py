"""What the OpenAI connector reads in chunks and answers, beyond the suite for every protocol."""

from __future__ import annotations

import json
from typing import Any

import pytest

from router_service.connectors.classify import implied_status, read_error
from router_service.connectors.documents import MOST_TOKENS, usage_of
from router_service.connectors.failures import Failures
from router_service.connectors.openai import OpenAiDecoder, OpenAiProtocol, choices_wanted
from router_service.errors import UpstreamError
from router_service.types import (
    Delta,
    Finished,
    Limits,
    Operation,
    OutcomeClass,
    UpstreamCall,
    Usage,
)

LIMITS = Limits(1.0, 1.0, 1.0, 1.0)


def feed(decoder: OpenAiDecoder, *documents: Any) -> list[Delta]:
    return [
        delta
        for document in documents
        for delta in decoder.feed(b"data: " + json.dumps(document).encode() + b"\n\n")
    ]


def chunk(*choices: dict[str, Any]) -> dict[str, Any]:
    return {"choices": list(choices)}


@pytest.fixture
def decoder() -> OpenAiDecoder:
    return OpenAiDecoder(Failures("p"))


@pytest.mark.parametrize(
    ("choice", "text", "content"),
    [
        ({"delta": {"content": "a"}}, "a", True),
        ({"text": "a"}, "a", True),
        ({"index": 1, "delta": {"content": "a"}}, "", True),
        ({"delta": {"tool_calls": [{"index": 0}]}}, "", True),
        ({"delta": {"function_call": {"name": "f"}}}, "", True),
        ({"delta": {"reasoning_content": "hm"}}, "", True),
        ({"delta": {"reasoning": "hm"}}, "", True),
        ({"delta": {"refusal": "no"}}, "", True),
        ({"delta": {"audio": {"data": "x"}}}, "", True),
        ({"delta": {"role": "assistant", "content": ""}}, "", False),
        ({"delta": {"content": None, "tool_calls": []}}, "", False),
        ({"delta": None, "finish_reason": "stop"}, "", False),
        ({"delta": {"content": 7}}, "", True),
        ({"delta": {"content": "\ud800"}}, "?", True),
    ],
)
def test_content(decoder: OpenAiDecoder, choice: dict[str, Any], text: str, content: bool) -> None:
    (delta,) = feed(decoder, chunk(choice))
    assert (delta.text, delta.content) == (text, content)
    assert decoder.content_seen is content


def test_raw_is_what_came(decoder: OpenAiDecoder) -> None:
    raw = b'{ "choices":[],  "x_new" : 1.10 }'
    assert [delta.raw for delta in decoder.feed(b"data: " + raw + b"\n\n")] == [raw]


def test_every_choice_needs_its_finish_reason(decoder: OpenAiDecoder) -> None:
    feed(decoder, chunk({"index": 0, "text": "a"}), chunk({"index": 1, "text": "b"}))
    feed(decoder, chunk({"index": 1, "text": "", "finish_reason": "length"}))
    assert decoder.finished() is None
    feed(decoder, chunk({"index": 0, "text": "", "finish_reason": "stop"}), chunk({"index": 0}))
    assert decoder.finished() == Finished("stop", None, None)


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n"])
def test_a_choice_that_never_began(end: bytes) -> None:
    decoder = OpenAiDecoder(Failures("p"), choices_wanted=2)
    feed(decoder, chunk({"index": 0, "text": "a", "finish_reason": "stop"}))
    assert not list(decoder.feed(end))
    # Cut off before the second, unless the server says that this is all.
    assert (decoder.finished() is None) == (not end)
    feed(decoder, chunk({"index": 1, "text": "", "finish_reason": "content_filter"}))
    assert decoder.finished() == Finished("stop", None, None)


@pytest.mark.parametrize(
    ("operation", "body", "choices"),
    [
        (Operation.CHAT, {}, 1),
        (Operation.CHAT, {"n": 3}, 3),
        (Operation.CHAT, {"n": None}, 1),
        (Operation.CHAT, {"n": "many"}, 1),
        (Operation.CHAT, {"messages": [{"content": '"n"'}]}, 1),
        (Operation.COMPLETION, {"prompt": "a"}, 1),
        (Operation.COMPLETION, {"prompt": ["a", "b"], "n": 2}, 4),
        (Operation.COMPLETION, {"prompt": [1, 2, 3]}, 1),
        (Operation.COMPLETION, {"prompt": [[1, 2], [3]]}, 2),
    ],
)
def test_choices_wanted(operation: Operation, body: dict[str, Any], choices: int) -> None:
    raw = json.dumps(body).encode()
    assert choices_wanted(UpstreamCall(operation, raw, "up", True, LIMITS)) == choices


@pytest.mark.parametrize("reason", ["length", "content_filter", "tool_calls", "x_new"])
def test_finish_reasons_are_passed_on(decoder: OpenAiDecoder, reason: str) -> None:
    (delta,) = feed(decoder, chunk({"delta": {}, "finish_reason": reason}))
    assert json.loads(delta.raw)["choices"][0]["finish_reason"] == reason
    assert decoder.finished() == Finished(reason, None, None)


def test_usage_comes_last(decoder: OpenAiDecoder) -> None:
    feed(decoder, chunk({"finish_reason": "stop"}) | {"usage": None, "model": "m"})
    feed(decoder, {"choices": [], "usage": {"prompt_tokens": 4, "completion_tokens": 1}})
    assert decoder.finished() == Finished("stop", Usage(4, 1), "m")


def test_nothing_counts_after_the_end_mark(decoder: OpenAiDecoder) -> None:
    assert list(decoder.feed(b'data: [DONE]\n\ndata: {"choices": [{"text": "a"}]}\n\n')) == []
    assert decoder.ended


@pytest.mark.parametrize("payload", [b"7", b"[]", b"{", b'{"choices": 1}', b"\xff", b"[" * 99999])
def test_malformed(decoder: OpenAiDecoder, payload: bytes) -> None:
    assert list(decoder.feed(b"data: " + payload + b"\n\n")) == []
    assert decoder.malformed == 1


def test_chunks_before_an_error_in_the_same_packet_are_passed_on(decoder: OpenAiDecoder) -> None:
    deltas = decoder.feed(b'data: {"choices":[{"text":"a"}]}\n\ndata: {"error":{"code":500}}\n\n')
    assert next(deltas).text == "a"
    with pytest.raises(UpstreamError) as caught:
        next(deltas)
    assert caught.value.outcome_class is OutcomeClass.STREAM_BROKEN


@pytest.mark.parametrize("operation", list(Operation))
def test_only_model_and_stream_are_overlaid(operation: Operation) -> None:
    seen: list[tuple[bytes, bytes]] = []

    def overlay(body: bytes, changes: bytes) -> bytes:
        seen.append((body, changes))
        return b"overlaid"

    call = UpstreamCall(operation, b"as it came", "up", True, LIMITS)
    assert OpenAiProtocol(Failures("p"), overlay).request(call)[1] == b"overlaid"
    changes = (
        {"model": "up"} if operation is Operation.EMBEDDING else {"model": "up", "stream": True}
    )
    assert [(body, json.loads(raw)) for body, raw in seen] == [(b"as it came", changes)]


def test_whole_embedding_and_completion() -> None:
    protocol = OpenAiProtocol(Failures("p"), lambda body, _: body)
    body = b'{"data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": 2, "total_tokens": 2}}'
    whole = protocol.whole(UpstreamCall(Operation.EMBEDDING, b"", "up", False, LIMITS), body)
    assert (whole.body, whole.usage) == (body, Usage(2, 0))
    body = (
        b'{"choices": [{"index": 1, "text": "b", "finish_reason": "length"},'
        b' {"index": 0, "text": "a", "finish_reason": "stop"}]}'
    )
    whole = protocol.whole(UpstreamCall(Operation.COMPLETION, b"", "up", False, LIMITS), body)
    assert (whole.body, whole.text, whole.finish_reason) == (body, "a", "stop")


def test_a_whole_answer_says_that_each_of_its_choices_ended() -> None:
    protocol = OpenAiProtocol(Failures("p"), lambda body, _: body)
    body = b'{"choices": [{"index": 0, "text": "a", "finish_reason": "stop"}, {"index": 1}]}'
    with pytest.raises(ValueError, match="cut off"):
        protocol.whole(UpstreamCall(Operation.COMPLETION, b"", "up", False, LIMITS), body)


@pytest.mark.parametrize(
    ("document", "status"),
    [
        ({"error": {"code": "rate_limit_exceeded", "type": "invalid_request_error"}}, 429),
        ({"error": {"type": "overloaded_error"}}, 503),
        ({"error": {"code": "invalid_api_key"}}, 401),
        ({"error": {"code": "429"}}, 429),
        ({"error": {"code": "context_length_exceeded", "type": "invalid_request_error"}}, 400),
        ({"object": "error", "message": "m", "code": 404}, 404),
        ({"error": True}, 500),
        ({"error": {"code": 42}}, 500),
        ({"error": [1, {"a": "b"}]}, 500),
    ],
)
def test_status_an_error_inside_an_answer_stands_for(document: Any, status: int) -> None:
    detail = read_error(document)
    assert detail is not None
    assert implied_status(detail) == status


@pytest.mark.parametrize(
    ("document", "wait"),
    [
        ({"error": {"code": 429, "retry_after": 2}}, 2.0),
        ({"error": {"code": 429}, "retry_after": "1.5"}, 1.5),
        ({"error": {"code": 429, "retry_after_ms": 250}}, 0.25),
        ({"error": "loading", "estimated_time": 20.123456789012}, 20.123456789012),
        ({"error": {"details": [{"retryDelay": "34s"}, {"x": 1}, 7]}}, 34.0),
        ({"error": {"retry_after": 10**400}}, 86_400.0),
        ({"error": {"retry_after": -1}}, 0.0),
        ({"error": {"retry_after": True}}, None),
        ({"error": {"retry_after": "soon"}}, None),
        ({"error": {"code": 429}}, None),
    ],
)
def test_wait_an_error_states(document: Any, wait: float | None) -> None:
    detail = read_error(document)
    assert detail is not None
    assert detail.retry_after_s == wait


@pytest.mark.parametrize("document", [None, 7, [], {}, {"error": None}, {"choices": []}])
def test_no_error(document: Any) -> None:
    assert read_error(document) is None


def test_no_count_of_tokens_is_past_what_fits() -> None:
    assert usage_of(10**400, 2**31) == Usage(MOST_TOKENS, MOST_TOKENS)
    assert usage_of(-1, True) is None

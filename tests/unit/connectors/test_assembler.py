"""Chunks of every shape put together to whole answers."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import pytest

from router_service.connectors.assembler import Assembler
from router_service.types import Finished, Operation, Usage, Whole

MOST = 1_000_000
FINISHED = Finished("stop", Usage(1, 2), "served")


def whole(operation: Operation, *chunks: Any) -> Whole:
    assembler = Assembler(operation, MOST)
    for chunk in chunks:
        assembler.add(json.dumps(chunk).encode())
    return assembler.whole(FINISHED)


def choice(*deltas: dict[str, Any]) -> Any:
    """The only choice of a chat that comes in these deltas."""
    chunks = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    (only,) = json.loads(whole(Operation.CHAT, *chunks).body)["choices"]
    return only


def text_choice(*choices: dict[str, Any]) -> Any:
    chunks = [{"choices": [one]} for one in choices]
    (only,) = json.loads(whole(Operation.COMPLETION, *chunks).body)["choices"]
    return only


def test_top_level_members() -> None:
    answer = whole(
        Operation.CHAT,
        {"id": "a", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": []},
        {"id": "a", "created": 2, "system_fingerprint": "fp", "x_new": {"y": [1]}, "usage": None},
        {"id": None, "model": "m2", "x_new": None, "usage": {"prompt_tokens": 1}},
    )
    assert json.loads(answer.body) == {
        "id": "a",
        "object": "chat.completion",
        "created": 2,
        "model": "m2",
        "system_fingerprint": "fp",
        "x_new": {"y": [1]},
        "usage": {"prompt_tokens": 1},
        "choices": [],
    }
    assert (answer.text, answer.finish_reason) == ("", "stop")
    assert (answer.usage, answer.served_model) == (Usage(1, 2), "served")


@pytest.mark.parametrize(
    ("deltas", "message"),
    [
        ([{}], {"role": "assistant", "content": ""}),
        (
            [{"role": "assistant", "content": ""}, {"content": "Grü"}, {"content": "ße \ud83d"}],
            {"role": "assistant", "content": "Grüße \ud83d"},
        ),
        ([{"role": "tool"}, {"role": "tool", "content": "a"}], {"role": "tool", "content": "a"}),
        ([{"content": None}, {"content": "a"}], {"role": "assistant", "content": "a"}),
        ([{"role": None, "content": "a"}], {"role": "assistant", "content": "a"}),
        ([{"role": "", "content": "a"}], {"role": "assistant", "content": "a"}),
        (
            [{"reasoning_content": "h"}, {"reasoning_content": "m", "reasoning": "x"}],
            {"role": "assistant", "content": "", "reasoning_content": "hm", "reasoning": "x"},
        ),
        (
            [{"refusal": None}, {"refusal": "I "}, {"refusal": "won't"}],
            {"role": "assistant", "content": None, "refusal": "I won't"},
        ),
        (
            [{"content": "a", "refusal": None}],
            {"role": "assistant", "content": "a", "refusal": None},
        ),
        (
            [
                {"function_call": {"name": "f", "arguments": ""}},
                {"function_call": {"arguments": "{}"}},
            ],
            {
                "role": "assistant",
                "content": None,
                "function_call": {"name": "f", "arguments": "{}"},
            },
        ),
        (
            [{"audio": {"id": "a", "data": "xx"}}, {"audio": {"data": "yy", "expires_at": 7}}],
            {
                "role": "assistant",
                "content": None,
                "audio": {"id": "a", "data": "xxyy", "expires_at": 7},
            },
        ),
        (
            [{"x_text": "a", "x_number": 1, "x_list": [1]}, {"x_text": "b", "x_number": 2}],
            {"role": "assistant", "content": "", "x_text": "ab", "x_number": 2, "x_list": [1]},
        ),
    ],
)
def test_message(deltas: list[dict[str, Any]], message: dict[str, Any]) -> None:
    assert choice(*deltas)["message"] == message


def call_piece(index: int | None, arguments: str, **members: Any) -> dict[str, Any]:
    place = {} if index is None else {"index": index}
    function = {"arguments": arguments} | (
        {"name": members.pop("name")} if "name" in members else {}
    )
    return {"tool_calls": [place | members | {"function": function}]}


@pytest.mark.parametrize("indexed", [True, False])
def test_tool_calls(indexed: bool) -> None:
    first, second = (0, 1) if indexed else (None, None)
    only = choice(
        call_piece(first, "", id="c1", type="function", name="f"),
        call_piece(first, '{"a"'),
        call_piece(first, ": 1}", id="", name=""),
        call_piece(second, "{", id="c2", type="function", name="g"),
        call_piece(second, "}", type="function"),
    )
    assert only["message"]["content"] is None
    assert only["message"]["tool_calls"] == [
        {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}},
        {"id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
    ]


def test_tool_calls_that_come_in_turn_and_repeat_their_name() -> None:
    only = choice(
        call_piece(1, "", id="c2", name="g"),
        call_piece(0, "", id="c1", name="f"),
        call_piece(1, "[", id="c2", name="g"),
        call_piece(0, "{", id="c1", name="f"),
        call_piece(1, "]"),
        call_piece(0, "}"),
    )
    assert [call["id"] for call in only["message"]["tool_calls"]] == ["c1", "c2"]
    assert [call["function"] for call in only["message"]["tool_calls"]] == [
        {"name": "f", "arguments": "{}"},
        {"name": "g", "arguments": "[]"},
    ]


def test_logprobs_of_a_chat() -> None:
    a, b = {"token": "a", "logprob": -0.1}, {"token": "b", "logprob": -1e-05}
    answer = whole(
        Operation.CHAT,
        {"choices": [{"index": 0, "delta": {}, "logprobs": None}]},
        {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [a], "refusal": None}}]},
        {"choices": [{"index": 0, "delta": {}, "logprobs": {"content": [b], "refusal": [a]}}]},
        {"choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "stop"}]},
    )
    (only,) = json.loads(answer.body)["choices"]
    assert only["logprobs"] == {"content": [a, b], "refusal": [a]}
    assert only["finish_reason"] == "stop"


def test_completion() -> None:
    only = text_choice(
        {"text": "a", "logprobs": {"tokens": ["a"], "token_logprobs": [None]}, "stop_reason": None},
        {"index": 0, "text": "b", "logprobs": {"tokens": ["b"], "token_logprobs": [-1.5]}},
        {"text": "", "finish_reason": "length", "stop_reason": "END"},
        {"text": "", "finish_reason": None, "reasoning_content": "hm"},
    )
    assert only == {
        "index": 0,
        "text": "ab",
        "logprobs": {"tokens": ["a", "b"], "token_logprobs": [None, -1.5]},
        "finish_reason": "length",
        "stop_reason": "END",
        "reasoning_content": "hm",
    }


def test_choices_are_kept_apart_and_in_order() -> None:
    pieces = [(2, "x"), (0, "a"), (1, "m"), (0, "b"), (2, "y")]
    chunks = [{"choices": [{"index": at, "delta": {"content": text}}]} for at, text in pieces]
    answer = whole(Operation.CHAT, *chunks)
    choices = json.loads(answer.body)["choices"]
    assert [(one["index"], one["message"]["content"]) for one in choices] == [
        (0, "ab"),
        (1, "m"),
        (2, "xy"),
    ]
    assert answer.text == "ab"


def test_numbers_keep_their_value() -> None:
    raw = b'{"x": 12345678901234567890123, "y": 1.10, "z": NaN, "choices": []}'
    assembler = Assembler(Operation.CHAT, MOST)
    assembler.add(raw)
    body = json.loads(assembler.whole(FINISHED).body)
    assert (body["x"], body["y"], body["z"]) == (12345678901234567890123, 1.1, None)


@pytest.mark.parametrize("raw", [b"", b"[]", b"{", b"[" * 99999, b'{"x": [1e999]}'])
def test_no_chunk(raw: bytes) -> None:
    assembler = Assembler(Operation.CHAT, MOST)
    with pytest.raises(ValueError, match=r"\w"):
        assembler.add(raw)


def endless(shape: str) -> Any:
    """A chunk that is new each time, for a stream without end."""
    number = 0
    while True:
        number += 1
        yield {
            "text": {"choices": [{"index": 0, "delta": {"content": "x" * 99}}]},
            "choices": {"choices": [{"index": number}]},
            "members": {f"m{number}": 1},
            "delta": {"choices": [{"index": 0, "delta": {f"m{number}": ""}}]},
            "calls": {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": number}]}}]},
            "logprobs": {"choices": [{"index": 0, "logprobs": {"content": [{"token": "a"}]}}]},
            "lists": {"choices": [{"index": 0, "logprobs": {f"m{number}": []}}]},
        }[shape]


@pytest.mark.parametrize(
    "shape", ["text", "choices", "members", "delta", "calls", "logprobs", "lists"]
)
def test_endless_stream_is_bounded(shape: str) -> None:
    assembler = Assembler(Operation.CHAT, 200_000)

    def feed() -> None:
        for chunk in endless(shape):
            assembler.add(json.dumps(chunk).encode())

    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="larger than 200000 bytes"):
            feed()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # As JSON takes little and Python objects take much: a multiple, but a fixed one.
    assert peak < 200_000 * 40


def test_what_is_only_replaced_does_not_grow() -> None:
    assembler = Assembler(Operation.CHAT, 20_000)
    for number in range(5_000):
        chunk = {"id": "a", "usage": {"prompt_tokens": number}, "choices": [{"index": 0}]}
        assembler.add(json.dumps(chunk).encode())
    assert json.loads(assembler.whole(FINISHED).body)["usage"] == {"prompt_tokens": 4_999}

"""Bodies that ask to go on from a prefill: the caller's own bytes stay what they were."""

from __future__ import annotations

import json

import pytest

from router_service.connectors.prefill import openai_continuation
from router_service.errors import InvalidRequest
from router_service.types import Operation, Prefill

SAID = Prefill('so "far"\n', 3)


def test_messages_keep_their_bytes() -> None:
    body = (
        ' { "x" : 1.10, "messages": [ {"role":"user", "content":"\\u00fc ] }", "n": 1e400 } ] ,'
        ' "max_tokens": 7, "y": {"messages": []} }'
    )
    continued, changes = openai_continuation(Operation.CHAT, body.encode(), SAID)
    message = '{"role":"assistant","content":"so \\"far\\"\\n"}'
    assert continued.decode() == body.replace(" ] ,", f" ,{message}] ,")
    assert changes == {
        "max_tokens": 4,
        "continue_final_message": True,
        "add_generation_prompt": False,
    }


def test_of_messages_given_twice_the_last_holds() -> None:
    first, last = b'"messages": [{"a": 1}]', b'"messages": [{"b": 2}]'
    continued, _ = openai_continuation(Operation.CHAT, b"{%b, %b}" % (first, last), SAID)
    assert [len(v) for k, v in json.loads(continued, object_pairs_hook=list)] == [1, 2]


def test_prompt() -> None:
    body = b'{"prompt": "once", "max_tokens": 2}'
    continued, changes = openai_continuation(Operation.COMPLETION, body, SAID)
    assert (continued, changes) == (body, {"prompt": 'onceso "far"\n', "max_tokens": 1})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{",
        b'{"a"',
        b'{"a" 1}',
        b'{"a": }',
        b"{1: 2}",
        b"{[]: 2}",
        b"\xff",
        b"{" * 9999,
        b'{"messages": ' + b"[" * 99999,
    ],
)
def test_no_object(body: bytes) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        openai_continuation(Operation.CHAT, body, SAID)


@pytest.mark.parametrize("messages", [None, "hi", [], [{"role": "assistant", "content": "a"}]])
def test_no_place(messages: object) -> None:
    body = json.dumps({"messages": messages}).encode()
    with pytest.raises(InvalidRequest) as caught:
        openai_continuation(Operation.CHAT, body, SAID)
    assert caught.value.param == "messages"

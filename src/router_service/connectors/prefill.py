"""Requests that ask a provider to go on from text that was already delivered.
Only where it goes is changed: the caller's own messages stay the bytes they were."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from router_service.connectors.documents import Document, as_count, as_object, dump, raw_value
from router_service.errors import InvalidRequest
from router_service.types import Operation, Prefill

LIMITS = ("max_tokens", "max_completion_tokens")
_SPACE = re.compile(r"[ \t\n\r]*")


class Member(NamedTuple):
    """One member of a JSON object: its value, and where in the text that stands."""

    value: Any
    start: int
    end: int


def openai_continuation(
    operation: Operation, body: bytes, prefill: Prefill
) -> tuple[bytes, Document]:
    """The body with the prefill in its place, and what is yet to be overlaid.

    Raises InvalidRequest where it has no place, ValueError for what is no JSON object.
    """
    text = body.decode()
    members = _members(text)
    changes: Document = {
        name: lowered(limit, prefill)
        for name in LIMITS
        if name in members and (limit := as_count(members[name].value)) is not None
    }
    if operation is Operation.COMPLETION:
        prompt = members["prompt"].value if "prompt" in members else None
        if not isinstance(prompt, str):
            raise InvalidRequest("prompt: only one prompt, as text, can be gone on from", "prompt")
        return body, changes | {"prompt": prompt + prefill.text}
    changes |= {"continue_final_message": True, "add_generation_prompt": False}
    messages = members.get("messages", Member(None, 0, 0))
    check_messages(messages.value)
    last = messages.end - 1
    message = dump(assistant_message(prefill)).decode("ascii")
    return f"{text[:last]},{message}{text[last:]}".encode(), changes


def assistant_message(prefill: Prefill) -> Document:
    """The message to go on from."""
    return {"role": "assistant", "content": prefill.text}


def check_messages(messages: object) -> None:
    """Raises InvalidRequest for a conversation that an assistant message cannot follow."""
    if not isinstance(messages, list) or not messages:
        raise InvalidRequest("messages: give a list of messages", "messages")
    if as_object(messages[-1]).get("role") == "assistant":
        raise InvalidRequest(
            "messages: a conversation that ends with an assistant message cannot be gone on from",
            "messages",
        )


def lowered(limit: int, prefill: Prefill) -> int:
    """What is left of a limit on the answer's tokens."""
    return max(1, limit - prefill.tokens)


def _members(text: str) -> Mapping[str, Member]:
    """The members of a JSON object; of one given twice the last holds. Raises ValueError."""
    members: dict[str, Member] = {}
    at = _expect(text, 0, "{")
    while not text.startswith("}", at):
        name, at = raw_value(text, at)
        if not isinstance(name, str):
            raise ValueError("the body is not a JSON object: a name is not text")
        start = _expect(text, at, ":")
        value, end = raw_value(text, start)
        members[name] = Member(value, start, end)
        at = _skip(text, end)
        if not text.startswith("}", at):
            at = _expect(text, at, ",")
    return members


def _expect(text: str, at: int, mark: str) -> int:
    """Where the next token after `mark` begins. Raises ValueError where `mark` is not next."""
    at = _skip(text, at)
    if not text.startswith(mark, at):
        raise ValueError(f"the body is not a JSON object: expected {mark} at character {at}")
    return _skip(text, at + 1)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at

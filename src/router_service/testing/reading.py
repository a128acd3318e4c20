"""Reads what every protocol's request has in common: messages, limits, tools and formats.

A wrong type is reported as a plain sentence that the dialect words as its server would.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


class Unreadable(ValueError):
    """The request is not of the protocol's shape; the text says where."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """The text of a list of messages."""

    texts: tuple[str, ...]
    prompt: str
    """The last user message."""
    last_role: str
    prefill: str
    """Text of the assistant message at the end, or nothing."""


def conversation(body: Mapping[str, Any]) -> Conversation:
    """Raises Unreadable."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unreadable("messages must be a list with at least one message")
    roles_texts = [_role_and_text(index, message) for index, message in enumerate(messages)]
    prompt = next((text for role, text in reversed(roles_texts) if role == "user"), "")
    last_role, last_text = roles_texts[-1]
    prefill = last_text if last_role == "assistant" else ""
    return Conversation(tuple(text for _, text in roles_texts), prompt, last_role, prefill)


def _role_and_text(index: int, message: Any) -> tuple[str, str]:
    if not isinstance(message, dict) or not isinstance(message.get("role"), str):
        raise Unreadable(f"messages[{index}] must be an object with a role")
    content = message.get("content")
    if content is None:
        return message["role"], ""
    if isinstance(content, str):
        return message["role"], content
    if isinstance(content, list):
        parts = [part.get("text", "") for part in content if isinstance(part, dict)]
        return message["role"], "".join(parts)
    raise Unreadable(f"messages[{index}].content must be a string or a list of parts")


def texts_of(value: Any, name: str) -> list[str]:
    """A string, a list of strings, token ids or lists of them, as strings. Raises Unreadable."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list) and value:
        if all(isinstance(item, int) for item in value):
            return [" ".join(map(str, value))]
        return [text for item in value for text in texts_of(item, name)]
    raise Unreadable(f"{name} must be a string or a list that is not empty")


def flag(body: Mapping[str, Any], name: str, default: bool) -> bool:
    value = body.get(name, default)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise Unreadable(f"{name} must be true or false")
    return value


def number(body: Mapping[str, Any], *names: str) -> int | None:
    """The first of these members that is set, as a whole number of at least 1."""
    for name in names:
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise Unreadable(f"{name} must be a whole number of at least 1")
        return value
    return None


def called_function(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The function a request's tools make the model call, or None for an answer in words."""
    choice = body.get("tool_choice")
    functions = _functions(body.get("tools"))
    if not functions or choice == "none":
        return None
    if isinstance(choice, dict):
        wanted = choice.get("function", {}).get("name")
        functions = [function for function in functions if function.get("name") == wanted]
        if not functions:
            raise Unreadable(f"tool_choice names {wanted!r}, which is not among the tools")
    return functions[0]


def _functions(tools: Any) -> Sequence[Mapping[str, Any]]:
    if tools is None:
        return []
    if not isinstance(tools, list):
        raise Unreadable("tools must be a list")
    for index, tool in enumerate(tools):
        if not isinstance(tool, dict) or not isinstance(tool.get("function"), dict):
            raise Unreadable(f"tools[{index}] must be an object with a function")
    return [tool["function"] for tool in tools]

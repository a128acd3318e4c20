"""Puts a whole OpenAI-style answer together from the chunks of its stream, without any I/O.
What it keeps is bounded, and each chunk costs what it holds, however long the answer already is."""

from __future__ import annotations

from typing import Any

from router_service.connectors.documents import (
    Document,
    as_count,
    as_list,
    as_object,
    as_text,
    dump,
    parse_object,
)
from router_service.types import Finished, Operation, Whole

MEMBER = 256
"""Bytes that each thing kept counts for besides its JSON: even an empty one takes memory."""

NAMES = frozenset({"role", "id", "type", "name"})
"""Strings that come whole, and from some servers again in every chunk: never joined."""

OBJECTS = frozenset({"function", "function_call", "audio"})
"""Objects that come in pieces themselves."""

COMPLETION_TEXTS = frozenset({"text", "reasoning_content", "reasoning"})
"""Members of a plain completion's choice that come in pieces; a chat has them in its delta."""

SPOKEN_OTHERWISE = ("tool_calls", "function_call", "refusal", "audio")
"""A message with one of these and no text has null for its content."""


class Assembler:
    """One answer to a chat or a completion. Add the raw JSON of its chunks in order, then whole().

    `max_bytes` bounds what is kept, as JSON.
    """

    def __init__(self, operation: Operation, max_bytes: int) -> None:
        self._chat = operation is Operation.CHAT
        self._bound = _Bound(max_bytes)
        self._members = _Values(self._bound)
        self._choices: dict[int, _Choice] = {}

    def add(self, raw: bytes) -> None:
        """Take in one chunk. Raises ValueError for one that is none, and past the bound."""
        document = parse_object(raw)
        for choice in map(as_object, as_list(document.pop("choices", None))):
            self._choice(as_count(choice.pop("index", None)) or 0).add(choice)
        for name, value in document.items():
            self._members.take(name, value)

    def whole(self, finished: Finished) -> Whole:
        """The answer that ended so. Raises ValueError where JSON cannot hold it."""
        choices = [
            {"index": index} | choice.document() for index, choice in sorted(self._choices.items())
        ]
        kind = "chat.completion" if self._chat else "text_completion"
        body = self._members.document() | {"object": kind, "choices": choices}
        return Whole(
            body=dump(body),
            text=self._choices[0].text if 0 in self._choices else "",
            finish_reason=finished.finish_reason,
            usage=finished.usage,
            served_model=finished.served_model,
        )

    def _choice(self, index: int) -> _Choice:
        choice = self._choices.get(index)
        if choice is None:
            choice = self._choices[index] = _Choice(self._bound, chat=self._chat)
        return choice


class _Bound:
    """Counts what is kept."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._kept = 0

    def grow(self, size: int) -> None:
        """Count this many bytes more. Raises ValueError past the bound."""
        self._kept += size
        if self._kept > self._max_bytes:
            raise ValueError(f"it is larger than {self._max_bytes} bytes")


class _Values:
    """Members of which the last value that is not null holds."""

    def __init__(self, bound: _Bound) -> None:
        bound.grow(MEMBER)
        self._bound = bound
        self._values: Document = {}
        self._sizes: dict[str, int] = {}

    def take(self, name: str, value: object) -> None:
        if name in self._values and (value is None or value == self._values[name]):
            return  # most chunks repeat the same head
        size = MEMBER + len(name) + _size(value)
        self._bound.grow(size - self._sizes.get(name, 0))
        self._values[name] = value
        self._sizes[name] = size

    def document(self) -> Document:
        return dict(self._values)


class _Object(_Values):
    """An object that comes in pieces: its texts are joined."""

    def __init__(self, bound: _Bound) -> None:
        super().__init__(bound)
        self._texts: dict[str, list[str]] = {}
        self._objects: dict[str, _Object] = {}
        self._calls = _ToolCalls(bound)

    def add(self, piece: Document) -> None:
        for name, value in piece.items():
            self.take(name, value)

    def take(self, name: str, value: object) -> None:
        if isinstance(value, str):
            self._take_text(name, value)
        elif name == "tool_calls" and isinstance(value, list):
            self._calls.add(value)
        elif name in OBJECTS and isinstance(value, dict):
            if name not in self._objects:
                self._objects[name] = _Object(self._bound)
            self._objects[name].add(value)
        else:
            super().take(name, value)

    def document(self) -> Document:
        document = super().document()
        document |= {name: "".join(parts) for name, parts in self._texts.items()}
        document |= {name: piece.document() for name, piece in self._objects.items()}
        return document | self._calls.document()

    def _take_text(self, name: str, value: str) -> None:
        if name not in NAMES:
            parts = self._texts.setdefault(name, [])
            self._bound.grow(len(value) + (MEMBER if not parts else 0))
            parts.append(value)
        elif value or name not in self._values:
            super().take(name, value)


class _ToolCalls:
    """The tool calls of one message, by their index."""

    def __init__(self, bound: _Bound) -> None:
        self._bound = bound
        self._calls: dict[int, _Object] = {}
        self._last = -1

    def add(self, pieces: list[Any]) -> None:
        for piece in map(as_object, pieces):
            index = self._index_of(piece)
            piece.pop("index", None)
            if index not in self._calls:
                self._calls[index] = _Object(self._bound)
            self._calls[index].add(piece)
            self._last = index

    def document(self) -> Document:
        calls = [call.document() for _, call in sorted(self._calls.items())]
        return {"tool_calls": calls} if calls else {}

    def _index_of(self, piece: Document) -> int:
        """Its own; of a server that gives none, the last call's until a new one is named."""
        index = as_count(piece.get("index"))
        if index is not None:
            return index
        begins = piece.get("id") or as_object(piece.get("function")).get("name")
        return self._last + 1 if begins else max(self._last, 0)


class _Choice(_Values):
    """One choice of the answer."""

    def __init__(self, bound: _Bound, *, chat: bool) -> None:
        super().__init__(bound)
        self._chat = chat
        self._said = _Object(bound)
        self._logprobs: Document = {}

    @property
    def text(self) -> str:
        return as_text(self._said.document().get("content" if self._chat else "text"))

    def add(self, piece: Document) -> None:
        for name, value in piece.items():
            if self._chat and name == "delta":
                self._said.add(as_object(value))
            elif not self._chat and name in COMPLETION_TEXTS:
                self._said.take(name, value)
            elif name == "logprobs" and isinstance(value, dict):
                self._add_logprobs(value)
            else:
                self.take(name, value)

    def document(self) -> Document:
        document: Document = {"logprobs": None, "finish_reason": None} | super().document()
        if self._logprobs:
            document["logprobs"] = self._logprobs
        said = self._said.document()
        if not self._chat:
            return {"text": ""} | said | document
        message: Document = {"role": "assistant", "content": ""} | said
        message["role"] = message["role"] or "assistant"  # some servers give none, as null or empty
        if not message["content"] and any(message.get(name) for name in SPOKEN_OTHERWISE):
            message["content"] = None
        return {"message": message} | document

    def _add_logprobs(self, piece: Document) -> None:
        for name, value in piece.items():
            self._bound.grow(_size(value) + (0 if name in self._logprobs else MEMBER))
            if isinstance(value, list) and isinstance(self._logprobs.get(name), list):
                self._logprobs[name].extend(value)
            elif value is not None or name not in self._logprobs:
                self._logprobs[name] = value


def _size(value: object) -> int:
    """Bytes as JSON, about. Raises ValueError for what JSON cannot hold."""
    if isinstance(value, str):
        return len(value)
    return len(dump(value)) if isinstance(value, dict | list) else 8

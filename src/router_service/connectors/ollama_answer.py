"""Turns the answers of Ollama's own API into OpenAI-style chunks and bodies.
A writer knows the shape of one OpenAI object; the decoder and whole() know what Ollama sent."""

from __future__ import annotations

import struct
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from uuid import uuid4

from router_service.connectors.decoder import StreamDecoder
from router_service.connectors.documents import (
    Document,
    as_list,
    as_name,
    as_object,
    as_text,
    dump,
    usage_of,
)
from router_service.connectors.failures import Failures
from router_service.connectors.ndjson import NdjsonParser
from router_service.types import Delta, Finished, Prefill, Usage, Whole

_ENDED_EARLY = ("length", "content_filter")
"""Reasons that OpenAI words alike, and that must not be taken for a natural end."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What one document of Ollama's adds to the answer."""

    text: str
    thinking: str
    tool_calls: list[Document]
    logprobs: list[object]

    @property
    def content(self) -> bool:
        return bool(self.text or self.thinking or self.tool_calls)


class Writer(ABC):
    """Writes one answer's OpenAI-style objects: they share an id, a time and a model."""

    id_prefix: str
    chunk_object: str
    whole_object: str

    def __init__(self, created: int, model: str) -> None:
        self._head: Document = {"id": f"{self.id_prefix}-{uuid4().hex}", "created": created}
        self.model = model

    @abstractmethod
    def piece(self, document: Document) -> Piece:
        """Read one document. Raises ValueError where the answer is missing."""

    @abstractmethod
    def chunk_choice(self, piece: Piece, *, first: bool, calls_before: int) -> Document:
        """The choice of a stream chunk, but for its finish reason."""

    @abstractmethod
    def whole_choice(self, piece: Piece) -> Document:
        """The choice of a whole answer, but for its finish reason."""

    def chunk(self, choices: list[Document], usage: Usage | None = None) -> bytes:
        return self._write(self.chunk_object, choices, usage)

    def whole(self, choice: Document, usage: Usage | None) -> bytes:
        return self._write(self.whole_object, [choice], usage)

    def _write(self, kind: str, choices: list[Document], usage: Usage | None) -> bytes:
        document = self._head | {"object": kind, "model": self.model, "choices": choices}
        if usage is not None:
            document["usage"] = _usage_document(usage)
        return dump(document)


class ChatWriter(Writer):
    """/api/chat → chat.completion and chat.completion.chunk."""

    id_prefix = "chatcmpl"
    chunk_object = "chat.completion.chunk"
    whole_object = "chat.completion"

    def piece(self, document: Document) -> Piece:
        message = document.get("message")
        if not isinstance(message, dict):
            raise ValueError('"message" is missing')
        return Piece(
            as_text(message.get("content")),
            as_text(message.get("thinking")),
            [as_object(call) for call in as_list(message.get("tool_calls"))],
            as_list(document.get("logprobs")),
        )

    def chunk_choice(self, piece: Piece, *, first: bool, calls_before: int) -> Document:
        delta: Document = {"role": "assistant"} if first else {}
        if piece.text or first:
            delta["content"] = piece.text
        if piece.thinking:
            delta["reasoning_content"] = piece.thinking
        if piece.tool_calls:
            delta["tool_calls"] = [
                {"index": at} | _tool_call(call)
                for at, call in enumerate(piece.tool_calls, calls_before)
            ]
        return {"index": 0, "delta": delta} | _logprobs(piece)

    def whole_choice(self, piece: Piece) -> Document:
        message: Document = {"role": "assistant", "content": piece.text}
        if piece.thinking:
            message["reasoning_content"] = piece.thinking
        if piece.tool_calls:
            message["content"] = piece.text or None
            message["tool_calls"] = [_tool_call(call) for call in piece.tool_calls]
        return {"index": 0, "message": message} | _logprobs(piece)


class CompletionWriter(Writer):
    """/api/generate → text_completion, whole and in chunks."""

    id_prefix = "cmpl"
    chunk_object = whole_object = "text_completion"

    def piece(self, document: Document) -> Piece:
        if not isinstance(document.get("response"), str):
            raise ValueError('"response" is missing')
        return Piece(as_text(document.get("response")), as_text(document.get("thinking")), [], [])

    def chunk_choice(self, piece: Piece, *, first: bool, calls_before: int) -> Document:
        return self.whole_choice(piece)

    def whole_choice(self, piece: Piece) -> Document:
        choice: Document = {"index": 0, "text": piece.text, "logprobs": None}
        return choice | ({"reasoning_content": piece.thinking} if piece.thinking else {})


class OllamaDecoder(StreamDecoder):
    """Follows one stream of /api/chat or /api/generate to its `done`."""

    def __init__(
        self,
        failures: Failures,
        writer: Writer,
        *,
        include_usage: bool,
        prefill: Prefill | None = None,
    ) -> None:
        super().__init__(NdjsonParser(), failures, prefill)
        self._writer = writer
        self._include_usage = include_usage
        self._first = True
        self._tool_calls = 0
        self._finished: Finished | None = None

    def finished(self) -> Finished | None:
        return self._finished

    def _translate(self, document: Document, raw: bytes) -> Iterable[Delta]:
        piece = self._writer.piece(document)
        served_model = as_name(document.get("model"))
        self._writer.model = served_model or self._writer.model
        choice = self._writer.chunk_choice(piece, first=self._first, calls_before=self._tool_calls)
        self._first = False
        self._tool_calls += len(piece.tool_calls)
        choice["finish_reason"] = None
        usage = None
        if document.get("done") is True:
            reason = _finish_reason(document, tools_called=self._tool_calls > 0)
            choice["finish_reason"] = reason
            usage = _usage_in(document)
            if reason is not None:
                self._finished = Finished(reason, usage, served_model)
            self.ended = True
        deltas = [Delta(self._writer.chunk([choice]), piece.text, piece.content)]
        if self._include_usage and usage is not None:
            deltas.append(Delta(self._writer.chunk([], usage), "", content=False))
        return deltas


def whole(document: Document, writer: Writer) -> Whole:
    """A whole answer of /api/chat or /api/generate. Raises ValueError for one that is not."""
    if document.get("done") is not True:
        raise ValueError('"done" is not true')
    piece = writer.piece(document)
    served_model = as_name(document.get("model"))
    writer.model = served_model or writer.model
    usage = _usage_in(document)
    reason = _finish_reason(document, tools_called=bool(piece.tool_calls))
    if reason is None:
        raise ValueError('"done_reason" is missing, so it was cut off')
    choice = writer.whole_choice(piece) | {"finish_reason": reason}
    return Whole(writer.whole(choice, usage), piece.text, reason, usage, served_model)


def embeddings(document: Document, *, base64: bool) -> Whole:
    """An answer of /api/embed. Raises ValueError for one that is not."""
    vectors = as_list(document.get("embeddings"))
    if not vectors:
        raise ValueError('"embeddings" is missing or empty')
    served_model = as_name(document.get("model"))
    usage = usage_of(document.get("prompt_eval_count"), 0)
    body: Document = {
        "object": "list",
        "data": [
            {"object": "embedding", "index": at, "embedding": _packed(v) if base64 else v}
            for at, v in enumerate(vectors)
        ],
        "model": served_model,
    }
    if usage is not None:
        body["usage"] = {"prompt_tokens": usage.prompt_tokens, "total_tokens": usage.prompt_tokens}
    return Whole(dump(body), "", None, usage, served_model)


def _packed(vector: object) -> str:
    """32-bit floats, little-endian, in base64: what OpenAI calls base64 embeddings."""
    numbers = as_list(vector)
    try:
        return b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode("ascii")
    except (struct.error, OverflowError) as error:
        raise ValueError("an embedding holds something other than 32-bit numbers") from error


def _tool_call(call: Document) -> Document:
    function = as_object(call.get("function"))
    return {
        "id": as_name(call.get("id")) or f"call_{uuid4().hex[:24]}",
        "type": "function",
        "function": {
            "name": as_text(function.get("name")),
            "arguments": dump(as_object(function.get("arguments"))).decode("ascii"),
        },
    }


def _logprobs(piece: Piece) -> Document:
    return {"logprobs": {"content": piece.logprobs} if piece.logprobs else None}


def _finish_reason(document: Document, *, tools_called: bool) -> str | None:
    """OpenAI's word for why a done answer ended; None where it was cut off.

    Ollama leaves done_reason out when the connection to its own runner was lost.
    """
    reason = as_name(document.get("done_reason"))
    if reason in (None, *_ENDED_EARLY):
        return reason
    return "tool_calls" if tools_called else "stop"


def _usage_in(document: Document) -> Usage | None:
    return usage_of(document.get("prompt_eval_count"), document.get("eval_count"))


def _usage_document(usage: Usage) -> Document:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
    }

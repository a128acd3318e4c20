"""The OpenAI API, as vLLM, llama.cpp, llama-cpp-python, Hugging Face and many others serve it.
Bodies pass through as they are, both ways; only the model name and the stream flag are set, and
what it takes to get a whole answer as a stream, or one that goes on from a prefill."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from router_service.connectors.decoder import StreamDecoder
from router_service.connectors.documents import (
    Document,
    as_count,
    as_list,
    as_name,
    as_object,
    as_text,
    dump,
    parse_object,
    usage_of,
)
from router_service.connectors.failures import Failures
from router_service.connectors.load_signals import METRICS, SLOTS, SignalPage
from router_service.connectors.prefill import openai_continuation
from router_service.connectors.sse import SseParser
from router_service.types import (
    Delta,
    Finished,
    Operation,
    Prefill,
    UpstreamCall,
    Usage,
    Whole,
)

Overlay = Callable[[bytes, bytes], bytes]
"""core.overlay: sets the top-level members of the second JSON object in the first."""

PATHS = {
    Operation.CHAT: "/chat/completions",
    Operation.COMPLETION: "/completions",
    Operation.EMBEDDING: "/embeddings",
}
MAX_CHOICES = 16_384
"""Choices of one stream that are followed; vLLM gives no more."""
END_MARK = b"[DONE]"
CONTENT_MEMBERS = (
    "content",
    "tool_calls",
    "function_call",
    "reasoning_content",
    "reasoning",
    "refusal",
    "audio",
)
"""Members of a delta that hold something a reader would see."""


class OpenAiProtocol:
    """connector.WireProtocol for the OpenAI API."""

    stream_types = frozenset({"text/event-stream"})
    models_path = "/models"
    signal_pages: tuple[SignalPage, ...] = (METRICS, SLOTS)

    def __init__(self, failures: Failures, overlay: Overlay) -> None:
        self._failures = failures
        self._overlay = overlay

    def request(self, call: UpstreamCall, *, ask_usage: bool = True) -> tuple[str, bytes]:
        changes: Document = {"model": call.upstream_model}
        body = call.body
        if call.operation is not Operation.EMBEDDING:
            changes["stream"] = call.streamed
            if call.streamed and not call.stream:
                changes["stream_options"] = _with_usage(body) if ask_usage else None
            if call.prefill is not None:
                body, continuation = openai_continuation(call.operation, body, call.prefill)
                changes |= continuation
        return PATHS[call.operation], self._overlay(body, dump(changes))

    def decoder(self, call: UpstreamCall) -> StreamDecoder:
        return OpenAiDecoder(self._failures, call.prefill, choices_wanted(call))

    def whole(self, call: UpstreamCall, body: bytes) -> Whole:
        document = parse_object(body)
        wanted = "data" if call.operation is Operation.EMBEDDING else "choices"
        if not as_list(document.get(wanted)):
            raise ValueError(f'"{wanted}" is missing or empty')
        choices = as_list(document.get("choices"))
        if not all(as_name(as_object(choice).get("finish_reason")) for choice in choices):
            raise ValueError('"finish_reason" is missing, so it was cut off')
        choice = _first_choice(choices)
        return Whole(
            body=body,
            text=_text_of(as_object(choice.get("message")), choice),
            finish_reason=as_name(choice.get("finish_reason")),
            usage=_usage_in(document),
            served_model=as_name(document.get("model")),
        )

    def models(self, body: bytes) -> dict[str, str | None]:
        listed = parse_object(body).get("data")
        if not isinstance(listed, list):
            raise ValueError('"data" is missing from the list of models')
        models = [as_object(model) for model in listed]
        return {name: _size(model) for model in models if (name := as_name(model.get("id")))}


# Bodies may be large. The searches below spare nearly every call reading its own.


def choices_wanted(call: UpstreamCall) -> int:
    """How many choices were asked for: so many must come before an answer can be whole."""
    several_prompts = call.operation is Operation.COMPLETION and b"[" in call.body
    if not several_prompts and b'"n"' not in call.body:
        return 1
    try:
        body = parse_object(call.body)
    except ValueError:  # a number with thousands of digits, which the provider took nevertheless
        return 1
    prompt = body.get("prompt")
    prompts = len(prompt) if isinstance(prompt, list) and not _is_token_list(prompt) else 1
    return max(1, prompts) * max(1, as_count(body.get("n")) or 1)


def _is_token_list(prompt: list[Any]) -> bool:
    return all(isinstance(item, int) for item in prompt)


def _with_usage(body: bytes) -> Document:
    """The caller's own stream_options, and usage asked for."""
    own = parse_object(body).get("stream_options") if b"stream_options" in body else None
    return as_object(own) | {"include_usage": True}


def _size(model: Document) -> str | None:
    """llama.cpp's server states the parameter count; the others state none."""
    parameters = as_object(model.get("meta")).get("n_params")
    return str(parameters) if type(parameters) is int else None


class OpenAiDecoder(StreamDecoder):
    """Follows the choices of one stream and passes its chunks on untouched."""

    def __init__(
        self, failures: Failures, prefill: Prefill | None = None, choices_wanted: int = 1
    ) -> None:
        super().__init__(SseParser(), failures, prefill)
        self._choices_wanted = choices_wanted
        self._finish_reasons: dict[int, str | None] = {}
        self._usage: Usage | None = None
        self._served_model: str | None = None

    def finished(self) -> Finished | None:
        if not self._finish_reasons or None in self._finish_reasons.values():
            return None
        if len(self._finish_reasons) < self._choices_wanted and not self.ended:
            # One is done and another has not begun. With the end mark it never will: some servers
            # give one choice, whatever was asked for.
            return None
        first = self._finish_reasons[min(self._finish_reasons)]
        return Finished(first or "", self._usage, self._served_model)

    def _is_end_mark(self, payload: bytes) -> bool:
        return payload.strip() == END_MARK

    def _translate(self, document: Document, raw: bytes) -> Iterable[Delta]:
        choices = document.get("choices")
        if choices is not None and not isinstance(choices, list):
            raise ValueError('"choices" is not a list')
        self._usage = _usage_in(document) or self._usage
        self._served_model = as_name(document.get("model")) or self._served_model
        text, content = "", False
        for choice in map(as_object, choices or ()):
            index = _index_of(choice)
            if index >= MAX_CHOICES:
                raise ValueError(f"choice {index} is past the most that are followed")
            delta = as_object(choice.get("delta"))
            content = content or _has_content(delta, choice)
            if index == 0:
                text += _text_of(delta, choice)
            reason = as_name(choice.get("finish_reason"))
            self._finish_reasons[index] = reason or self._finish_reasons.get(index)
        return (Delta(raw, text, content),)


def _index_of(choice: Document) -> int:
    return as_count(choice.get("index")) or 0


def _first_choice(choices: list[Any]) -> Document:
    return next((c for c in map(as_object, choices) if _index_of(c) == 0), {})


def _text_of(message: Document, choice: Document) -> str:
    """The text of a chat message or delta, else that of a plain completion's choice."""
    return as_text(message.get("content")) or as_text(choice.get("text"))


def _has_content(delta: Document, choice: Document) -> bool:
    return bool(choice.get("text")) or any(delta.get(member) for member in CONTENT_MEMBERS)


def _usage_in(document: Document) -> Usage | None:
    usage = as_object(document.get("usage"))
    return usage_of(usage.get("prompt_tokens"), usage.get("completion_tokens"))

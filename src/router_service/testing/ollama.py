"""Ollama's own API as its server speaks it: newline-delimited JSON, its options, tools and errors.

Errors are one plain string, also in the middle of a stream.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from router_service.testing.answers import (
    Answer,
    begun,
    count_tokens,
    json_answer,
    text_answer,
    tool_answer,
    vector,
)
from router_service.testing.reading import (
    Unreadable,
    called_function,
    conversation,
    flag,
    number,
    texts_of,
)
from router_service.testing.wire import (
    Ask,
    Endpoint,
    Frame,
    Load,
    Page,
    ProviderSpec,
    Reason,
    Refusal,
    Reply,
    Role,
    as_json,
    json_page,
)

_DIMENSIONS = 8
_STATUS = {
    Reason.UNAUTHORIZED: 401,
    Reason.MODEL_MISSING: 404,
    Reason.RATE_LIMITED: 429,
    Reason.BUSY: 503,
    Reason.BROKEN: 500,
}
"""Every other reason is 400."""


class OllamaDialect:
    """The paths under /api."""

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        return {
            "/api/chat": Endpoint(self._read_chat, partial(_render, _chat_part)),
            "/api/generate": Endpoint(self._read_generate, partial(_render, _generate_part)),
            "/api/embed": Endpoint(self._read_embed, _render_embed),
        }

    @property
    def pages(self) -> Mapping[str, Callable[[Load], Page]]:
        return {
            "/": lambda _: Page("text/plain", b"Ollama is running"),
            "/api/version": lambda _: json_page({"version": "0.12.0"}),
            "/api/tags": lambda _: json_page({"models": [_listed(n) for n in self._names()]}),
            "/api/ps": lambda load: json_page({"models": [_in_memory(n) for n in load.loaded]}),
        }

    def refusal(self, reason: Reason, message: str, status: int | None = None) -> Refusal:
        return Refusal(reason, status or _STATUS.get(reason, 400), {"error": message})

    def event(self, data: bytes) -> bytes:
        return data + b"\n"

    def error_event(self, refusal: Refusal) -> bytes:
        return self.event(as_json(refusal.body))

    def _names(self) -> tuple[str, ...]:
        return self._spec.models or ()

    def _model(self, body: Mapping[str, Any]) -> str:
        model = body.get("model")
        if not isinstance(model, str) or not model:
            raise self.refusal(Reason.BAD_REQUEST, "model is required")
        if not self._spec.serves(model):
            raise self.refusal(Reason.MODEL_MISSING, f"model '{model}' not found")
        return model

    def _read_chat(self, body: Mapping[str, Any]) -> Ask:
        model, stream = self._model(body), flag(body, "stream", True)
        talk = conversation(body)
        function = called_function(body) if talk.last_role != "tool" else None
        if function is not None:
            answer = tool_answer(function, model, talk.prompt)
        else:
            answer = _answer(body, model, talk.prompt, talk.prefill)
        tokens = self._fitting(talk.texts)
        return Ask(model, stream, tokens, (answer,), body, prefilled=talk.last_role == "assistant")

    def _read_generate(self, body: Mapping[str, Any]) -> Ask:
        model, stream = self._model(body), flag(body, "stream", True)
        prompt = body.get("prompt", "")
        if not isinstance(prompt, str):
            raise Unreadable("prompt must be a string")
        tokens = self._fitting((str(body.get("system") or ""), prompt))
        prefill = ""
        if flag(body, "raw", False):
            prompt, prefill = begun(model, prompt)
        answer = _answer(body, model, prompt, prefill)
        return Ask(model, stream, tokens, (answer,), body, prefilled=bool(prefill))

    def _read_embed(self, body: Mapping[str, Any]) -> Ask:
        tokens = count_tokens(texts_of(body.get("input"), "input"))
        return Ask(self._model(body), False, tokens, (), body)

    def _fitting(self, texts: tuple[str, ...]) -> int:
        tokens = count_tokens(texts)
        window = self._spec.context_window
        if window is not None and tokens > window:
            raise self.refusal(Reason.CONTEXT_LENGTH, "the input length exceeds the context length")
        return tokens


def _in_memory(name: str) -> dict[str, Any]:
    """A loaded model, which Ollama never lists without its tag."""
    tagged = name if ":" in name else f"{name}:latest"
    memory = {"size_vram": 4_000_000_000, "context_length": 4096}
    return _listed(tagged) | {"expires_at": "2100-01-01T00:00:00Z"} | memory


def _listed(name: str) -> dict[str, Any]:
    digest = f"{count_tokens([name]):064x}"
    details = {
        "format": "gguf",
        "family": "llama",
        "parameter_size": "7.6B",
        "quantization_level": "Q4_K_M",
    }
    return {
        "name": name,
        "model": name,
        "size": 4_000_000_000,
        "digest": digest,
        "details": details,
    }


def _answer(body: Mapping[str, Any], model: str, prompt: str, prefill: str) -> Answer:
    limit = _num_predict(body)
    if body.get("format"):
        return json_answer(body["format"], model, prompt, limit)
    return text_answer(model, prompt, limit, prefill=prefill)


def _num_predict(body: Mapping[str, Any]) -> int | None:
    options = body.get("options") or {}
    if not isinstance(options, dict):
        raise Unreadable("options must be an object")
    limit = options.get("num_predict")
    if limit is not None and (not isinstance(limit, int) or isinstance(limit, bool)):
        raise Unreadable("options.num_predict must be a whole number")
    return limit if limit is not None and limit >= 0 else None  # -1 and -2 mean no limit


def _chat_part(answer: Answer, text: str) -> dict[str, Any]:
    return {"message": {"role": "assistant", "content": text}}


def _generate_part(answer: Answer, text: str) -> dict[str, Any]:
    return {"response": text}


def _render(part: Callable[[Answer, str], dict[str, Any]], ask: Ask) -> Reply:
    (answer,) = ask.answers
    if not ask.stream:
        said = _tool_call(answer) if answer.tool else part(answer, answer.text)
        whole = Frame(Role.WHOLE, as_json(_stamp(ask) | said | _end(ask, answer)))
        return Reply("application/json; charset=utf-8", (whole,))
    # Ollama sends a tool call in one piece, whatever else it streams.
    said_parts = [_tool_call(answer)] if answer.tool else [part(answer, t) for t in answer.tokens]
    tokens = [_line(Role.TOKEN, _stamp(ask) | said | {"done": False}) for said in said_parts]
    last = _line(Role.DONE, _stamp(ask) | part(answer, "") | _end(ask, answer))
    return Reply("application/x-ndjson", (*tokens, last))


def _render_embed(ask: Ask) -> Reply:
    texts = texts_of(ask.body.get("input"), "input")
    dimensions = number(ask.body, "dimensions") or _DIMENSIONS
    vectors = [vector(ask.model, text, dimensions) for text in texts]
    counts = {"prompt_eval_count": ask.prompt_tokens} if ask.usage else {}
    body = {"model": ask.named, "embeddings": vectors, "total_duration": 1_000_000} | counts
    return Reply("application/json; charset=utf-8", (Frame(Role.WHOLE, as_json(body)),))


def _tool_call(answer: Answer) -> dict[str, Any]:
    name, arguments = answer.tool or ("", "{}")
    call = {"function": {"name": name, "arguments": json.loads(arguments)}}
    return {"message": {"role": "assistant", "content": "", "tool_calls": [call]}}


def _stamp(ask: Ask) -> dict[str, Any]:
    return {"model": ask.named, "created_at": datetime.now(UTC).isoformat()}


def _end(ask: Ask, answer: Answer) -> dict[str, Any]:
    """The members of the last line: why it ended, and the figures."""
    # Ollama itself says stop after a tool call.
    reason = "stop" if answer.finish_reason == "tool_calls" else answer.finish_reason
    ending = {"done": True} | ({"done_reason": reason} if reason else {})
    if not ask.usage:
        return ending
    return ending | {
        "total_duration": 2_000_000,
        "load_duration": 500_000,
        "prompt_eval_count": ask.prompt_tokens,
        "prompt_eval_duration": 500_000,
        "eval_count": ask.completion_tokens,
        "eval_duration": 1_000_000,
    }


def _line(role: Role, value: dict[str, Any]) -> Frame:
    return Frame(role, as_json(value) + b"\n")

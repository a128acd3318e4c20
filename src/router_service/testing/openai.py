"""The OpenAI API as vLLM, llama.cpp, llama-cpp-python, Ollama and cloud services serve it.

Reads requests and lists what can be had; `openai_render` writes the answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from router_service.testing import openai_errors
from router_service.testing.answers import (
    Answer,
    begun,
    count_tokens,
    json_answer,
    text_answer,
    tool_answer,
)
from router_service.testing.load_pages import (
    llama_cpp_metrics,
    llama_cpp_slots,
    vllm_metrics,
)
from router_service.testing.openai_render import (
    render_chat,
    render_completion,
    render_embeddings,
    sse,
)
from router_service.testing.reading import (
    Conversation,
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
    Load,
    Page,
    ProviderSpec,
    Reason,
    Refusal,
    Server,
    as_json,
    json_page,
)

_MOST_CHOICES = 16


class OpenAIDialect:
    """The paths under /v1, and what the servers add beside them."""

    def __init__(self, spec: ProviderSpec) -> None:
        self._spec = spec
        self._server = spec.server

    @property
    def endpoints(self) -> Mapping[str, Endpoint]:
        return {
            "/v1/chat/completions": Endpoint(self._read_chat, render_chat),
            "/v1/completions": Endpoint(self._read_completion, render_completion),
            "/v1/embeddings": Endpoint(self._read_embeddings, render_embeddings),
        }

    @property
    def pages(self) -> Mapping[str, Callable[[Load], Page]]:
        pages: dict[str, Callable[[Load], Page]] = {"/v1/models": self._models}
        if self._server is Server.VLLM:
            pages |= {"/health": lambda _: Page("text/plain", b""), "/metrics": vllm_metrics}
        if self._server is Server.LLAMA_CPP:
            pages |= {
                "/health": lambda _: json_page({"status": "ok"}),
                "/metrics": llama_cpp_metrics,
                "/slots": partial(llama_cpp_slots, self._spec.context_window or 8192),
            }
        return pages

    def refusal(self, reason: Reason, message: str, status: int | None = None) -> Refusal:
        return openai_errors.refusal(self._server, reason, message, status)

    def event(self, data: bytes) -> bytes:
        return sse(data)

    def error_event(self, refusal: Refusal) -> bytes:
        event = self.event(as_json(refusal.body))
        # vLLM ends a failed stream like a good one.
        return event + sse(b"[DONE]") if self._server is Server.VLLM else event

    def _models(self, load: Load) -> Page:
        names = self._spec.models or (load.model,)
        entry = {"object": "model", "created": 1_700_000_000, "owned_by": str(self._server)}
        limit = {"max_model_len": self._spec.context_window} if self._server is Server.VLLM else {}
        data = [{"id": name} | entry | limit for name in names]
        return json_page({"object": "list", "data": data})

    def _model(self, body: Mapping[str, Any]) -> str:
        model = body.get("model") or (self._spec.models or ("default",))[0]
        if not isinstance(model, str):
            raise Unreadable("model must be a string")
        if not self._spec.serves(model):
            raise self.refusal(Reason.MODEL_MISSING, openai_errors.model_missing(model))
        return model

    def _read_chat(self, body: Mapping[str, Any]) -> Ask:
        model, talk = self._model(body), conversation(body)
        limit = number(body, "max_completion_tokens", "max_tokens")
        answers = tuple(
            self._chat_answer(body, model, talk, limit, choice) for choice in range(_choices(body))
        )
        return self._ask(body, model, talk.texts, limit, answers, talk.last_role == "assistant")

    def _chat_answer(
        self,
        body: Mapping[str, Any],
        model: str,
        talk: Conversation,
        limit: int | None,
        choice: int,
    ) -> Answer:
        function = called_function(body) if talk.last_role != "tool" else None
        if function is not None:
            return tool_answer(function, model, talk.prompt)
        wanted = body.get("response_format")
        if isinstance(wanted, dict) and wanted.get("type") in ("json_object", "json_schema"):
            schema = (wanted.get("json_schema") or {}).get("schema")
            return json_answer(schema, model, talk.prompt, limit)
        prefill = talk.prefill if self._continues(body) else ""
        return text_answer(model, talk.prompt, limit, choice, prefill)

    def _continues(self, body: Mapping[str, Any]) -> bool:
        """Whether an assistant message at the end is gone on with rather than answered."""
        if self._server is Server.VLLM:
            continues = flag(body, "continue_final_message", False)
            if continues and flag(body, "add_generation_prompt", True):
                raise Unreadable(
                    "Cannot set both `continue_final_message` and `add_generation_prompt` to True."
                )
            return continues
        return self._server in (Server.LLAMA_CPP, Server.OLLAMA)

    def _read_completion(self, body: Mapping[str, Any]) -> Ask:
        model = self._model(body)
        prompts = texts_of(body.get("prompt"), "prompt")
        limit = number(body, "max_tokens")
        asked = [begun(model, prompt) for prompt in prompts]
        answers = tuple(
            text_answer(model, prompt, limit, choice, prefill)
            for prompt, prefill in asked
            for choice in range(_choices(body))
        )
        prefilled = any(prefill for _, prefill in asked)
        return self._ask(body, model, tuple(prompts), limit, answers, prefilled)

    def _read_embeddings(self, body: Mapping[str, Any]) -> Ask:
        texts = tuple(texts_of(body.get("input"), "input"))
        return self._ask({**body, "stream": False}, self._model(body), texts, None, ())

    def _ask(
        self,
        body: Mapping[str, Any],
        model: str,
        texts: tuple[str, ...],
        limit: int | None,
        answers: tuple[Answer, ...],
        prefilled: bool = False,
    ) -> Ask:
        tokens = count_tokens(texts)
        window, asked = self._spec.context_window, limit or 0
        # Only vLLM counts the answer's limit in; the others find out on the way.
        wanted = tokens + asked if self._server is Server.VLLM else tokens
        if window is not None and wanted > window:
            message = openai_errors.context_exceeded(window, tokens, asked)
            raise self.refusal(Reason.CONTEXT_LENGTH, message)
        return Ask(model, flag(body, "stream", False), tokens, answers, body, prefilled)


def _choices(body: Mapping[str, Any]) -> int:
    choices = number(body, "n") or 1
    if choices > _MOST_CHOICES:
        raise Unreadable(f"n must be at most {_MOST_CHOICES}")
    return choices

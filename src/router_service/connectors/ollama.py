"""Ollama's own API, which streams newline-delimited JSON and has its own words for most things.
Requests are translated in ollama_request, answers in ollama_answer; this joins the two."""

from __future__ import annotations

import time
from collections.abc import Callable

from router_service.connectors import ollama_answer, ollama_request
from router_service.connectors.decoder import StreamDecoder
from router_service.connectors.documents import as_name, as_object, dump, parse_object
from router_service.connectors.failures import Failures
from router_service.connectors.load_signals import LOADED, SignalPage
from router_service.types import Operation, UpstreamCall, Whole

PATHS = {
    Operation.CHAT: "/api/chat",
    Operation.COMPLETION: "/api/generate",
    Operation.EMBEDDING: "/api/embed",
}


class OllamaProtocol:
    """connector.WireProtocol for Ollama's own API."""

    # Some proxies in front of Ollama relabel the stream; each of its lines is JSON either way.
    stream_types = frozenset({"application/x-ndjson", "application/ndjson", "application/json"})
    models_path = "/api/tags"
    signal_pages: tuple[SignalPage, ...] = (LOADED,)

    def __init__(self, failures: Failures, wall_s: Callable[[], float] = time.time) -> None:
        self._failures = failures
        self._wall_s = wall_s

    def request(self, call: UpstreamCall, *, ask_usage: bool = True) -> tuple[str, bytes]:
        body = parse_object(call.body)
        translate = ollama_request.TRANSLATIONS[call.operation]
        translated = translate(body) | {"model": call.upstream_model}
        if call.operation is not Operation.EMBEDDING:
            translated["stream"] = call.streamed
            if call.prefill is not None:
                ollama_request.go_on(translated, call.operation, call.prefill)
        return PATHS[call.operation], dump(translated)

    def decoder(self, call: UpstreamCall) -> StreamDecoder:
        return ollama_answer.OllamaDecoder(
            self._failures,
            self._writer(call),
            include_usage=not call.stream or _wants_usage(call.body),
            prefill=call.prefill,
        )

    def whole(self, call: UpstreamCall, body: bytes) -> Whole:
        document = parse_object(body)
        if call.operation is Operation.EMBEDDING:
            return ollama_answer.embeddings(document, base64=_wants_base64(call.body))
        return ollama_answer.whole(document, self._writer(call))

    def models(self, body: bytes) -> dict[str, str | None]:
        listed = parse_object(body).get("models")
        if not isinstance(listed, list):
            raise ValueError('"models" is missing from the list of models')
        models = [as_object(model) for model in listed]
        return {
            name: as_name(as_object(model.get("details")).get("parameter_size"))
            for model in models
            if (name := as_name(model.get("name")))
        }

    def _writer(self, call: UpstreamCall) -> ollama_answer.Writer:
        created = int(self._wall_s())
        if call.operation is Operation.CHAT:
            return ollama_answer.ChatWriter(created, call.upstream_model)
        return ollama_answer.CompletionWriter(created, call.upstream_model)


# The body was parsed once to be sent. The searches below spare nearly every call a second time.


def _wants_usage(body: bytes) -> bool:
    if b"include_usage" not in body:
        return False
    return as_object(parse_object(body).get("stream_options")).get("include_usage") is True


def _wants_base64(body: bytes) -> bool:
    return b"base64" in body and parse_object(body).get("encoding_format") == "base64"

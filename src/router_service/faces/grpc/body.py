"""A GenerateRequest as an OpenAI-style JSON body, which is what the rooms below carry out.
Foreign JSON is spliced in byte for byte and never rebuilt, so nothing in it can change."""

from __future__ import annotations

import json
from typing import Any

from router_service.core import overlay
from router_service.errors import InvalidRequest
from router_service.faces.grpc import limits
from router_service.faces.grpc.caller import Caller
from router_service.faces.grpc.requests import FACE, attributes_of, operation_of, require_choice
from router_service.types import Incoming, Operation
from router_service.v1 import router_pb2


def incoming(request: router_pb2.GenerateRequest, caller: Caller, *, stream: bool) -> Incoming:
    """One request to carry out. Raises InvalidRequest naming the field."""
    operation = operation_of(request)
    if stream and operation is Operation.EMBEDDING:
        raise InvalidRequest("operation: embeddings cannot be streamed; use Generate", "operation")
    attributes = attributes_of(request.attributes, caller.headers)
    require_choice(request.model, attributes, request.HasField("openai_body"))
    return Incoming(
        face=FACE,
        operation=operation,
        body=_body(request, operation, stream=stream),
        attributes=attributes,
        headers=caller.headers,
        principal=caller.principal,
        request_id=caller.request_id,
        timeout_s=caller.timeout_s,
        arrived=caller.arrived,
        queued_s=caller.queued_s,
    )


def _body(request: router_pb2.GenerateRequest, operation: Operation, *, stream: bool) -> bytes:
    members = _common_members(request)
    given = request.WhichOneof("input")
    if given == "openai_body":
        return _overlaid(request.openai_body, members, stream=stream)
    if given is None:
        raise InvalidRequest("input: missing; set one of prompt, messages, openai_body", "input")
    if given == "prompt":
        members.update(_prompt_member(request.prompt, operation))
    else:
        members["messages"] = _messages(request.messages, operation)
    if stream:
        members["stream"] = b"true"
        members["stream_options"] = b'{"include_usage":true}'
    return _object(members)


def _overlaid(body: bytes, members: dict[str, bytes], *, stream: bool) -> bytes:
    """The caller's own body with the given members set; the RPC says whether it streams."""
    if "max_tokens" in members:
        members["max_completion_tokens"] = b"null"
    if stream:
        members["stream"] = b"true"
    else:
        members["stream"] = members["stream_options"] = b"null"
    changes = _object(members)
    try:
        return overlay(body, changes)
    except (InvalidRequest, ValueError) as error:
        raise InvalidRequest(f"openai_body: {error}", "openai_body") from None


def _common_members(request: router_pb2.GenerateRequest) -> dict[str, bytes]:
    """The typed fields that are set, as JSON members."""
    members: dict[str, bytes] = {}
    if request.model:
        members["model"] = _json(limits.name(request.model, "model"))
    if request.HasField("max_tokens"):
        tokens = limits.number(request.max_tokens, 1, limits.MAX_TOKENS, "max_tokens")
        members["max_tokens"] = _json(tokens)
    if request.HasField("temperature"):
        members["temperature"] = _json(limits.fraction(request.temperature, 2, "temperature"))
    if request.HasField("top_p"):
        members["top_p"] = _json(limits.fraction(request.top_p, 1, "top_p"))
    if request.HasField("seed"):
        members["seed"] = _json(request.seed)
    if request.stop:
        limits.count(len(request.stop), limits.MAX_STOPS, "stop")
        members["stop"] = _json([limits.name(text, "stop") for text in request.stop])
    if request.tools:
        members["tools"] = limits.foreign_json(request.tools, "tools", list)
    if request.tool_choice:
        choice = limits.foreign_json(request.tool_choice, "tool_choice", dict, str)
        members["tool_choice"] = choice
    if request.response_format:
        wanted = limits.foreign_json(request.response_format, "response_format", dict)
        members["response_format"] = wanted
    return members


def _prompt_member(prompt: str, operation: Operation) -> dict[str, bytes]:
    if not prompt:
        raise InvalidRequest("prompt: empty; say what to answer", "prompt")
    if operation is Operation.COMPLETION:
        return {"prompt": _json(prompt)}
    if operation is Operation.EMBEDDING:
        return {"input": _json(prompt)}
    return {"messages": _json([{"role": "user", "content": prompt}])}


def _messages(chat: router_pb2.ChatInput, operation: Operation) -> bytes:
    if operation is not Operation.CHAT:
        raise InvalidRequest(
            f"messages: a chat is no input for {operation}; set prompt, or OPERATION_CHAT",
            "messages",
        )
    if not chat.messages:
        raise InvalidRequest("messages: empty; send at least one message", "messages")
    limits.count(len(chat.messages), limits.MAX_MESSAGES, "messages")
    texts = (_message(message, f"messages[{i}]") for i, message in enumerate(chat.messages))
    return b"[" + b",".join(texts) + b"]"


def _message(message: router_pb2.ChatMessage, field: str) -> bytes:
    if not message.role:
        raise InvalidRequest(
            f"{field}.role: empty; use system, user, assistant or tool", f"{field}.role"
        )
    members = {"role": _json(limits.name(message.role, f"{field}.role"))}
    given = message.WhichOneof("content")
    if given == "text":
        members["content"] = _json(message.text)
    elif given == "parts":
        members["content"] = limits.foreign_json(message.parts, f"{field}.parts", list)
    elif not message.tool_calls:
        raise InvalidRequest(f"{field}: no content; set text or parts", field)
    else:
        members["content"] = b"null"
    if message.name:
        members["name"] = _json(limits.name(message.name, f"{field}.name"))
    if message.tool_calls:
        calls = limits.foreign_json(message.tool_calls, f"{field}.tool_calls", list)
        members["tool_calls"] = calls
    if message.tool_call_id:
        call = limits.name(message.tool_call_id, f"{field}.tool_call_id")
        members["tool_call_id"] = _json(call)
    return _object(members)


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False).encode("utf-8")


def _object(members: dict[str, bytes]) -> bytes:
    return b"{" + b",".join(b'"%b":%b' % (k.encode(), v) for k, v in members.items()) + b"}"

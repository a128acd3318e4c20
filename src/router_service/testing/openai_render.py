"""Writes answers in the OpenAI API's shapes: whole bodies and server-sent events.

A stream opens with the role, then comes content, a finish reason per choice, usage where asked for,
and [DONE].
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

from router_service.testing.answers import Answer, vector
from router_service.testing.reading import flag, number, texts_of
from router_service.testing.wire import Ask, Frame, Reply, Role, as_json

_CREATED = 1_700_000_000
_DIMENSIONS = 8
_LOGPROB = -0.25


def sse(data: bytes) -> bytes:
    """One server-sent event."""
    return b"data: " + data + b"\n\n"


def render_chat(ask: Ask) -> Reply:
    if not ask.stream:
        choices = [
            _ended({"index": i, "message": _message(a)} | _chat_logprobs(ask, a.tokens), a)
            for i, a in enumerate(ask.answers)
        ]
        head = _envelope(ask, "chatcmpl", "chat.completion")
        return _whole(head | {"choices": choices}, ask)
    head = _envelope(ask, "chatcmpl", "chat.completion.chunk")
    opening = [
        _chunk(Role.OPEN, head, {"index": i, "delta": {"role": "assistant", "content": ""}})
        for i in range(len(ask.answers))
    ]
    tokens = [
        _chunk(
            Role.TOKEN,
            head,
            {"index": i, "delta": _delta(answer, position)}
            | _chat_logprobs(ask, answer.tokens[position : position + 1]),
        )
        for i, answer, position in _interleaved(ask.answers)
    ]
    finish = [
        _chunk(Role.FINISH, head, {"index": i, "delta": {}}, a.finish_reason)
        for i, a in enumerate(ask.answers)
        if a.finish_reason is not None
    ]
    return _stream(ask, head, [*opening, *tokens, *finish])


def render_completion(ask: Ask) -> Reply:
    head = _envelope(ask, "cmpl", "text_completion")
    if not ask.stream:
        choices = [
            _ended({"index": i, "text": a.text} | _text_logprobs(ask, a.tokens), a)
            for i, a in enumerate(ask.answers)
        ]
        return _whole(head | {"choices": choices}, ask)
    tokens = [
        _chunk(
            Role.TOKEN,
            head,
            {"index": i, "text": answer.tokens[position]}
            | _text_logprobs(ask, answer.tokens[position : position + 1]),
        )
        for i, answer, position in _interleaved(ask.answers)
    ]
    finish = [
        _chunk(Role.FINISH, head, {"index": i, "text": ""}, a.finish_reason)
        for i, a in enumerate(ask.answers)
        if a.finish_reason is not None
    ]
    return _stream(ask, head, [*tokens, *finish])


def render_embeddings(ask: Ask) -> Reply:
    dimensions = number(ask.body, "dimensions") or _DIMENSIONS
    packed = ask.body.get("encoding_format") == "base64"
    vectors = [vector(ask.model, t, dimensions) for t in texts_of(ask.body["input"], "input")]
    data = [
        {"object": "embedding", "index": i, "embedding": _packed(v) if packed else v}
        for i, v in enumerate(vectors)
    ]
    usage = {"prompt_tokens": ask.prompt_tokens, "total_tokens": ask.prompt_tokens}
    body = {"object": "list", "data": data, "model": ask.named}
    return _reply(body | ({"usage": usage} if ask.usage else {}))


def _interleaved(answers: tuple[Answer, ...]) -> Iterator[tuple[int, Answer, int]]:
    """(choice, its answer, position of the token) as a server sends several choices: in turn."""
    positions = [range(len(answer.tokens)) for answer in answers]
    for row in zip_longest(*positions):
        for choice, position in enumerate(row):
            if position is not None:
                yield choice, answers[choice], position


def _envelope(ask: Ask, prefix: str, kind: str) -> dict[str, Any]:
    digest = hashlib.blake2b(as_json(ask.body), digest_size=12).hexdigest()
    return {"id": f"{prefix}-{digest}", "object": kind, "created": _CREATED, "model": ask.named}


def _whole(body: dict[str, Any], ask: Ask) -> Reply:
    return _reply(body | ({"usage": _usage(ask)} if ask.usage else {}))


def _reply(body: dict[str, Any]) -> Reply:
    return Reply("application/json", (Frame(Role.WHOLE, as_json(body)),))


def _stream(ask: Ask, head: dict[str, Any], frames: list[Frame]) -> Reply:
    if ask.usage and _usage_wanted(ask.body):
        usage = as_json(head | {"choices": [], "usage": _usage(ask)})
        frames.append(Frame(Role.USAGE, sse(usage)))
    frames.append(Frame(Role.DONE, sse(b"[DONE]")))
    return Reply("text/event-stream; charset=utf-8", tuple(frames))


def _usage_wanted(body: Mapping[str, Any]) -> bool:
    options = body.get("stream_options")
    return isinstance(options, dict) and flag(options, "include_usage", False)


def _usage(ask: Ask) -> dict[str, int]:
    prompt, completion = ask.prompt_tokens, ask.completion_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _chunk(
    role: Role, head: dict[str, Any], choice: dict[str, Any], finish_reason: str | None = None
) -> Frame:
    shaped = choice | {"logprobs": choice.get("logprobs"), "finish_reason": finish_reason}
    return Frame(role, sse(as_json(head | {"choices": [shaped]})))


def _ended(choice: dict[str, Any], answer: Answer) -> dict[str, Any]:
    return choice | {"logprobs": choice.get("logprobs"), "finish_reason": answer.finish_reason}


def _message(answer: Answer) -> dict[str, Any]:
    if answer.tool is None:
        return {"role": "assistant", "content": answer.text}
    name, _ = answer.tool
    return {"role": "assistant", "content": None, "tool_calls": [_call(name, answer.text)]}


def _delta(answer: Answer, position: int) -> dict[str, Any]:
    """The first piece of a call carries its id and name, the others only arguments."""
    token = answer.tokens[position]
    if answer.tool is None:
        return {"content": token}
    if position == 0:
        return {"tool_calls": [{"index": 0} | _call(answer.tool[0], token)]}
    return {"tool_calls": [{"index": 0, "function": {"arguments": token}}]}


def _call(name: str, arguments: str) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {"id": f"call_{name}_0", "type": "function", "function": function}


def _chat_logprobs(ask: Ask, tokens: tuple[str, ...]) -> dict[str, Any]:
    if not flag(ask.body, "logprobs", False):
        return {}
    top = ask.body.get("top_logprobs") or 0
    content = []
    for token in tokens:
        entry = {"token": token, "logprob": _LOGPROB, "bytes": list(token.encode())}
        content.append(entry | {"top_logprobs": [entry] if top else []})
    return {"logprobs": {"content": content}}


def _text_logprobs(ask: Ask, tokens: tuple[str, ...]) -> dict[str, Any]:
    if ask.body.get("logprobs") is None:
        return {}
    values = [_LOGPROB] * len(tokens)
    offsets = [sum(map(len, tokens[:i])) for i in range(len(tokens))]
    record = {"tokens": list(tokens), "token_logprobs": values, "text_offset": offsets}
    return {"logprobs": record | {"top_logprobs": [{token: _LOGPROB} for token in tokens]}}


def _packed(values: list[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()

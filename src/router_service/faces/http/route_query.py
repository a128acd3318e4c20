"""Reads the body of POST /v1/route: any OpenAI-style body, or the bare fields of one, with what
else is known of the request beside them. A field wins over the header of the same meaning."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from router_service.errors import InvalidRequest
from router_service.serving.attributes import MAX_COUNT, is_unicode
from router_service.types import Attributes, Operation, RouteQuery

_BODY_OF = {
    "messages": Operation.CHAT,
    "prompt": Operation.COMPLETION,
    "input": Operation.EMBEDDING,
}
"""The member that says which OpenAI body this is; without any, only the bare fields count."""


def parse_object(body: bytes) -> dict[str, Any]:
    """The JSON object of a body. Raises InvalidRequest with line and column."""
    try:
        document = json.loads(body)
    except json.JSONDecodeError as error:
        raise InvalidRequest(
            f"the body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}"
        ) from None
    except UnicodeDecodeError as error:
        raise InvalidRequest(
            f"the body is not JSON: byte {error.start + 1} is not {error.encoding} text"
        ) from None
    except (ValueError, RecursionError):
        raise InvalidRequest(
            "the body is not JSON this router reads: a number is too long or the nesting too deep"
        ) from None
    if not isinstance(document, dict):
        raise InvalidRequest('the body must be a JSON object, such as {"model": "code", …}')
    return document


def route_query(
    body: bytes,
    *,
    attributes: Attributes,
    headers: Mapping[str, str],
    principal: str,
    request_id: str,
) -> RouteQuery:
    """The query a body stands for. Raises InvalidRequest naming the field at fault."""
    document = parse_object(body)
    fields = {
        name: _READERS[name](name, document[name])
        for name in _READERS.keys() & document.keys()
        if document[name] is not None
    }
    attributes = replace(attributes, **{n: v for n, v in fields.items() if n in _ATTRIBUTES})
    model = fields.get("model", "")
    if not model and attributes.capability is None:
        raise InvalidRequest("name a model or a capability", param="model")
    operation = next((_BODY_OF[member] for member in _BODY_OF if member in document), None)
    return RouteQuery(
        face="http",
        model=model,
        attributes=attributes,
        headers=headers,
        principal=principal,
        request_id=request_id,
        body=body if operation else None,
        operation=operation or Operation.CHAT,
        max_tokens=fields.get("max_completion_tokens", fields.get("max_tokens")),
        stream=fields.get("stream", False),
        prompt_tokens=fields.get("prompt_tokens"),
    )


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not is_unicode(value):
        raise InvalidRequest(f"{name} must be Unicode text", param=name)
    return value


def _switch(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} must be true or false", param=name)
    return value


def _count(minimum: int) -> Callable[[str, object], int]:
    def read(name: str, value: object) -> int:
        if type(value) is not int or not minimum <= value <= MAX_COUNT:
            raise InvalidRequest(
                f"{name} must be a whole number from {minimum} to {MAX_COUNT}", param=name
            )
        return value

    return read


def _names(name: str, value: object) -> tuple[str, ...]:
    if not isinstance(value, list):
        raise InvalidRequest(f"{name} must be a list of deployment ids", param=name)
    return tuple(_text(f"{name}[{index}]", entry) for index, entry in enumerate(value))


_ATTRIBUTES: dict[str, Callable[[str, object], Any]] = {
    "capability": _text,
    "priority": _text,
    "quality_tier": _text,
    "batch_size": _count(1),
    "batch_mode": _switch,
    "request_count": _count(0),
    "session": _text,
    "strategy": _text,
    "chain": _text,
    "allowed": _names,
}
_READERS: dict[str, Callable[[str, object], Any]] = _ATTRIBUTES | {
    "model": _text,
    "max_tokens": _count(0),
    "max_completion_tokens": _count(0),
    "prompt_tokens": _count(0),
    "stream": _switch,
}

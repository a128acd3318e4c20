"""Reads the body of POST /v1/generate: a question, what is known of it, and its context. Every
wrong shape is refused with the name of the field."""

from __future__ import annotations

import math
from collections.abc import Mapping

from router_service.errors import InvalidRequest
from router_service.faces.http.route_query import parse_object
from router_service.serving.attributes import is_unicode
from router_service.types import Arrival, Attributes, Query

MAX_NAME = 512
"""Characters of a domain, a language, a query type, an entity's name or value."""
MAX_ENTITIES = 100
MAX_VALUES = 100
"""Values of one entity."""
MAX_DOCS = 1000
MAX_TOKENS = 10_000_000


def generate_query(
    body: bytes,
    *,
    arrival: Arrival,
    attributes: Attributes,
    headers: Mapping[str, str],
    queued_s: float = 0.0,
) -> Query:
    """The question a body holds. Raises InvalidRequest naming the field at fault."""
    document = parse_object(body)
    if document.get("stream"):
        raise InvalidRequest(
            "stream: this endpoint answers whole; /v1/chat/completions streams", param="stream"
        )
    return Query(
        face=arrival.face,
        text=_question(document.get("query")),
        attributes=attributes,
        headers=headers,
        principal=arrival.principal,
        request_id=arrival.request_id,
        domain=_name("domain", document.get("domain")),
        language=_name("language", document.get("language")),
        query_type=_name("query_type", document.get("query_type")),
        entities=_entities(document.get("entities")),
        context_docs=_context_docs(document.get("context_docs")),
        max_tokens=_max_tokens(document.get("max_tokens")),
        timeout_s=arrival.timeout_s,
        arrived=arrival.at,
        queued_s=queued_s,
    )


def _question(value: object) -> str:
    text = _text("query", value)
    if not text.strip():
        raise InvalidRequest("query: empty; send the question to answer", param="query")
    return text


def _text(name: str, value: object) -> str:
    if not isinstance(value, str) or not is_unicode(value):
        raise InvalidRequest(f"{name} must be Unicode text", param=name)
    return value


def _name(name: str, value: object) -> str | None:
    if value is None:
        return None
    text = _text(name, value).strip()
    if len(text) > MAX_NAME:
        raise InvalidRequest(f"{name}: longer than {MAX_NAME} characters", param=name)
    return text or None


def _entities(value: object) -> tuple[tuple[str, tuple[str, ...]], ...]:
    if value is None:
        return ()
    if not isinstance(value, dict):
        raise InvalidRequest(
            'entities must be an object, such as {"breed": "Ross 308", "age_days": 21}',
            param="entities",
        )
    if len(value) > MAX_ENTITIES:
        raise InvalidRequest(f"entities: more than {MAX_ENTITIES}", param="entities")
    return tuple(
        (_text("entities", name), _values(f"entities.{name[:MAX_NAME]}", given))
        for name, given in value.items()
    )


def _values(name: str, given: object) -> tuple[str, ...]:
    """One value or a list of them; null is none."""
    if given is None:
        return ()
    values = given if isinstance(given, list) else [given]
    if len(values) > MAX_VALUES:
        raise InvalidRequest(f"{name}: more than {MAX_VALUES} values", param=name)
    return tuple(_value(name, value) for value in values)


def _value(name: str, value: object) -> str:
    if isinstance(value, str):
        return _name(name, value) or ""
    if type(value) is int or (isinstance(value, float) and math.isfinite(value)):
        return str(value)
    raise InvalidRequest(f"{name} must be text, a number or a list of these", param=name)


def _context_docs(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidRequest("context_docs must be a list of texts", param="context_docs")
    if len(value) > MAX_DOCS:
        raise InvalidRequest(f"context_docs: more than {MAX_DOCS}", param="context_docs")
    return tuple(_document(f"context_docs[{index}]", item) for index, item in enumerate(value))


def _document(name: str, value: object) -> str:
    if isinstance(value, dict):
        return _text(f"{name}.text", value.get("text"))
    if not isinstance(value, str):
        raise InvalidRequest(f'{name} must be text, or an object with "text"', param=name)
    return _text(name, value)


def _max_tokens(value: object) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= MAX_TOKENS:
        raise InvalidRequest(
            f"max_tokens must be a whole number from 1 to {MAX_TOKENS}", param="max_tokens"
        )
    return value

"""From a question with its context to a chat that any provider understands, and to the class that
says which model answers it (R15)."""

from __future__ import annotations

import asyncio
import json
import logging

from router_service.core import Table
from router_service.serving.facts import LARGE_BODY
from router_service.types import Incoming, Operation, Query

UNKNOWN = "unknown"
"""The class of a question that could not be classified."""
DEFAULT = "chat"
"""Who answers where the config has no query classes: the capability of this name."""

logger = logging.getLogger(__name__)


async def classified(table: Table, query: Query) -> tuple[str, str]:
    """Class and deciding signal of a question. Whatever goes wrong, the question is answered."""
    try:
        if len(query.text) > LARGE_BODY:
            found = await asyncio.to_thread(_classify, table, query)
        else:
            found = _classify(table, query)
    except Exception:
        logger.exception("request %s: classifying failed", query.request_id)
        return UNKNOWN, "classifying failed"
    return found or (UNKNOWN, "the routing config has no query_classes")


def _classify(table: Table, query: Query) -> tuple[str, str] | None:
    return table.classify(
        query.text,
        query_type=query.query_type,
        entities=query.entities,
        context_docs=len(query.context_docs),
    )


async def incoming_of(query: Query, model: str | None, complexity: str) -> Incoming:
    """The chat of a question. model answers where no experiment names another one."""
    length = len(query.text) + sum(map(len, query.context_docs))
    if length > LARGE_BODY:
        body = await asyncio.to_thread(_body, query, model)
    else:
        body = _body(query, model)
    return Incoming(
        face=query.face,
        operation=Operation.CHAT,
        body=body,
        attributes=query.attributes,
        headers=query.headers,
        principal=query.principal,
        request_id=query.request_id,
        timeout_s=query.timeout_s,
        arrived=query.arrived,
        queued_s=query.queued_s,
        query_class=complexity,
    )


def _body(query: Query, model: str | None) -> bytes:
    body: dict[str, object] = {"model": model or DEFAULT, "messages": _messages(query)}
    if query.max_tokens is not None:
        body["max_tokens"] = query.max_tokens
    return json.dumps(body, ensure_ascii=False).encode()


def _messages(query: Query) -> list[dict[str, str]]:
    user = {"role": "user", "content": query.text}
    system = _instructions(query)
    return [{"role": "system", "content": system}, user] if system else [user]


def _instructions(query: Query) -> str:
    parts = []
    if query.domain:
        parts.append(f"You answer questions about {query.domain}.")
    if query.language:
        parts.append(f"Answer in this language: {query.language}.")
    if query.context_docs:
        parts.append("Answer from the following context where it helps.")
        parts += [f"[{number}] {text}" for number, text in enumerate(query.context_docs, 1)]
    return "\n\n".join(parts)

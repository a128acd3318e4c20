"""From what a face hands in to the facts a decision takes: one inspection of the body in the core,
off the event loop where it is long."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import lru_cache

from router_service.core import Facts, Inspection, Table
from router_service.types import Attributes, Incoming, Operation, RouteQuery

LARGE_BODY = 64 * 1024
"""Bytes past which reading and counting a body would hold up the event loop."""


async def inspect_body(table: Table, body: bytes, operation: Operation) -> Inspection:
    """What one pass over the body finds. Raises InvalidRequest."""
    if len(body) > LARGE_BODY:
        return await asyncio.to_thread(table.inspect, body, operation.value)
    return table.inspect(body, operation.value)


async def facts_of_incoming(table: Table, incoming: Incoming) -> tuple[Facts, Inspection]:
    """The facts of a request to carry out. Raises InvalidRequest."""
    inspection = await inspect_body(table, incoming.body, incoming.operation)
    facts = _facts(
        table,
        inspection.model or "",
        inspection,
        incoming.attributes,
        incoming.headers,
        incoming.principal,
        query_class=incoming.query_class,
    )
    return facts, inspection


async def facts_of_query(table: Table, query: RouteQuery) -> Facts:
    """The facts of a request to decide on only. Raises InvalidRequest."""
    inspection = await _inspect_query(table, query)
    model = query.model or (inspection.model if inspection else None) or ""
    return _facts(
        table,
        model,
        inspection,
        query.attributes,
        query.headers,
        query.principal,
        max_tokens=query.max_tokens,
        stream=query.stream or None,
        prompt_tokens=query.prompt_tokens,
    )


async def _inspect_query(table: Table, query: RouteQuery) -> Inspection | None:
    if query.body is not None:
        return await inspect_body(table, query.body, query.operation)
    if query.prompt is None:
        return None
    if len(query.prompt) > LARGE_BODY:
        return await asyncio.to_thread(table.inspect_text, query.prompt)
    return table.inspect_text(query.prompt)


def _facts(
    table: Table,
    model: str,
    inspection: Inspection | None,
    attributes: Attributes,
    headers: Mapping[str, str],
    principal: str,
    *,
    max_tokens: int | None = None,
    stream: bool | None = None,
    prompt_tokens: int | None = None,
    query_class: str | None = None,
) -> Facts:
    wanted = _condition_headers(table)
    return Facts(
        model,
        inspection=inspection,
        capability=attributes.capability,
        max_tokens=max_tokens,
        stream=stream,
        prompt_tokens=prompt_tokens,
        batch_size=attributes.batch_size,
        batch_mode=attributes.batch_mode,
        request_count=attributes.request_count,
        quality_tier=attributes.quality_tier,
        priority=attributes.priority,
        session=attributes.session,
        principal=principal,
        strategy=attributes.strategy,
        chain=attributes.chain,
        headers=[(name, headers[name]) for name in wanted if name in headers],
        allowed=attributes.allowed,
        query_class=query_class,
    )


@lru_cache(maxsize=4)
def _condition_headers(table: Table) -> tuple[str, ...]:
    """Asked of each table once; a table is immutable."""
    return tuple(table.condition_headers)

"""POST /v1/generate: a question answered by the model that its class calls for (R15), with what
that took."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aiohttp import web

from router_service.faces.http.generate_query import generate_query
from router_service.faces.http.request import (
    Caller,
    Endpoint,
    HttpLimits,
    arrival_of,
    headers_of,
    parsed,
    read_body,
)
from router_service.faces.http.served import served_headers
from router_service.serving.admission import Place
from router_service.serving.attributes import attributes_from_headers
from router_service.serving.entry import entered
from router_service.serving.ports import RequestService
from router_service.types import Arrival, Attributes, Query, QueryAnswer, Work


def generate_endpoint(service: RequestService, limits: HttpLimits) -> Endpoint:
    """An endpoint that answers a question. It raises RouterError."""

    async def generate(request: web.Request, caller: Caller) -> web.Response:
        headers = headers_of(request)
        attributes = attributes_from_headers(headers)
        arrival = arrival_of(request, caller, Work.CARRY_OUT)

        async def read(place: Place) -> Query:
            body = await read_body(request, limits, place)
            return await _query(arrival, body, attributes, headers, place.queued_s)

        async with entered(service, arrival, read) as query:
            answered = await service.generate(query)
        return web.json_response(
            _described(answered), headers=served_headers(answered.answer.served)
        )

    return generate


async def _query(
    arrival: Arrival,
    body: bytes,
    attributes: Attributes,
    headers: Mapping[str, str],
    queued_s: float,
) -> Query:
    def parse() -> Query:
        return generate_query(
            body, arrival=arrival, attributes=attributes, headers=headers, queued_s=queued_s
        )

    return await parsed(body, parse)


def _described(answered: QueryAnswer) -> dict[str, Any]:
    answer = answered.answer
    return {
        "model": answer.served.model,
        "text": answer.text,
        "complexity": answered.complexity,
        "complexity_signal": answered.signal,
        "prompt_tokens": answer.usage.prompt_tokens if answer.usage else None,
        "completion_tokens": answer.usage.completion_tokens if answer.usage else None,
        "latency_ms": round(answered.latency_s * 1000, 3),
        "finish_reason": answer.finish_reason,
        "decision_id": answer.served.decision_id,
        "provider": answer.served.provider,
        "request_id": answer.served.request_id,
    }

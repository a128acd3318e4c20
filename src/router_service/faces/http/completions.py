"""The endpoints that carry a request out: chat completions, completions and embeddings. They differ
in the shape of their body alone, so one handler serves them all."""

from __future__ import annotations

from collections.abc import Mapping

from aiohttp import web

from router_service.faces.http.request import (
    FACE,
    Caller,
    Endpoint,
    HttpLimits,
    arrival_of,
    headers_of,
    read_body,
)
from router_service.faces.http.sending import send_whole
from router_service.faces.http.sse import relay
from router_service.serving.admission import Place
from router_service.serving.attributes import attributes_from_headers
from router_service.serving.entry import entered
from router_service.serving.ports import RequestService
from router_service.types import Answer, Arrival, Attributes, Incoming, Operation, Work


def completion_endpoint(
    service: RequestService, operation: Operation, limits: HttpLimits
) -> Endpoint:
    """An endpoint that answers whole or streamed, as the body asks. It raises RouterError."""

    async def complete(request: web.Request, caller: Caller) -> web.StreamResponse:
        headers = headers_of(request)
        attributes = attributes_from_headers(headers)
        arrival = arrival_of(request, caller, Work.CARRY_OUT, operation)

        async def read(place: Place) -> Incoming:
            body = await read_body(request, limits, place)
            return _incoming(arrival, body, attributes, headers, place.queued_s)

        async with entered(service, arrival, read) as incoming:
            answer = await service.open(incoming)
            if isinstance(answer, Answer):
                return await send_whole(request, answer, limits.write_timeout_s)
            return await relay(request, caller, answer, limits.write_timeout_s)

    return complete


def _incoming(
    arrival: Arrival,
    body: bytes,
    attributes: Attributes,
    headers: Mapping[str, str],
    queued_s: float,
) -> Incoming:
    return Incoming(
        face=FACE,
        operation=arrival.operation,
        body=body,
        attributes=attributes,
        headers=headers,
        principal=arrival.principal,
        request_id=arrival.request_id,
        timeout_s=arrival.timeout_s,
        arrived=arrival.at,
        queued_s=queued_s,
    )

"""The endpoints that carry a request out: chat completions, completions and embeddings. They differ
in the shape of their body alone, so one handler serves them all."""

from __future__ import annotations

from aiohttp import web

from router_service.errors import Draining
from router_service.faces.http.request import (
    Caller,
    Endpoint,
    HttpLimits,
    headers_of,
    read_body,
    timeout_of,
)
from router_service.faces.http.served import served_headers
from router_service.faces.http.sse import relay
from router_service.serving.attributes import attributes_from_headers
from router_service.serving.ports import RequestService
from router_service.types import Answer, Incoming, Operation


def completion_endpoint(
    service: RequestService, operation: Operation, limits: HttpLimits
) -> Endpoint:
    """An endpoint that answers whole or streamed, as the body asks. It raises RouterError."""

    async def complete(request: web.Request, caller: Caller) -> web.StreamResponse:
        refuse_when_draining(service)
        answer = await service.open(await _incoming(request, caller, operation, limits))
        if isinstance(answer, Answer):
            return web.Response(
                body=answer.body,
                content_type="application/json",
                headers=served_headers(answer.served),
            )
        return await relay(request, caller, answer, limits.write_timeout_s)

    return complete


def refuse_when_draining(service: RequestService) -> None:
    """Raises Draining while the process stops, before the body is read."""
    if not service.ready():
        raise Draining("this router is stopping; send the request to another one or try again")


async def _incoming(
    request: web.Request, caller: Caller, operation: Operation, limits: HttpLimits
) -> Incoming:
    headers = headers_of(request)
    attributes = attributes_from_headers(headers)
    timeout_s = timeout_of(request)
    return Incoming(
        face="http",
        operation=operation,
        body=await read_body(request, limits),
        attributes=attributes,
        headers=headers,
        principal=caller.principal,
        request_id=caller.request_id,
        timeout_s=timeout_s,
    )

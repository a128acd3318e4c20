"""What those who run the router ask of it: is it alive, is it ready, what has it measured."""

from __future__ import annotations

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from router_service.faces.http.request import Caller, Endpoint
from router_service.serving.ports import RequestService


async def health(_request: web.Request) -> web.Response:
    """200 as long as the process answers at all."""
    return web.json_response({"status": "ok"})


def ready_handler(service: RequestService) -> Handler:
    """A handler answering 200 while new requests are welcome, 503 while draining."""

    async def ready(_request: web.Request) -> web.Response:
        if service.ready():
            return web.json_response({"status": "ready"})
        return web.json_response({"status": "draining"}, status=503)

    return ready


def metrics_endpoint(registry: CollectorRegistry) -> Endpoint:
    """An endpoint answering in the format the scraper prefers."""

    async def metrics(request: web.Request, _caller: Caller) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return metrics

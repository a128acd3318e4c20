"""The HTTP application: its paths, and the guard around every endpoint. The guard names the
request, knows the caller, and turns whatever is raised behind it into an OpenAI-style error."""

from __future__ import annotations

import asyncio
import logging
import time

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry

from router_service.errors import RouterError
from router_service.faces.auth import Keys, presented_key
from router_service.faces.http.completions import completion_endpoint
from router_service.faces.http.errors import HttpProblem, failure, internal_error
from router_service.faces.http.experiments import feedback_endpoint, model_routing_endpoints
from router_service.faces.http.generate import generate_endpoint
from router_service.faces.http.models import model_endpoints
from router_service.faces.http.operations import health, metrics_endpoint, ready_handler
from router_service.faces.http.request import Caller, Endpoint, HttpLimits
from router_service.faces.http.route import route_endpoint
from router_service.faces.request_id import request_id_of
from router_service.serving.ports import RequestService
from router_service.types import Operation

logger = logging.getLogger(__name__)

_LIVE_PATHS = ("/health", "/health/liveliness", "/health/liveness")
_READY_PATHS = ("/ready", "/health/readiness")
_COMPLETION_PATHS = {
    "/chat/completions": Operation.CHAT,
    "/completions": Operation.COMPLETION,
    "/embeddings": Operation.EMBEDDING,
}


def create_http_app(
    service: RequestService,
    *,
    keys: Keys,
    registry: CollectorRegistry,
    limits: HttpLimits | None = None,
) -> web.Application:
    """Build the application; `start_http` serves it. limits left out are HttpLimits' own."""
    limits = limits or HttpLimits()
    app = web.Application(middlewares=[_refuse_unknown_places])
    list_models, get_model = model_endpoints(service)
    routing_stats, reset_routing = model_routing_endpoints(service, limits)
    for prefix in ("/v1", ""):
        for path, operation in _COMPLETION_PATHS.items():
            complete = completion_endpoint(service, operation, limits)
            app.router.add_post(prefix + path, _guarded(complete, keys))
        app.router.add_post(prefix + "/route", _guarded(route_endpoint(service, limits), keys))
        app.router.add_post(
            prefix + "/generate", _guarded(generate_endpoint(service, limits), keys)
        )
        app.router.add_get(prefix + "/model-routing/stats", _guarded(routing_stats, keys))
        app.router.add_post(prefix + "/model-routing/reset", _guarded(reset_routing, keys))
        app.router.add_post(
            prefix + "/feedback", _guarded(feedback_endpoint(service, limits), keys)
        )
        app.router.add_get(prefix + "/models", _guarded(list_models, keys))
        app.router.add_get(prefix + "/models/{name:.+}", _guarded(get_model, keys))
    app.router.add_get("/metrics", _guarded(metrics_endpoint(registry), keys))
    for path in _LIVE_PATHS:
        app.router.add_get(path, health)
    for path in _READY_PATHS:
        app.router.add_get(path, ready_handler(service))
    return app


def _guarded(endpoint: Endpoint, keys: Keys) -> Handler:
    """The endpoint behind its key check, with every error answered."""

    async def handle(request: web.Request) -> web.StreamResponse:
        arrived = time.monotonic()
        request_id = request_id_of(request.headers.get("x-request-id"))
        try:
            principal = keys.check(presented_key(request.headers))
            response = await endpoint(request, Caller(principal, request_id, arrived))
        except RouterError as error:
            response = _refusal(error)
        except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
            raise
        except BaseException as error:  # a panic of the core is no Exception, yet needs an answer
            if isinstance(error, ConnectionError) and _client_is_gone(request):
                return web.Response()  # to nobody; an exception would be logged as a fault
            logger.exception("request %s: failed unexpectedly", request_id)
            response = _refusal(internal_error(request_id))
        if not response.prepared:
            response.headers["x-request-id"] = request_id
        return response

    return handle


@web.middleware
async def _refuse_unknown_places(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Say in OpenAI's form what aiohttp's own router refuses: unknown paths and wrong methods."""
    try:
        return await handler(request)
    except web.HTTPException as error:
        response = _refusal(_no_such_endpoint(request, error))
        response.headers["x-request-id"] = request_id_of(request.headers.get("x-request-id"))
        return response


def _refusal(error: RouterError) -> web.Response:
    failed = failure(error)
    response = web.Response(
        status=failed.status,
        body=failed.body,
        content_type="application/json",
        headers=failed.headers,
    )
    if failed.close:
        response.force_close()
    return response


def _no_such_endpoint(request: web.Request, error: web.HTTPException) -> HttpProblem:
    place = f"{request.method} {request.path[:200]}"
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted(error.allowed_methods))
        return HttpProblem(
            405, "method_not_allowed", f"{place}: this path takes {allowed}", {"Allow": allowed}
        )
    return HttpProblem(
        error.status,
        "not_found" if error.status == 404 else "invalid_request",
        f"{place}: no such endpoint; requests go to POST /v1/chat/completions, /v1/completions, "
        "/v1/embeddings or /v1/route, and GET /v1/models lists the models",
    )


def _client_is_gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()

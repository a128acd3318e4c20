"""POST /v1/route: where a request would go, without carrying it out. The answer holds all a caller
needs to talk to the target itself, and the permit for the slot kept for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from aiohttp import web

from router_service.errors import InvalidRequest
from router_service.faces.http.request import (
    Caller,
    Endpoint,
    HttpLimits,
    arrival_of,
    headers_of,
    parsed,
    read_body,
)
from router_service.faces.http.route_query import route_query
from router_service.serving.admission import Place
from router_service.serving.attributes import attributes_from_headers
from router_service.serving.entry import entered
from router_service.serving.ports import RequestService
from router_service.types import Arrival, Attributes, RouteQuery, Work

if TYPE_CHECKING:
    from router_service.core import Decision, Hop


def route_endpoint(service: RequestService, limits: HttpLimits) -> Endpoint:
    """An endpoint that decides, or with ?explain=true explains. It raises RouterError."""

    async def route(request: web.Request, caller: Caller) -> web.Response:
        explain = _wants_explanation(request)
        headers = headers_of(request)
        attributes = attributes_from_headers(headers)
        arrival = arrival_of(request, caller, Work.DECIDE)

        async def read(place: Place) -> RouteQuery:
            body = await read_body(request, limits, place)
            return await _query(arrival, body, attributes, headers)

        async with entered(service, arrival, read) as query:
            if explain:
                return web.json_response(await service.explain(query))
            return web.json_response(_described(service, await service.decide(query)))

    return route


def _wants_explanation(request: web.Request) -> bool:
    value = request.query.get("explain", "false").lower()
    if value not in ("true", "1", "false", "0"):
        raise InvalidRequest("query parameter explain: must be true or false", param="explain")
    return value in ("true", "1")


async def _query(
    arrival: Arrival, body: bytes, attributes: Attributes, headers: Mapping[str, str]
) -> RouteQuery:
    def parse() -> RouteQuery:
        return route_query(
            body,
            attributes=attributes,
            headers=headers,
            principal=arrival.principal,
            request_id=arrival.request_id,
        )

    return await parsed(body, parse)


def _described(service: RequestService, decision: Decision) -> dict[str, Any]:
    return {
        "object": "router.route",
        "decision": {
            "decision_id": decision.decision_id,
            "table_version": decision.table_version,
            "requested_model": decision.requested_model,
            "rule": decision.rule,
            "matched": decision.matched,
            "strategy": decision.strategy,
            "model": decision.model,
            "provider": decision.provider,
            "deployment": decision.deployment,
            "upstream_model": decision.upstream_model,
            "complexity": decision.complexity,
            "prompt_tokens": decision.prompt_tokens,
            "deprecated": decision.deprecated,
            "notes": decision.notes,
            "propensity": decision.propensity,
            "seed": decision.seed,
            "skipped": [
                {
                    "model": skip.model,
                    "provider": skip.provider,
                    "deployment": skip.deployment,
                    "reason": skip.reason,
                }
                for skip in decision.skipped
            ],
        },
        "targets": [_target(service, hop) for hop in decision.plan],
        "permit": decision.permit,
        "permit_expires_us": decision.permit_expires_us,
    }


def _target(service: RequestService, hop: Hop) -> dict[str, Any]:
    provider = service.provider(hop.provider)
    return {
        "model": hop.model,
        "provider": hop.provider,
        "deployment": hop.deployment,
        "upstream_model": hop.upstream_model,
        "tier": hop.tier,
        "param_change_pct": hop.param_change_pct,
        "kind": provider.kind,
        "location": provider.location,
        "base_url": provider.base_url,
        "credential": provider.credential,
        "timeouts_s": {
            "connect": provider.connect_us / 1e6,
            "first_token": provider.first_token_us / 1e6,
            "idle": provider.idle_us / 1e6,
        },
    }

"""What clients tell and ask of experiments: how good an answer was, how the arms of model routing
do, and that their figures start anew."""

from __future__ import annotations

from aiohttp import web

from router_service.errors import InvalidRequest
from router_service.faces.http.request import (
    Caller,
    Endpoint,
    HttpLimits,
    arrival_of,
    read_body,
)
from router_service.faces.http.route_query import parse_object
from router_service.serving.attributes import is_unicode
from router_service.serving.model_routing import routing_experiment, routing_stats
from router_service.serving.ports import RequestService
from router_service.types import Work

MAX_ID = 512
MAX_COMMENT = 4096
_THUMBS = {"up": 1.0, "down": 0.0}


def model_routing_endpoints(
    service: RequestService, limits: HttpLimits
) -> tuple[Endpoint, Endpoint]:
    """Endpoints of the statistics of model routing, and of their reset."""

    async def stats(_request: web.Request, _caller: Caller) -> web.Response:
        return web.json_response(routing_stats(service.experiments()))

    async def reset(request: web.Request, caller: Caller) -> web.Response:
        with service.join(arrival_of(request, caller, Work.DECIDE)) as place:
            await read_body(request, limits, place)  # is empty, but tells a web page from a client
        name = routing_experiment(service.experiments())
        return web.json_response({"reset": service.reset_experiments(name) if name else []})

    return stats, reset


def feedback_endpoint(service: RequestService, limits: HttpLimits) -> Endpoint:
    """An endpoint that takes a judgement of an answer. It raises InvalidRequest."""

    async def feedback(request: web.Request, caller: Caller) -> web.Response:
        with service.join(arrival_of(request, caller, Work.DECIDE)) as place:
            document = parse_object(await read_body(request, limits, place))
        score = _score(document.get("thumbs"), document.get("score"))
        _optional_text("comment", document.get("comment"), MAX_COMMENT)
        decision_id = _optional_text("decision_id", document.get("decision_id"), MAX_ID)
        request_id = _optional_text("request_id", document.get("request_id"), MAX_ID)
        if (decision_id is None) == (request_id is None):
            raise InvalidRequest(
                "name the answer by its decision_id or by its request_id", param="decision_id"
            )
        if decision_id is None and request_id is not None:
            decision_id = service.decision_of(caller.principal, request_id)
        status = service.feedback(decision_id, score) if decision_id else "unknown"
        return web.json_response({"status": status})

    return feedback


def _score(thumbs: object, score: object) -> float:
    if (thumbs is None) == (score is None):
        raise InvalidRequest(
            'send either thumbs ("up" or "down") or a score from 0 to 1', param="score"
        )
    if thumbs is not None:
        if not isinstance(thumbs, str) or thumbs not in _THUMBS:
            raise InvalidRequest('thumbs must be "up" or "down"', param="thumbs")
        return _THUMBS[thumbs]
    if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
        raise InvalidRequest("score must be a number from 0 to 1", param="score")
    return float(score)


def _optional_text(name: str, value: object, most: int) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or len(value) > most or not is_unicode(value):
        raise InvalidRequest(
            f"{name} must be Unicode text of at most {most} characters", param=name
        )
    return value

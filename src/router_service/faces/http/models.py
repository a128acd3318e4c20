"""The names a client may ask for, as OpenAI's model list: models, and after them the capabilities
and pools, which are asked for the same way."""

from __future__ import annotations

import time
from typing import Any

from aiohttp import web

from router_service.faces.http.errors import HttpProblem
from router_service.faces.http.request import Caller, Endpoint
from router_service.serving.ports import RequestService

_OWNER = "router-service"


def model_endpoints(service: RequestService) -> tuple[Endpoint, Endpoint]:
    """Endpoints of the list, and of one entry by name or alias, which raises HttpProblem (404)."""
    created = int(time.time())

    async def list_models(_request: web.Request, _caller: Caller) -> web.Response:
        entries = list(_entries(service, created).values())
        return web.json_response({"object": "list", "data": entries})

    async def get_model(request: web.Request, _caller: Caller) -> web.Response:
        name = request.match_info["name"]
        entries = _entries(service, created)
        entry = entries.get(name)
        if entry is None:
            entry = next((e for e in entries.values() if name in e.get("aliases", ())), None)
        if entry is None:
            raise HttpProblem(
                404,
                "model_not_found",
                f"no model, capability or pool is called {name[:200]!r}; GET /v1/models lists all",
            )
        return web.json_response(entry)

    return list_models, get_model


def _entries(service: RequestService, created: int) -> dict[str, dict[str, Any]]:
    """Every enabled name with its entry. A pool of a model's name is that model."""
    entries: dict[str, dict[str, Any]] = {}
    for model in service.models():
        if model.enabled:
            entries[model.name] = _entry(model.name, "model", created) | {
                "tier": model.tier,
                "parameters": model.parameters,
                "context_window": model.context_window,
                "capabilities": model.capabilities,
                "providers": model.providers,
                "aliases": model.aliases,
            }
    for kind, names in (("capability", service.capabilities()), ("pool", service.pools())):
        for name in names:
            entries.setdefault(name, _entry(name, kind, created))
    return entries


def _entry(name: str, kind: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": _OWNER, "kind": kind}

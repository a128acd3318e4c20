"""grpc.health.v1 answered from the one truth about readiness, RequestService.ready().
Watchers are told when draining begins, and let go so that they do not hold up the stop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from router_service.faces.grpc.caller import Context
from router_service.faces.grpc.draining import until_draining
from router_service.v1 import router_pb2

ROUTER_SERVICE = router_pb2.DESCRIPTOR.services_by_name["RouterService"].full_name

_SERVICES = frozenset({"", ROUTER_SERVICE})
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc] # untyped library class
    """Health of the process ("") and of RouterService."""

    def __init__(self, ready: Callable[[], bool]) -> None:
        self._ready = ready

    def _status(self, service: str) -> int:
        if service not in _SERVICES:
            return int(_UNKNOWN)
        return int(_SERVING if self._ready() else _NOT_SERVING)

    async def Check(self, request: Any, context: Context) -> Any:  # noqa: N802
        """Status now; NOT_FOUND for a service nobody knows, as the protocol has it."""
        if request.service not in _SERVICES:
            known = " and ".join(repr(name) for name in sorted(_SERVICES))
            message = f"no service {request.service[:100]!r} here; known are {known}"
            await context.abort(grpc.StatusCode.NOT_FOUND, message)
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(self, request: Any, context: Context) -> None:  # noqa: N802
        """Status now, and once more when draining begins."""
        status = self._status(request.service)
        await context.write(health_pb2.HealthCheckResponse(status=status))
        await until_draining(self._ready)
        if status == _SERVING:
            await context.write(health_pb2.HealthCheckResponse(status=_NOT_SERVING))

"""AdminService: what the router is doing now, and the figures of experiments. Its other calls,
whose messages are fixed, are yet to be built; each says so, as the library alone would not."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc

from router_service.errors import InvalidRequest
from router_service.faces.auth import Keys
from router_service.faces.grpc import experiments, live_status
from router_service.faces.grpc.answering import answering
from router_service.faces.grpc.caller import Caller, Context
from router_service.serving.ports import RequestService
from router_service.v1 import admin_pb2, admin_pb2_grpc


async def refuse_unbuilt(rpc: str, context: Context) -> NoReturn:
    """Ends the call UNIMPLEMENTED."""
    await context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        f"{rpc} is defined but not built in this version of the router; its messages will not "
        "change when it is",
    )


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """The servicer. Method names are the RPCs'; their contract is in proto/."""

    def __init__(self, requests: RequestService, keys: Keys) -> None:
        self.keys = keys
        self.requests = requests

    @answering
    async def GetStatus(  # noqa: N802
        self, request: admin_pb2.GetStatusRequest, _caller: Caller, _context: Context
    ) -> admin_pb2.GetStatusResponse:
        figures = self.requests.status()
        return live_status.status(figures, with_deployments=request.include_deployments)

    async def ReloadConfig(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("ReloadConfig", context)

    async def SetProviderState(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("SetProviderState", context)

    async def SwitchModel(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("SwitchModel", context)

    @answering
    async def GetExperimentStats(  # noqa: N802
        self, request: admin_pb2.GetExperimentStatsRequest, _caller: Caller, _context: Context
    ) -> admin_pb2.GetExperimentStatsResponse:
        figures = self._figures(request.experiment)
        return admin_pb2.GetExperimentStatsResponse(
            experiments=[experiments.stats(one) for one in figures]
        )

    @answering
    async def ResetExperimentStats(  # noqa: N802
        self, request: admin_pb2.ResetExperimentStatsRequest, _caller: Caller, _context: Context
    ) -> admin_pb2.ResetExperimentStatsResponse:
        self._figures(request.experiment)
        reset = self.requests.reset_experiments(request.experiment or None)
        return admin_pb2.ResetExperimentStatsResponse(experiments=reset)

    def _figures(self, name: str) -> list[dict[str, Any]]:
        """Those of the experiment named, or of all. Raises InvalidRequest for an unknown one."""
        every: list[dict[str, Any]] = self.requests.experiments()["experiments"]
        found = [one for one in every if name in ("", one["name"])]
        if name and not found:
            known = ", ".join(one["name"] for one in every) or "none"
            raise InvalidRequest(
                f"experiment: none is called {name[:100]!r}; the config defines: {known}",
                "experiment",
            )
        return found

    async def WatchDecisions(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("WatchDecisions", context)

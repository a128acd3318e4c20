"""AdminService, whose messages are fixed and whose calls are yet to be built.
Until then each of them says so, in place of the library's bare refusal."""

from __future__ import annotations

from typing import Any, NoReturn

import grpc

from router_service.faces.grpc.caller import Context
from router_service.v1 import admin_pb2_grpc


async def refuse_unbuilt(rpc: str, context: Context) -> NoReturn:
    """Ends the call UNIMPLEMENTED."""
    await context.abort(
        grpc.StatusCode.UNIMPLEMENTED,
        f"{rpc} is defined but not built in this version of the router; its messages will not "
        "change when it is",
    )


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """The servicer. Method names are the RPCs'; their contract is in proto/."""

    async def GetStatus(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("GetStatus", context)

    async def ReloadConfig(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("ReloadConfig", context)

    async def SetProviderState(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("SetProviderState", context)

    async def SwitchModel(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("SwitchModel", context)

    async def GetExperimentStats(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("GetExperimentStats", context)

    async def ResetExperimentStats(  # noqa: N802
        self, _request: Any, context: Context
    ) -> NoReturn:
        await refuse_unbuilt("ResetExperimentStats", context)

    async def WatchDecisions(self, _request: Any, context: Context) -> NoReturn:  # noqa: N802
        await refuse_unbuilt("WatchDecisions", context)

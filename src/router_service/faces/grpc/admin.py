"""AdminService: what the router is doing now and what it decides, experiments, reloads, providers
in and out of use, switches."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from router_service.errors import InvalidRequest
from router_service.faces.auth import Keys
from router_service.faces.grpc import experiments, limits, live_status, operations, watching
from router_service.faces.grpc.answering import answering
from router_service.faces.grpc.caller import Caller, Context
from router_service.faces.grpc.draining import unless_draining
from router_service.faces.grpc.replies import DecisionWriter
from router_service.faces.grpc.sending import write
from router_service.serving.ports import OperatorService, RequestService
from router_service.serving.watchers import Watcher
from router_service.v1 import admin_pb2, admin_pb2_grpc


class AdminService(admin_pb2_grpc.AdminServiceServicer):
    """The servicer. Method names are the RPCs'; their contract is in proto/."""

    def __init__(
        self,
        requests: RequestService,
        operations: OperatorService,
        keys: Keys,
        write_timeout_s: float,
    ) -> None:
        self.keys = keys
        self._write_timeout_s = write_timeout_s
        self.requests = requests
        self._operations = operations
        self._write = DecisionWriter(requests, with_addresses=False)

    @answering
    async def GetStatus(  # noqa: N802
        self, request: admin_pb2.GetStatusRequest, _caller: Caller, _context: Context
    ) -> admin_pb2.GetStatusResponse:
        figures = self.requests.status()
        reply = live_status.status(figures, with_deployments=request.include_deployments)
        config = self._operations.config_in_use()
        reply.rolled_back = config.rolled_back
        reply.kept_configs.extend(operations.kept_configs(config))
        return reply

    @answering
    async def ReloadConfig(  # noqa: N802
        self, request: admin_pb2.ReloadConfigRequest, _caller: Caller, _context: Context
    ) -> admin_pb2.ReloadConfigResponse:
        version = limits.name(request.rollback_to, "rollback_to")
        if version:
            reload = await self._operations.rollback(version, dry_run=request.dry_run)
        else:
            reload = await self._operations.reload(dry_run=request.dry_run)
        return operations.reloaded(reload)

    @answering
    async def SetProviderState(  # noqa: N802
        self, request: admin_pb2.SetProviderStateRequest, caller: Caller, _context: Context
    ) -> admin_pb2.SetProviderStateResponse:
        wanted = operations.provider_state(request)
        figures = self._operations.set_provider_state(
            wanted.provider,
            wanted.state,
            reason=wanted.reason,
            duration_us=wanted.duration_us,
            operator=caller.principal,
        )
        status = live_status.provider(request.provider, figures)
        return admin_pb2.SetProviderStateResponse(provider=status)

    @answering
    async def SwitchModel(  # noqa: N802
        self, request: admin_pb2.SwitchModelRequest, caller: Caller, context: Context
    ) -> None:
        wanted = operations.switch(request)
        stages = self._operations.switch_model(
            wanted.target, timeout_s=wanted.timeout_s, operator=caller.principal
        )
        async with aclosing(stages):
            async for progress in stages:
                await write(context, operations.switching(progress), self._write_timeout_s)

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

    @answering
    async def WatchDecisions(  # noqa: N802
        self, request: admin_pb2.WatchDecisionsRequest, _caller: Caller, context: Context
    ) -> None:
        with self.requests.watch(watching.wanted(request)) as watcher:
            # So that a watcher knows from when on it sees everything.
            await context.send_initial_metadata((("watching", "true"),))
            await unless_draining(
                self._show_each(watcher, context),
                self.requests.ready,
                "this router is stopping; watch another one, or this one later",
            )

    async def _show_each(self, watcher: Watcher, context: Context) -> None:
        while True:
            watched, missed = await watcher.next()
            message = watching.shown(watched, missed, self._write)
            await write(context, message, self._write_timeout_s)

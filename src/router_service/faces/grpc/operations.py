"""Operations on a running router in the wire's terms: what is wanted of a provider, checked, and
what became of a reload."""

from __future__ import annotations

from dataclasses import dataclass

from router_service.errors import InvalidRequest
from router_service.faces.grpc import limits
from router_service.serving.ports import ConfigInUse, Finding, Reload, SwitchProgress, SwitchStage
from router_service.v1 import admin_pb2

_STATES = {
    admin_pb2.PROVIDER_STATE_ENABLED: "enabled",
    admin_pb2.PROVIDER_STATE_DRAINING: "draining",
    admin_pb2.PROVIDER_STATE_DISABLED: "disabled",
}
_STAGES: dict[SwitchStage, admin_pb2.SwitchStage] = {
    "draining": admin_pb2.SWITCH_STAGE_DRAINING,
    "switching": admin_pb2.SWITCH_STAGE_SWITCHING,
    "waiting_for_health": admin_pb2.SWITCH_STAGE_WAITING_FOR_HEALTH,
    "active": admin_pb2.SWITCH_STAGE_ACTIVE,
}
_SEVERITIES = {
    "error": admin_pb2.SEVERITY_ERROR,
    "warning": admin_pb2.SEVERITY_WARNING,
}


@dataclass(frozen=True, slots=True)
class ProviderState:
    """What an operator wants of a provider."""

    provider: str
    state: str
    reason: str
    duration_us: int | None


def provider_state(request: admin_pb2.SetProviderStateRequest) -> ProviderState:
    """Raises InvalidRequest naming the field at fault."""
    provider = limits.name(request.provider, "provider")
    if not provider:
        raise InvalidRequest("provider: empty; name the provider's id", "provider")
    state = _STATES.get(request.state)
    if state is None:
        raise InvalidRequest(
            "state: not set; send PROVIDER_STATE_ENABLED, PROVIDER_STATE_DRAINING or "
            "PROVIDER_STATE_DISABLED",
            "state",
        )
    duration_us = None
    if request.HasField("duration_us"):
        if state == "enabled":
            raise InvalidRequest(
                "duration_us: a provider is enabled until told otherwise; leave it out",
                "duration_us",
            )
        duration_us = limits.number(request.duration_us, 1, limits.MAX_HOLD_US, "duration_us")
    return ProviderState(provider, state, limits.name(request.reason, "reason"), duration_us)


@dataclass(frozen=True, slots=True)
class Switch:
    """What an operator wants to be active; without a timeout the config's counts."""

    target: str
    timeout_s: float | None


def switch(request: admin_pb2.SwitchModelRequest) -> Switch:
    """Raises InvalidRequest naming the field at fault."""
    target = limits.name(request.target, "target")
    if not target:
        raise InvalidRequest(
            "target: empty; name the member that should be active: its provider id, its model or "
            "a short name such as `qwen`",
            "target",
        )
    timeout_s = None
    if request.HasField("timeout_us"):
        most_us = limits.MAX_DURATION_US
        timeout_s = limits.number(request.timeout_us, 1, most_us, "timeout_us") / 1e6
    return Switch(target, timeout_s)


def switching(progress: SwitchProgress) -> admin_pb2.SwitchModelResponse:
    return admin_pb2.SwitchModelResponse(
        stage=_STAGES[progress.stage],
        previous=progress.previous,
        next=progress.next,
        elapsed_us=progress.elapsed_us,
        message=progress.message,
    )


def reloaded(reload: Reload) -> admin_pb2.ReloadConfigResponse:
    return admin_pb2.ReloadConfigResponse(
        accepted=reload.accepted,
        table_version=reload.table_version,
        previous_version=reload.previous_version,
        diagnostics=map(_diagnostic, reload.findings),
        changes=reload.changes,
        rolled_back=reload.rolled_back,
    )


def kept_configs(config: ConfigInUse) -> list[admin_pb2.KeptConfig]:
    return [
        admin_pb2.KeptConfig(version=one.version, since_us=one.since_us, in_use=one.in_use)
        for one in config.kept
    ]


def _diagnostic(finding: Finding) -> admin_pb2.ConfigDiagnostic:
    return admin_pb2.ConfigDiagnostic(
        severity=_SEVERITIES[finding.severity],
        code=finding.code,
        file=finding.file,
        line=finding.line,
        column=finding.column,
        pointer=finding.pointer,
        message=finding.message,
        suggestion=finding.suggestion or "",
    )

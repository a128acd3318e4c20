"""Operations on a running router in the wire's terms: what is wanted of a provider, checked, and
what became of a reload."""

from __future__ import annotations

from dataclasses import dataclass

from router_service.errors import InvalidRequest
from router_service.faces.grpc import limits
from router_service.serving.ports import Finding, Reload
from router_service.v1 import admin_pb2

_STATES = {
    admin_pb2.PROVIDER_STATE_ENABLED: "enabled",
    admin_pb2.PROVIDER_STATE_DRAINING: "draining",
    admin_pb2.PROVIDER_STATE_DISABLED: "disabled",
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


def reloaded(reload: Reload) -> admin_pb2.ReloadConfigResponse:
    return admin_pb2.ReloadConfigResponse(
        accepted=reload.accepted,
        table_version=reload.table_version,
        previous_version=reload.previous_version,
        diagnostics=map(_diagnostic, reload.findings),
    )


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

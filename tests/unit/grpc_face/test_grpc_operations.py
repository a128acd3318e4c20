"""SetProviderState and ReloadConfig: what is asked for reaches the operations, and what is not
understood is refused with its field."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from router_service.config.diagnostics import LocatedDiagnostic
from router_service.errors import UnknownProvider
from router_service.faces.auth import Keys
from router_service.serving.ports import Reload
from router_service.v1 import admin_pb2

from .test_grpc_errors import unpacked

Code = grpc.StatusCode
ENABLED = admin_pb2.PROVIDER_STATE_ENABLED
DRAINING = admin_pb2.PROVIDER_STATE_DRAINING
DISABLED = admin_pb2.PROVIDER_STATE_DISABLED
YEAR_US = 366 * 86_400_000_000


def setting(provider: str = "held", **fields: Any) -> admin_pb2.SetProviderStateRequest:
    return admin_pb2.SetProviderStateRequest(provider=provider, **fields)


@pytest.mark.parametrize("keys", [Keys({"secret": "ann"})])
async def test_the_state_reaches_the_operations_with_who_wants_it(
    face: Any, operations: Any
) -> None:
    call = face.admin.SetProviderState
    metadata = (("x-api-key", "secret"),)
    reply = await call(
        setting(state=DRAINING, reason="new memory", duration_us=5), metadata=metadata
    )
    await call(setting(state=DISABLED), metadata=metadata)
    await call(setting(state=ENABLED), metadata=metadata)
    assert operations.wanted == [
        ("held", "draining", "new memory", 5, "ann"),
        ("held", "disabled", "", None, "ann"),
        ("held", "enabled", "", None, "ann"),
    ]
    assert (reply.provider.id, reply.provider.state) == ("held", DRAINING)
    assert (reply.provider.in_flight, reply.provider.reason) == (
        2,
        "drained by an operator: new memory",
    )


@pytest.mark.parametrize(
    ("request_", "field"),
    [
        (setting("", state=DRAINING), "provider"),
        (setting("p" * 513, state=DRAINING), "provider"),
        (setting(), "state"),
        (setting(state=9), "state"),
        (setting(state=DRAINING, reason="r" * 513), "reason"),
        (setting(state=DRAINING, duration_us=0), "duration_us"),
        (setting(state=DISABLED, duration_us=-1), "duration_us"),
        (setting(state=DISABLED, duration_us=YEAR_US + 1), "duration_us"),
        (setting(state=ENABLED, duration_us=1), "duration_us"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_field(
    face: Any, operations: Any, request_: Any, field: str
) -> None:
    code, message, details, _ = await face.failure(face.admin.SetProviderState(request_))
    assert code is Code.INVALID_ARGUMENT
    assert message.startswith(f"{field}: ")
    violations = unpacked(details, error_details_pb2.BadRequest()).field_violations
    assert [violation.field for violation in violations] == [field]
    assert operations.wanted == []


async def test_an_unknown_provider_is_not_found(face: Any, operations: Any) -> None:
    operations.error = UnknownProvider("no provider is called so", ["held", "ollama"])
    call = face.admin.SetProviderState(setting("hold", state=DRAINING))
    code, message, details, _ = await face.failure(call)
    assert (code, message) == (Code.NOT_FOUND, "no provider is called so")
    info = unpacked(details[:1], error_details_pb2.ErrorInfo())
    assert info.reason == "UNKNOWN_PROVIDER"


async def test_a_reload_tells_versions_and_findings(face: Any, operations: Any) -> None:
    finding = LocatedDiagnostic("f.yaml", 3, 7, "error", "unknown-key", "what", "fix", "/models/m")
    bare = LocatedDiagnostic("f.yaml", 1, 1, "warning", "odd", "hm")
    operations.outcome = Reload(False, "00ff", "00ff", (finding, bare))
    reply = await face.admin.ReloadConfig(admin_pb2.ReloadConfigRequest(dry_run=True))
    assert operations.dry_runs == [True]
    assert reply == admin_pb2.ReloadConfigResponse(
        accepted=False,
        table_version="00ff",
        previous_version="00ff",
        diagnostics=[
            admin_pb2.ConfigDiagnostic(
                severity=admin_pb2.SEVERITY_ERROR,
                code="unknown-key",
                file="f.yaml",
                line=3,
                column=7,
                pointer="/models/m",
                message="what",
                suggestion="fix",
            ),
            admin_pb2.ConfigDiagnostic(
                severity=admin_pb2.SEVERITY_WARNING,
                code="odd",
                file="f.yaml",
                line=1,
                column=1,
                message="hm",
            ),
        ],
    )


async def test_going_back_is_not_built(face: Any, operations: Any) -> None:
    request = admin_pb2.ReloadConfigRequest(rollback_to="00ff")
    code, message, _, _ = await face.failure(face.admin.ReloadConfig(request))
    assert code is Code.UNIMPLEMENTED
    assert message.startswith("rollback_to: ")
    assert operations.dry_runs == []


@pytest.mark.parametrize("keys", [Keys({"secret": "ann"})])
async def test_a_key_is_asked_for(face: Any, operations: Any) -> None:
    for call in (
        face.admin.ReloadConfig(admin_pb2.ReloadConfigRequest()),
        face.admin.SetProviderState(setting(state=DRAINING)),
    ):
        assert (await face.failure(call))[0] is Code.UNAUTHENTICATED
    assert (operations.dry_runs, operations.wanted) == ([], [])

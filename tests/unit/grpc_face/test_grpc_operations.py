"""SetProviderState and ReloadConfig: what is asked for reaches the operations, and what is not
understood is refused with its field."""

from __future__ import annotations

from typing import Any

import grpc
import pytest
from google.rpc import error_details_pb2

from router_service.config.diagnostics import LocatedDiagnostic
from router_service.errors import RollbackRefused, UnknownProvider
from router_service.faces.auth import Keys
from router_service.serving.ports import ConfigInUse, KeptConfig, Reload
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


async def test_going_back_reaches_the_operations_and_tells_what_changed(
    face: Any, operations: Any
) -> None:
    operations.outcome = Reload(True, "00ff", "00fe", (), ("provider a: added",), rolled_back=True)
    reply = await face.admin.ReloadConfig(admin_pb2.ReloadConfigRequest(rollback_to="previous"))
    assert reply == admin_pb2.ReloadConfigResponse(
        accepted=True,
        table_version="00ff",
        previous_version="00fe",
        changes=["provider a: added"],
        rolled_back=True,
    )
    request = admin_pb2.ReloadConfigRequest(rollback_to="00ff", dry_run=True)
    await face.admin.ReloadConfig(request)
    assert operations.rollbacks == [("previous", False), ("00ff", True)]
    assert operations.dry_runs == []


async def test_a_version_that_is_not_kept_is_refused(face: Any, operations: Any) -> None:
    operations.error = RollbackRefused("no version '00ff' is kept; there are: 00fe")
    request = admin_pb2.ReloadConfigRequest(rollback_to="00ff")
    code, message, details, _ = await face.failure(face.admin.ReloadConfig(request))
    assert (code, message) == (Code.FAILED_PRECONDITION, str(operations.error))
    (violation,) = unpacked(details, error_details_pb2.BadRequest()).field_violations
    assert violation.field == "rollback_to"


async def test_the_status_tells_which_configs_are_kept(face: Any, operations: Any) -> None:
    operations.in_use = ConfigInUse(
        True, (KeptConfig("00fe", 5, True), KeptConfig("00ff", 6, False))
    )
    reply = await face.admin.GetStatus(admin_pb2.GetStatusRequest())
    assert reply.rolled_back
    assert list(reply.kept_configs) == [
        admin_pb2.KeptConfig(version="00fe", since_us=5, in_use=True),
        admin_pb2.KeptConfig(version="00ff", since_us=6),
    ]


async def test_a_switch_tells_each_stage(face: Any, operations: Any) -> None:
    request = admin_pb2.SwitchModelRequest(target="dolphin", timeout_us=1_500_000)
    replies = [reply async for reply in face.admin.SwitchModel(request)]
    assert [reply.stage for reply in replies] == [
        admin_pb2.SWITCH_STAGE_DRAINING,
        admin_pb2.SWITCH_STAGE_SWITCHING,
        admin_pb2.SWITCH_STAGE_WAITING_FOR_HEALTH,
        admin_pb2.SWITCH_STAGE_ACTIVE,
    ]
    last = replies[-1]
    assert (last.previous, last.next, last.elapsed_us, last.message) == ("a", "b", 5, "a remark")
    assert [(target, timeout_s) for target, timeout_s, _ in operations.switches] == [
        ("dolphin", 1.5)
    ]


async def test_a_switch_that_fails_ends_with_why(face: Any, operations: Any) -> None:
    operations.fails_at = "waiting_for_health"
    call = face.admin.SwitchModel(admin_pb2.SwitchModelRequest(target="dolphin"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        _ = [reply async for reply in call]
    assert caught.value.code() is Code.ABORTED
    assert caught.value.details() == "it did not start; a is the active member again"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({}, "target"),
        ({"target": "t" * 513}, "target"),
        ({"target": "t", "timeout_us": 0}, "timeout_us"),
        ({"target": "t", "timeout_us": 86_400_000_001}, "timeout_us"),
    ],
)
async def test_a_switch_that_makes_no_sense_is_refused(
    face: Any, operations: Any, fields: dict[str, Any], field: str
) -> None:
    call = face.admin.SwitchModel(admin_pb2.SwitchModelRequest(**fields))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        _ = [reply async for reply in call]
    assert caught.value.code() is Code.INVALID_ARGUMENT
    assert caught.value.details().startswith(f"{field}: ")
    assert operations.switches == []


@pytest.mark.parametrize("keys", [Keys({"secret": "ann"})])
async def test_a_key_is_asked_for(face: Any, operations: Any) -> None:
    for call in (
        face.admin.ReloadConfig(admin_pb2.ReloadConfigRequest()),
        face.admin.SetProviderState(setting(state=DRAINING)),
    ):
        assert (await face.failure(call))[0] is Code.UNAUTHENTICATED
    assert (operations.dry_runs, operations.wanted) == ([], [])

"""grpcurl, which knows the API only by reflection: lists, describes, routes, drains, reloads, and
asks for health."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router_service.testing import FakeFleet, expected_text

from .conftest import API_KEY
from .programs import output_of
from .router import RunningRouter

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(180),
    pytest.mark.asyncio(loop_scope="session"),
]

SERVICE = "router_service.v1.RouterService"
ADMIN = "router_service.v1.AdminService"
OPTIONS = ("-plaintext", "-max-time", "60")


async def call(grpcurl: Path, router: RunningRouter, method: str, request: Any) -> Any:
    data = ("-d", json.dumps(request))
    return json.loads(await output_of(grpcurl, *OPTIONS, *data, router.grpc, method))


async def test_the_services_are_listed(
    fleet: FakeFleet, fleet_router: RunningRouter, grpcurl: Path
) -> None:
    services = (await output_of(grpcurl, *OPTIONS, fleet_router.grpc, "list")).split()
    assert {SERVICE, ADMIN, "grpc.health.v1.Health"} <= set(services)
    methods = (await output_of(grpcurl, *OPTIONS, fleet_router.grpc, "list", SERVICE)).split()
    assert {f"{SERVICE}.{name}" for name in ("Route", "Generate", "GenerateStream")} <= set(methods)


async def test_a_message_is_described(
    fleet: FakeFleet, fleet_router: RunningRouter, grpcurl: Path
) -> None:
    message = "router_service.v1.RouteRequest"
    described = await output_of(grpcurl, *OPTIONS, fleet_router.grpc, "describe", message)
    assert f"{message} is a message" in described
    assert "include_candidates" in described


async def test_route(fleet: FakeFleet, fleet_router: RunningRouter, grpcurl: Path) -> None:
    request = {"model": "code", "prompt": "print hello", "max_tokens": 50}
    answer = await call(grpcurl, fleet_router, f"{SERVICE}/Route", request)
    decision = answer["decision"]
    assert (decision["rule"], decision["complexity"]) == ("RULE_CAPABILITY", "COMPLEXITY_LOW")
    first = decision["targets"][0]
    assert (first["model"], first["provider"]["id"]) == ("qwen2.5-coder:7b", "ollama")
    assert first["provider"]["base_url"] == fleet.addresses["ollama"]
    assert first["permit"]
    report = {"permit": first["permit"], "outcome": {"outcome_class": "OUTCOME_CLASS_SUCCESS"}}
    told = [await call(grpcurl, fleet_router, f"{SERVICE}/ReportOutcome", report) for _ in range(2)]
    assert [answer["status"] for answer in told] == [
        "REPORT_STATUS_ACCEPTED",
        "REPORT_STATUS_DUPLICATE",
    ]


async def test_generate(fleet: FakeFleet, fleet_router: RunningRouter, grpcurl: Path) -> None:
    request = {"model": "llama3.1:8b", "prompt": "hello"}
    answer = await call(grpcurl, fleet_router, f"{SERVICE}/Generate", request)
    assert answer["text"] == expected_text("llama3.1:latest", "hello")
    assert answer["served"]["model"] == "llama3.1:latest"


async def test_health(fleet: FakeFleet, fleet_router: RunningRouter, grpcurl: Path) -> None:
    for name in ("", SERVICE):
        request = {"service": name}
        answer = await call(grpcurl, fleet_router, "grpc.health.v1.Health/Check", request)
        assert answer == {"status": "SERVING"}


async def test_drain_and_reload(
    fleet: FakeFleet, fleet_router: RunningRouter, grpcurl: Path
) -> None:
    wanted = {"provider": "ollama", "state": "PROVIDER_STATE_DRAINING", "reason": "new memory"}
    told = (await call(grpcurl, fleet_router, f"{ADMIN}/SetProviderState", wanted))["provider"]
    assert told["state"] == "PROVIDER_STATE_DRAINING"
    assert told["reason"] == "drained by an operator: new memory"
    reload = await call(grpcurl, fleet_router, f"{ADMIN}/ReloadConfig", {})
    assert reload["accepted"] is True
    assert reload["table_version"] == reload["previous_version"]
    answer = await call(
        grpcurl, fleet_router, f"{SERVICE}/Route", {"model": "code", "prompt": "print hello"}
    )
    first = answer["decision"]["targets"][0]
    assert first["provider"]["id"] != "ollama"
    wanted = {"provider": "ollama", "state": "PROVIDER_STATE_ENABLED"}
    told = (await call(grpcurl, fleet_router, f"{ADMIN}/SetProviderState", wanted))["provider"]
    assert told["state"] == "PROVIDER_STATE_ENABLED"


async def test_a_key_is_asked_for(
    fleet: FakeFleet, guarded_router: RunningRouter, grpcurl: Path
) -> None:
    request = ("-d", '{"model": "code"}', guarded_router.grpc, f"{SERVICE}/Route")
    with pytest.raises(AssertionError, match="Unauthenticated"):
        await output_of(grpcurl, *OPTIONS, *request)
    keys = ("-H", f"authorization: Bearer {API_KEY}")
    answer = json.loads(await output_of(grpcurl, *OPTIONS, *keys, *request))
    assert answer["decision"]["targets"]

"""GetStatus: what the request service says of the fleet, as messages."""

from __future__ import annotations

from typing import Any

import grpc
import pytest

from router_service import __version__
from router_service.faces.auth import Keys
from router_service.v1 import admin_pb2, types_pb2

Provider = admin_pb2.ProviderStatus
Deployment = admin_pb2.DeploymentStatus
ENABLED, DISABLED = admin_pb2.PROVIDER_STATE_ENABLED, admin_pb2.PROVIDER_STATE_DISABLED
OUT_UNTIL_US = 1_700_000_000_000_000


async def status(face: Any, *, include_deployments: bool = False) -> admin_pb2.GetStatusResponse:
    request = admin_pb2.GetStatusRequest(include_deployments=include_deployments)
    reply: admin_pb2.GetStatusResponse = await face.admin.GetStatus(request)
    return reply


async def test_the_process_and_every_provider_in_order(face: Any) -> None:
    reply = await status(face)
    assert (reply.instance, reply.version) == ("abcd", __version__)
    assert (reply.table_version, reply.started_us) == ("00ff00ff00ff00ff", 1_600_000_000_000_000)
    assert (reply.draining, reply.in_flight) == (False, 3)
    vllm, local = types_pb2.PROVIDER_KIND_VLLM, types_pb2.LOCATION_LOCAL
    openai, cloud = types_pb2.PROVIDER_KIND_OPENAI, types_pb2.LOCATION_CLOUD
    assert list(reply.providers) == [
        Provider(
            id="ollama",
            kind=types_pb2.PROVIDER_KIND_OLLAMA,
            location=local,
            state=ENABLED,
            active=True,
            health=admin_pb2.HEALTH_HEALTHY,
            in_flight=4,
            capacity=4,
            saturated=True,
        ),
        Provider(
            id="gpu-a",
            kind=vllm,
            location=local,
            state=ENABLED,
            active=True,
            health=admin_pb2.HEALTH_COOLING_DOWN,
            capacity=4,
            cooldown_until_us=OUT_UNTIL_US,
            reason="errors or a rate limit",
            exclusive_group="gpu0",
        ),
        Provider(
            id="gpu-b",
            kind=vllm,
            location=local,
            state=DISABLED,
            health=admin_pb2.HEALTH_HEALTHY,
            capacity=4,
            reason="inactive member of the exclusive group gpu0",
            exclusive_group="gpu0",
        ),
        Provider(
            id="far",
            kind=openai,
            location=cloud,
            state=ENABLED,
            active=True,
            health=admin_pb2.HEALTH_HALF_OPEN,
            capacity=4,
        ),
        Provider(
            id="off",
            kind=openai,
            location=local,
            state=DISABLED,
            health=admin_pb2.HEALTH_HEALTHY,
            capacity=4,
            reason="disabled",
        ),
        Provider(
            id="held",
            kind=types_pb2.PROVIDER_KIND_OLLAMA,
            location=local,
            state=admin_pb2.PROVIDER_STATE_DRAINING,
            active=True,
            health=admin_pb2.HEALTH_COOLING_DOWN,
            in_flight=2,
            capacity=4,
            cooldown_until_us=OUT_UNTIL_US,
            reason="drained by an operator: new memory",
        ),
    ]
    assert list(reply.deployments) == []


async def test_deployments_where_asked_for(face: Any) -> None:
    deployments = (await status(face, include_deployments=True)).deployments
    passthrough, measured, unmeasured, of_one_out, disabled, held, out = deployments
    assert (passthrough.id, passthrough.model, passthrough.weight) == ("*@ollama", "", 1.0)
    assert measured == Deployment(
        id="m@ollama",
        model="m",
        provider="ollama",
        weight=0.6 / 0.8,
        health=admin_pb2.HEALTH_HEALTHY,
        in_flight=2,
        outcomes=8,
        success_rate=0.75,
        ttft_p50_us=20_000,
        ttft_p95_us=90_000,
    )
    assert unmeasured.health == admin_pb2.HEALTH_RECOVERING
    assert unmeasured.weight == pytest.approx(0.25)
    fields = ("success_rate", "ttft_p50_us", "ttft_p95_us")
    assert not any(unmeasured.HasField(name) for name in fields)
    assert [one.weight for one in (of_one_out, disabled, held, out)] == [0.0] * 4
    assert out.cooldown_until_us == OUT_UNTIL_US + 1


@pytest.mark.parametrize("keys", [Keys({"secret": "ann"})])
async def test_a_key_is_asked_for(face: Any) -> None:
    code, _, _, _ = await face.failure(face.admin.GetStatus(admin_pb2.GetStatusRequest()))
    assert code is grpc.StatusCode.UNAUTHENTICATED


async def test_what_the_budgets_hold(face: Any) -> None:
    spending = (await status(face)).spending
    purse = admin_pb2.Purse(spent_usd=4.5, set_aside_usd=0.25)
    assert spending == admin_pb2.CloudSpending(
        day=admin_pb2.Purse(spent_usd=4.5, set_aside_usd=0.25, limit_usd=5.0),
        day_ends_us=1_700_006_400_000_000,
        callers=[admin_pb2.CallerSpending(caller="billing", purse=purse)],
        requests=400,
        fallbacks_to_cloud=20,
        fallback_limit=0.1,
    )


async def test_without_budgets_there_is_no_spending(
    face: Any, requests: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures = requests.status() | {"spending": None}
    monkeypatch.setattr(requests, "status", lambda: figures)
    assert not (await status(face)).HasField("spending")

"""Budgets on cloud spending: when they are spent, requests stay local or are refused, and both the
caller and the operator are told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol

import pytest
from google.protobuf import json_format

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.v1 import admin_pb2

from . import small_fleet
from .callers import chat
from .routers import InProcessRouter, in_process

PRICE = {"usd_per_1k_completion_tokens": 1.0}
"""A tenth of a cent a token."""
KEYS = {"ann": "s3cret-key-of-ann", "bob": "s3cret-key-of-bob"}


class Budgeted(Protocol):
    """A router whose provider `first` is in the cloud and has a price."""

    def __call__(self, **budgets: Any) -> AbstractAsyncContextManager[InProcessRouter]: ...


@pytest.fixture
def budgeted(fleet: FakeFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Budgeted:
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)

    def running(**budgets: Any) -> AbstractAsyncContextManager[InProcessRouter]:
        document = small_fleet.routing(fleet.addresses, budgets=budgets)
        document["providers"]["first"] |= {"location": "cloud", "price": PRICE}
        return in_process(small_fleet.written(document, tmp_path / "budgets.yaml"), tmp_path)

    return running


@pytest.fixture
async def three_cents_a_day(budgeted: Budgeted) -> AsyncIterator[InProcessRouter]:
    async with budgeted(cloud_usd_per_day=0.03) as running:
        yield running


async def spending(router: InProcessRouter) -> dict[str, Any]:
    """What GetStatus says."""
    reply = await router.grpc.admin.GetStatus(admin_pb2.GetStatusRequest())
    return json_format.MessageToDict(reply.spending, preserving_proto_field_name=True)


async def test_a_spent_day_keeps_requests_local_and_says_so(
    three_cents_a_day: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    caller = three_cents_a_day.face(face)
    usage = {"stream_options": {"include_usage": True}} if stream else {}
    request = chat("alpha", stream=stream, max_tokens=20, **usage)
    first = await caller.ask(request)
    assert (first.whole, first.provider) == (True, "first")
    # The provider's own count, not the twenty tokens that were set aside.
    assert first.usage is not None
    cost = first.usage[1] / 1_000
    assert 0 < cost < 0.02
    assert (await spending(three_cents_a_day))["day"]["spent_usd"] == pytest.approx(cost)
    reply, asked = first, 0
    while reply.provider == "first":
        asked += 1
        reply = await caller.ask(request, headers={"x-request-id": f"budget-{asked}"})
    assert (reply.whole, reply.provider, reply.attempts) == (True, "second", 1)
    day = (await spending(three_cents_a_day))["day"]
    assert day["spent_usd"] <= day["limit_usd"] == 0.03
    last = await three_cents_a_day.access_log.of(f"budget-{asked}")
    (note,) = last["notes"]
    assert note.startswith("stays local: the request may cost 0.02 USD")


async def test_with_nothing_local_it_is_refused_until_midnight(
    three_cents_a_day: InProcessRouter, fleet: FakeFleet, face: str, stream: bool
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.NO_USAGE),)))
    caller = three_cents_a_day.face(face)
    assert (await caller.ask(chat("alone", stream=stream, max_tokens=30))).whole
    # Its provider counts no tokens, so the router does.
    assert 0.001 < (await spending(three_cents_a_day))["day"]["spent_usd"] < 0.03
    refused = await caller.ask(chat("alone", stream=stream, max_tokens=30))
    assert (refused.whole, refused.code) == (False, "budget_spent")
    assert refused.status == (429 if face == "http" else "RESOURCE_EXHAUSTED")
    assert "the request may cost 0.03 USD" in refused.message
    assert "ask for a local model" in refused.message
    if face == "http":
        assert 1 <= int(refused.headers["retry-after"]) <= 86_400
    assert len(await fleet["first"].log()) == 1


async def test_each_caller_has_its_own(
    budgeted: Budgeted, face: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = ",".join(f"{name}:{key}" for name, key in KEYS.items())
    monkeypatch.setenv("ROUTER_SERVICE_API_KEYS", keys)
    budgets = {"cloud_usd_per_day_per_caller": 0.01, "callers": {"bob": 0.005}}
    async with budgeted(**budgets) as router:

        async def served_by(name: str, tokens: int) -> str | None:
            headers = {"x-api-key": KEYS[name]}
            request = chat("alpha", max_tokens=tokens)
            return (await router.face(face).ask(request, headers=headers)).provider

        assert [await served_by("bob", 6), await served_by("ann", 6)] == ["second", "first"]
        async with router.http.session.get(
            f"{router.http.url}/metrics", headers={"x-api-key": KEYS["ann"]}
        ) as response:
            text = await response.text()
        assert 'router_cloud_caller_budget_usd{caller="ann"} 0.01' in text
        assert 'router_cloud_caller_spent_usd{caller="ann"} 0.00' in text
        assert 'caller="bob"' not in text, "it spent nothing"


async def test_a_failing_local_model_forces_no_more_fallback_than_allowed(
    budgeted: Budgeted, fleet: FakeFleet, face: str
) -> None:
    await fleet["second"].behave(Behaviour(faults=(Fault(FaultKind.STATUS, status=404),)))
    async with budgeted(cloud_fallback_share=0.1) as router:
        replies = [await router.face(face).ask(chat("native")) for _ in range(15)]
        in_cloud = [reply for reply in replies if reply.provider == "first"]
        assert len(in_cloud) == 10, "ten are always allowed"
        assert all(not reply.whole for reply in replies[10:])
        told = (await spending(router))["fallbacks_to_cloud"]
        assert (told, len(await fleet["first"].log())) == ("10", 10)

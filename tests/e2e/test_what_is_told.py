"""What each request leaves behind: [ROUTER] lines, one access log line, metrics, and its ids with
the provider."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind

from . import small_fleet
from .callers import chat
from .routers import InProcessRouter, in_process

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
async def forwarding(
    routing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[InProcessRouter]:
    """A router that hands one client header on."""
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)
    settings = {"forward_headers": ["x-tenant"]}
    async with in_process(routing, tmp_path, settings) as running:
        yield running


async def test_a_plain_request(router: InProcessRouter, face: str, stream: bool) -> None:
    reply = await router.face(face).ask(
        chat("alpha", stream=stream), headers={"x-request-id": "plain-1"}
    )
    logged = await router.access_log.of("plain-1")
    assert "[ROUTER] Model: alpha -> Provider: first (exact match)" in router.access_log.lines()
    expected = {
        "face": face,
        "operation": "chat",
        "stream": stream,
        "requested_model": "alpha",
        "decision_id": reply.decision_id,
        "rule": "exact",
        "matched": "alpha",
        "status": "ok",
        "error": None,
    }
    assert {name: logged[name] for name in expected} == expected
    (attempt,) = logged["attempts"]
    assert (attempt["provider"], attempt["outcome"], attempt["number"]) == ("first", "success", 1)
    assert logged["ttft_s"] <= logged["total_s"]
    assert not [line for line in router.access_log.lines() if "hello" in line]


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(FaultKind.STATUS, status=503), "503"),
        (Fault(FaultKind.STATUS, status=429), "429"),
        (Fault(FaultKind.REFUSE), "unreachable"),
        (Fault(FaultKind.STATUS, status=404), "404"),
    ],
    ids=["503", "429", "refused", "404"],
)
async def test_a_fallback(
    router: InProcessRouter, fleet: FakeFleet, face: str, fault: Fault, reason: str
) -> None:
    await fleet["first"].behave(Behaviour(faults=(fault,)))
    await router.face(face).ask(chat("alpha"), headers={"x-request-id": "fallen-1"})
    logged = await router.access_log.of("fallen-1")
    assert [line for line in router.access_log.lines() if not line.startswith("{")] == [
        "[ROUTER] Model: alpha -> Provider: first (exact match)",
        f"[ROUTER] Fallback triggered: first -> second ({reason})",
    ]
    assert [attempt["provider"] for attempt in logged["attempts"]] == ["first", "second"]
    assert logged["status"] == "ok"


async def test_a_failure_and_a_refusal(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.STATUS, status=503),)))
    caller = router.face(face)
    await caller.ask(chat("alone"), headers={"x-request-id": "failed-1"})
    await caller.ask(chat("nobody"), headers={"x-request-id": "unknown-1"})
    assert (await router.access_log.of("failed-1"))["status"] == "all_attempts_failed"
    unknown = await router.access_log.of("unknown-1")
    assert unknown["status"] == "unknown_model"
    assert (unknown["rule"], unknown["attempts"]) == (None, [])


async def test_a_break_after_content(router: InProcessRouter, fleet: FakeFleet, face: str) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.CUT, after_tokens=2),)))
    body = chat("alpha", stream=True)
    await router.face(face).ask(body, headers={"x-request-id": "broken-1"})
    logged = await router.access_log.of("broken-1")
    assert logged["status"] == "stream_broken"
    assert [attempt["outcome"] for attempt in logged["attempts"]] == ["stream_broken"]


async def test_ids_and_listed_headers_reach_every_provider_tried(
    forwarding: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.STATUS, status=503),)))
    sent = {
        "x-request-id": "traced-1",
        "traceparent": TRACE,
        "x-tenant": "blue",
        "x-secret-note": "not for others",
        "cookie": "a=b",
    }
    reply = await forwarding.face(face).ask(chat("alpha"), headers=sent)
    assert reply.attempts == 2
    for name in ("first", "second"):
        (entry,) = await fleet[name].log()
        assert entry.headers["x-request-id"] == "traced-1"
        assert entry.headers["traceparent"] == TRACE
        assert entry.headers["x-tenant"] == "blue"
        assert not {"x-secret-note", "cookie"} & entry.headers.keys()


async def test_a_providers_own_key_goes_to_it_alone(
    router: InProcessRouter, fleet: FakeFleet
) -> None:
    for model in ("alpha", "gamma"):
        assert (await router.http.ask(chat(model))).whole
    (to_first,), (to_third,) = await fleet["first"].log(), await fleet["third"].log()
    assert to_third.headers["authorization"] == f"Bearer {small_fleet.KEY}"
    assert "authorization" not in to_first.headers


async def test_the_metrics_count_what_the_log_tells(
    router: InProcessRouter, fleet: FakeFleet, face: str
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.STATUS, status=503),)))
    await router.face(face).ask(chat("alpha"))
    await router.face(face).ask(chat("beta"))
    await router.idle()
    async with router.http.session.get(f"{router.http.url}/metrics") as response:
        lines = (await response.text()).splitlines()
    assert f'router_requests_total{{face="{face}",operation="chat",status="ok"}} 2.0' in lines
    assert 'router_fallbacks_total{from="first",reason="unavailable",to="second"} 1.0' in lines, (
        lines
    )
    assert "router_fallback_success_total 1.0" in lines
    assert "router_overhead_seconds_count 2.0" in lines
    assert "router_decision_seconds_count 2.0" in lines

"""The decision log of a running router: every decision can be made again from it, and how each
request ended stands beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from router_service.config.routing import load_routing
from router_service.core import Replayer
from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.v1 import router_pb2, types_pb2

from . import small_fleet
from .callers import chat
from .routers import InProcessRouter, as_process, command, in_process, until

Record = dict[str, Any]
SECRET = "a word that nobody else says"


def read(path: Path) -> list[tuple[bytes, Record]]:
    return [(line, json.loads(line)) for line in path.read_bytes().splitlines(keepends=True)]


async def finished(path: Path, requests: int) -> list[tuple[bytes, Record]]:
    """The log once so many requests have ended in it."""

    def enough() -> bool:
        return sum(record["kind"] == "outcome" for _, record in read(path)) >= requests

    await until(enough, f"{requests} outcomes in {path}")
    return read(path)


def replayed(lines: list[tuple[bytes, Record]], routing: Path) -> int:
    """How many decisions there are; each is made again and compared."""
    table = load_routing(routing).table
    assert table is not None
    replayer, count = Replayer(table), 0
    for line, record in lines:
        if record["kind"] == "decision":
            again = json.loads(replayer.replay(line))
            assert again == {key: record[key] for key in ("decision", "refused") if key in record}
            count += 1
    return count


def of_kind(lines: list[tuple[bytes, Record]], kind: str) -> list[Record]:
    return [record for _, record in lines if record["kind"] == kind]


async def test_decisions_and_ends_are_there_and_replay(
    router: InProcessRouter, fleet: FakeFleet, routing: Path, tmp_path: Path
) -> None:
    failing = Behaviour(faults=(Fault(FaultKind.STATUS, status=503),))
    await fleet["first"].behave(failing)
    for number in range(10):
        reply = await router.face(("http", "grpc")[number % 2]).ask(
            chat("alpha", f"{SECRET} {number}", stream=number % 3 == 0)
        )
        assert reply.whole, reply
    path = tmp_path / "decisions.jsonl"
    lines = await finished(path, 10)
    assert replayed(lines, routing) == 10
    outcomes = of_kind(lines, "outcome")
    decisions = of_kind(lines, "decision")
    assert [d["decision_id"] for d in decisions] == [o["decision_id"] for o in outcomes]
    first = outcomes[0]
    assert first["status"] == "ok"
    assert first["request_id"]
    assert [a["provider"] for a in first["attempts"]] == ["first", "second"]
    cooling = decisions[-1]["view"]["deployments"]["alpha@first"]["standing"]["out_until_us"]
    assert cooling > decisions[-1]["now_us"], "what the failures did is in what was read"
    assert SECRET not in path.read_text()


async def test_a_route_callers_report_is_the_end_of_its_decision(
    router: InProcessRouter, routing: Path, tmp_path: Path
) -> None:
    stub = router.grpc.stub
    decision = (await stub.Route(router_pb2.RouteRequest(model="alpha"), timeout=5)).decision
    outcome = types_pb2.Outcome(
        outcome_class=types_pb2.OUTCOME_CLASS_SUCCESS, ttft_us=120_000, total_us=500_000
    )
    report = router_pb2.ReportOutcomeRequest(permit=decision.targets[0].permit, outcome=outcome)
    for _ in range(2):  # the second changes nothing, and is not written
        await stub.ReportOutcome(report, timeout=5)
    lines = await finished(tmp_path / "decisions.jsonl", 2)
    assert replayed(lines, routing) == 1
    routed, reported = sorted(of_kind(lines, "outcome"), key=lambda o: len(o["attempts"]))
    assert {routed["decision_id"], reported["decision_id"]} == {decision.decision_id}
    assert routed["request_id"]
    assert routed["attempts"] == []
    assert reported["operation"] == "report"
    assert reported["attempts"][0]["deployment"] == "alpha@first"
    assert (reported["ttft_s"], reported["total_s"]) == (0.12, 0.5)


async def test_a_refusal_is_a_decision_too(
    router: InProcessRouter, routing: Path, tmp_path: Path
) -> None:
    reply = await router.http.ask(chat("nobody-has-this"))
    assert reply.code == "model_not_found"
    await router.http.ask(chat("alpha"))
    lines = await finished(tmp_path / "decisions.jsonl", 1)
    assert replayed(lines, routing) == 2
    refused = of_kind(lines, "decision")[0]
    assert refused["decision_id"] is None
    assert refused["refused"]["code"] == "unknown_model"


async def test_bodies_are_there_where_they_are_asked_for(routing: Path, tmp_path: Path) -> None:
    path = tmp_path / "told.jsonl"
    settings = {"decision_log": {"file": str(path), "prompts": True}}
    async with in_process(routing, tmp_path, settings) as router:
        await router.http.ask(chat("beta", SECRET))
        await router.grpc.stub.Route(
            router_pb2.RouteRequest(model="beta", prompt=SECRET), timeout=5
        )
        lines = await finished(path, 2)
    answered, routed = of_kind(lines, "outcome")
    assert json.loads(answered["body"])["messages"][0]["content"] == SECRET
    assert routed["body"] == SECRET


async def test_a_killed_router_leaves_a_log_that_goes_on(
    routing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = {small_fleet.KEY_VARIABLE: small_fleet.KEY}
    path = tmp_path / "decisions.jsonl"
    async with as_process(routing, tmp_path, environment=environment) as router:
        await router.http.ask(chat("beta"))
        await finished(path, 1)
        router.process.kill()
        await router.process.wait()
    with path.open("ab") as log:  # as if it had been killed in the middle of a line
        log.write(b'{"kind":"decision","v":1,"dec')
    async with as_process(routing, tmp_path, environment=environment) as router:
        await router.http.ask(chat("beta"))
        router.process.terminate()
        assert await router.stopped() == 0
    *_, cut, decision, outcome = path.read_bytes().splitlines(keepends=True)
    assert cut == b'{"kind":"decision","v":1,"dec\n'
    assert json.loads(decision)["kind"] == "decision"
    assert json.loads(outcome)["status"] == "ok"


async def test_a_second_router_with_the_same_file_says_so(routing: Path, tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    async with in_process(routing, tmp_path):
        service = tmp_path / "second.json"
        service.write_text(json.dumps({"decision_log": {"file": str(path)}}))
        code, said = await command(
            "serve", "--config", str(routing), "--service-config", str(service)
        )
    assert code == 1
    assert f"decision log {path}: another process writes it" in said
    assert "set decision_log.file to a file that can be written, or to off" in said

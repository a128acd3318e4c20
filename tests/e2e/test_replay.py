"""Decisions of a running router replay to the last bit, whatever went on around them; and the same
log tells what another config would have done."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from router_service.cli import router_service
from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind
from router_service.v1 import admin_pb2, router_pb2, types_pb2

from . import small_fleet
from .callers import chat
from .routers import InProcessRouter, in_process

BATCHES, BATCH, WORKERS = 260, 40, 4
CHATS = 120
NAMES = (
    "alpha",
    "beta",
    "shared",
    "shared",
    "blend",
    "blend",
    "fast",
    "sized",
    "tasks",
    "nobody-has-this",
)
ILL = {"fourth", "fifth"}
OUTCOMES = ("SUCCESS",) * 12 + ("UNAVAILABLE", "RATE_LIMITED", "SERVER_ERROR", "CANCELLED")
"""Of callers that went to one that is ill."""
FAILING = Behaviour(faults=(Fault(FaultKind.STATUS, status=503, every=3),))


def routing(fleet: FakeFleet, weight: float = 1.0) -> dict[str, Any]:
    """Exact shares, a pool, a measuring capability, an experiment by session, preferences, and a
    budget that is spent on the way."""
    document = small_fleet.routing(fleet.addresses, patience_ms=5_000)
    equals = [{"provider": name} for name in ("second", "fourth", "fifth")]
    document["models"]["shared"] = {"deployments": [equals[0] | {"weight": weight}, *equals[1:]]}
    document["load_balancing"] = {
        "blend": {
            "strategy": "simple_shuffle",
            "providers": [
                {"provider": "second", "preferred_model": "beta", "weight": weight},
                {"provider": "fourth", "preferred_model": "delta"},
                {"provider": "sixth", "preferred_model": "zeta"},
            ],
        },
        "tasks": {
            "strategy": "quality_based",
            "providers": [
                {"provider": "sixth", "preferred_model": "zeta", "condition": "request_count >= 1"},
                {"provider": "second", "preferred_model": "beta"},
            ],
        },
    }
    document["capabilities"] = {
        "fast": {"preferred_models": ["delta", "epsilon"], "routing_strategy": "fastest_response"},
        "sized": {"preferred_models": ["zeta"]},
    }
    document["experiments"] = {
        "sizes": {
            "enabled": True,
            "unit": "session",
            "match": {"capability": "sized"},
            "control": "old",
            "arms": {"new": {"model": "epsilon", "share": 0.3}, "old": {"model": "zeta"}},
            "guardrail": {"min_samples": 100_000},
        }
    }
    document["request_metadata_routing"] = {
        "urgent": {"provider": "fourth", "condition": 'header.x-priority == "high"'}
    }
    document["providers"]["first"] |= {"location": "cloud", "price": {"usd_per_request": 0.001}}
    document["providers"]["second"]["capacity"] = 20
    document["budgets"] = {"cloud_usd_per_day": 0.5}
    return document


class Callers:
    """What one seed asks of a router and reports to it."""

    def __init__(self, router: InProcessRouter, seed: int) -> None:
        self.router = router
        self.draws = random.Random(seed)
        self.targets: list[types_pb2.Target] = []

    async def decide(self, batches: int) -> None:
        for _ in range(batches):
            asked = [self.request() for _ in range(BATCH)]
            request = router_pb2.RouteBatchRequest(requests=asked)
            reply = await self.router.grpc.stub.RouteBatch(request, timeout=30)
            decided = [each.decision for each in reply.results if each.HasField("decision")]
            self.targets += [each.targets[0] for each in decided if each.targets[0].permit]
            await self.report()

    def request(self) -> router_pb2.RouteRequest:
        draws = self.draws
        attributes = types_pb2.Attributes(
            session=f"s-{draws.randrange(50)}" if draws.random() < 0.4 else None,
            priority="high" if draws.random() < 0.2 else None,
            request_count=draws.randrange(8) if draws.random() < 0.2 else None,
            batch_mode=draws.random() < 0.1,
        )
        return router_pb2.RouteRequest(
            model=draws.choice(NAMES),
            prompt="word " * draws.randrange(1, 60),
            max_tokens=draws.choice((None, 16, 400)),
            stream=draws.random() < 0.5,
            attributes=attributes,
        )

    async def report(self) -> None:
        """Of most how it went; the others keep their slots for a while, some for ever."""
        self.draws.shuffle(self.targets)
        ended, self.targets = self.targets[12:], self.targets[:12]
        for target in ended:
            name = self.draws.choice(OUTCOMES) if target.provider.id in ILL else "SUCCESS"
            first_us = self.draws.randrange(20_000, 400_000)
            outcome = types_pb2.Outcome(
                outcome_class=f"OUTCOME_CLASS_{name}",
                ttft_us=first_us if name == "SUCCESS" else None,
                total_us=2 * first_us,
                usage=types_pb2.Usage(prompt_tokens=20, completion_tokens=30),
            )
            request = router_pb2.ReportOutcomeRequest(permit=target.permit, outcome=outcome)
            await self.router.grpc.stub.ReportOutcome(request, timeout=30)

    async def chats(self, number: int) -> None:
        for _ in range(number):
            face = self.router.face(self.draws.choice(("http", "grpc")))
            await face.ask(chat(self.draws.choice(NAMES), stream=self.draws.random() < 0.5))

    async def operate(self) -> None:
        """Take a provider out for a while, twice."""
        for state in ("DRAINING", "ENABLED", "DISABLED", "ENABLED"):
            await asyncio.sleep(1)
            request = admin_pb2.SetProviderStateRequest(
                provider="fifth", state=f"PROVIDER_STATE_{state}"
            )
            await self.router.grpc.admin.SetProviderState(request, timeout=30)


@pytest.fixture
async def lived(fleet: FakeFleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The decision log of a router that has stopped, and has seen a lot."""
    monkeypatch.setenv(small_fleet.KEY_VARIABLE, small_fleet.KEY)
    await fleet["fourth"].behave(FAILING)
    config = small_fleet.written(routing(fleet), tmp_path / "routing.json")
    settings = {"polling": {"load_interval_s": 0.2, "health_interval_s": 0.2}}
    async with in_process(config, tmp_path, settings) as router:
        callers = [Callers(router, seed) for seed in range(WORKERS)]
        async with asyncio.TaskGroup() as group:
            for each in callers:
                group.create_task(each.decide(BATCHES // WORKERS))
            group.create_task(Callers(router, 91).chats(CHATS))
            group.create_task(Callers(router, 92).operate())
        assert router.tracebacks == []
    return tmp_path / "decisions.jsonl"


def replay(log: Path, config: Path) -> Result:
    return CliRunner().invoke(
        router_service, ["replay", str(log), "--config", str(config), "--json"]
    )


def records(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_bytes().splitlines()]


@pytest.mark.timeout(240)
async def test_ten_thousand_live_decisions_replay_identically(
    lived: Path, fleet: FakeFleet, tmp_path: Path
) -> None:
    result = replay(lived, tmp_path / "routing.json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["left_out"] == []
    assert found["same_config"]["identical"] == found["decisions"] >= 10_000
    assert found["unreplayable"] == 0
    decided = [record for record in records(lived) if record["kind"] == "decision"]
    assert len(decided) == found["decisions"]
    has_seen_all_of_it([each["decision"] for each in decided if "decision" in each])
    assert {"unknown_model"} <= {each["refused"]["code"] for each in decided if "refused" in each}
    another_config_is_compared(lived, fleet, tmp_path)
    what_is_cut_off_is_told(lived, tmp_path)


def has_seen_all_of_it(decisions: list[dict[str, Any]]) -> None:
    """The proof is worth what went on: everything that decides has decided."""
    assert {"exact", "pool", "capability"} <= {each["rule"] for each in decisions}
    assert {"weighted", "simple_shuffle", "quality_based", "fastest_response"} <= {
        each["strategy"] for each in decisions
    }
    assert {"strategy", "affinity"} <= {each["basis"] for each in decisions}
    assert {"new", "old"} <= {each["arm"] for each in decisions}
    reasons = {
        candidate["reason"]
        for each in decisions
        for candidate in each["candidates"]
        if not candidate["eligible"]
    }
    notes = {note for each in decisions for note in each["notes"]}
    for seen in ("after errors", "budget", "drain", "disabled"):
        assert any(seen in told for told in reasons | notes), (seen, reasons, notes)
    assert any(hop["full"] for each in decisions for hop in each["plan"])


def another_config_is_compared(log: Path, fleet: FakeFleet, folder: Path) -> None:
    config = small_fleet.written(routing(fleet, weight=4.0), folder / "other.json")
    result = replay(log, config)
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["same_config"]["decisions"] == 0
    difference = found["difference"]
    assert 0 < difference["moved"] < difference["requests"] / 2
    before, after = difference["providers"]["before"], difference["providers"]["after"]
    assert after["second"] > before["second"]
    assert difference["rules"]["pool"]["moved"] > 0
    assert difference["rules"]["capability"]["moved"] == 0
    assert found["estimates"]["records"] > 5_000


def what_is_cut_off_is_told(log: Path, folder: Path) -> None:
    whole = log.read_bytes()
    last = whole.rfind(b'\n{"kind":"decision"') + 1
    cut = folder / "cut.jsonl"
    cut.write_bytes(whole[: last + 200])
    found = json.loads(replay(cut, folder / "routing.json").stdout)
    line = whole[:last].count(b"\n") + 1
    assert found["left_out"] == [
        f"{cut}, line {line:,}: the last line is cut off; the log was read up to there"
    ]
    decisions = sum(record["kind"] == "decision" for record in records(log))
    assert found["same_config"]["identical"] == decisions - 1

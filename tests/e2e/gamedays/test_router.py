"""The game day of the router itself: SIGKILL under load, then a new one on its ports and log."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest

from e2e.routers import RouterProcess, as_process, until

from .day import RATE
from .load import Load, Sent, chats
from .report import TABLES, table
from .stage import Stage
from .verdicts import End
from .watching import given_back, holdings

pytestmark = [pytest.mark.gameday, pytest.mark.timeout(180)]

BEFORE_S = 6.0
AWAY_S = 2.0
AFTER_S = 12.0
NOTICED_WITHIN_S = 2.0
"""A provider learns by the closed connection that nobody wants its answer any more."""
RECONNECTED_WITHIN_S = 6.0
"""A gRPC client that was refused waits before it tries again, longer each time."""


async def test_the_router_is_killed_and_restarted(
    stage: Stage, router: RouterProcess, tmp_path: Path
) -> None:
    at_rest = await holdings(router)
    load = Load(router, stage.truth, RATE, chats())
    async with contextlib.AsyncExitStack() as stack:
        async with load.running():
            await asyncio.sleep(BEFORE_S)
            killed_at = time.monotonic()
            router.process.kill()
            await router.stopped()
            await slots_are_freed(stage)
            await asyncio.sleep(AWAY_S)
            started_at = time.monotonic()
            second = await stack.enter_async_context(again(stage, router, tmp_path))
            ready_at, clock = time.monotonic(), time.time()
            await asyncio.sleep(AFTER_S)
        whole = [sent for sent in load.of(End.WHOLE) if sent.sent_at >= ready_at]
        first = {face: first_s(whole, face, ready_at) for face in ("http", "grpc")}
        TABLES.append(
            table("The router is killed (SIGKILL) and restarted", load)
            + f"\n  ready {ready_at - started_at:.1f} s after its start; first answer then: "
            + ", ".join(f"{face} after {seconds:.1f} s" for face, seconds in first.items())
        )
        assert load.of(End.LIE, End.HANG, End.BROKEN, End.REFUSED) == []
        for sent in load.of(End.LOST):
            spare = RECONNECTED_WITHIN_S if sent.ask.face == "grpc" else 0.0
            assert killed_at <= sent.ended_at <= ready_at + spare, sent
        assert max(first.values()) <= RECONNECTED_WITHIN_S
        await second.idle()
        await router.http.session.close()
        await given_back(second, at_rest)
    lines = logged(router.access_log.path)
    served = [line for line in lines if line["time"] >= utc(clock) and line["status"] == "ok"]
    assert len(served) >= len(whole)
    assert "Traceback" not in router.log.read_text() + second.log.read_text()


async def slots_are_freed(stage: Stage) -> None:
    """Wait until every provider has noticed. Raises AssertionError."""

    async def ended() -> list[str] | None:
        logs = [await stage.fleet[name].log() for name in stage.fleet.addresses]
        outcomes = [entry.outcome for log in logs for entry in log]
        return outcomes if "running" not in outcomes else None

    outcomes = await until(ended, "providers have noticed that it is gone", NOTICED_WITHIN_S)
    assert "client closed" in outcomes


def again(stage: Stage, router: RouterProcess, folder: Path) -> Any:
    """A second router in the place of the first: same ports, same access log."""
    ports = re.search(r"gRPC on \S+:(\d+), HTTP on http://\S+:(\d+),", router.log.read_text())
    assert ports is not None
    settings = {
        "grpc": {"port": int(ports[1])},
        "http": {"port": int(ports[2])},
        "logging": {"access_log": str(router.access_log.path)},
    }
    own = folder / "second"
    own.mkdir()
    return as_process(stage.config, own, settings, stage.environment)


def first_s(whole: list[Sent], face: str, since: float) -> float:
    return min(sent.ended_at for sent in whole if sent.ask.face == face) - since


def utc(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def logged(path: Path) -> list[dict[str, Any]]:
    """All JSON lines. One line, the last of the killed process, may be cut short."""
    lines, cut = [], []
    for line in path.read_text().splitlines():
        if line.startswith("{"):
            try:
                lines.append(json.loads(line))
            except ValueError:
                cut.append(line)
        elif not line.startswith("[ROUTER] "):
            cut.append(line)
    assert len(cut) <= 1, cut
    return lines

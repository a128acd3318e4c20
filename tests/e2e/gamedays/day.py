"""A game day: load from before until after whatever happens in it, and what must hold on every one.
Nobody is lied to, nobody hangs, all that was taken is given back, and the traffic returns."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

from e2e.routers import RouterProcess
from router_service.testing import Behaviour
from router_service.v1 import admin_pb2

from .load import Ask, Load, Sent, chats
from .report import TABLES, Recovery, recovery, share, table
from .stage import Stage
from .verdicts import End
from .watching import Watch, given_back, holdings

RATE = 10.0
"""Requests a second. The fleet is good for three times that."""
BEFORE_S = 8.0
PATIENCE_S = 120.0
"""The longest cooldown of a first failure is 60 s, and traffic has 30 s to come back."""


@dataclass
class Day:
    """One game day under way."""

    stage: Stage
    router: RouterProcess
    load: Load
    watch: Watch
    began_at: float
    recoveries: list[Recovery] = field(default_factory=list)
    kills: list[tuple[str, float]] = field(default_factory=list)
    """Which provider was killed, and when."""

    async def kill(self, provider: str) -> None:
        self.kills.append((provider, time.monotonic()))
        await self.stage.fleet.kill(provider)

    async def behave(self, provider: str, behaviour: Behaviour | None = None) -> None:
        """None is as usual."""
        running = self.stage.fleet[provider]
        await running.behave(behaviour or running.spec.behaviour)

    def torn(self, sent: Sent) -> bool:
        """Whether the provider that answered this was killed meanwhile."""
        return any(
            name == sent.provider and sent.sent_at <= at <= sent.ended_at for name, at in self.kills
        )

    async def all_back(self, *providers: str) -> None:
        """Go on until each of these, which returned just now, has its usual share again."""
        back_at = time.monotonic()
        usual = {name: self._usual(name) for name in providers}
        found: list[Recovery] = []
        while not found or not all(one.complete for one in found):
            now = time.monotonic()
            found = [
                recovery(self.load, self.watch, name, usual=usual[name], back_at=back_at, now=now)
                for name in providers
            ]
            if now - back_at > PATIENCE_S:
                break
            await asyncio.sleep(0.5)
        self.recoveries += found

    def _usual(self, provider: str) -> float:
        found = share(self.load.sent, provider, self.began_at + 1, self.began_at + BEFORE_S)
        assert found, f"{provider} is not used on an ordinary day"
        return found


@contextlib.asynccontextmanager
async def game_day(
    title: str, stage: Stage, router: RouterProcess, asked: Iterator[Ask] | None = None
) -> AsyncIterator[Day]:
    """Load before, during and after the block; then what must hold on every game day."""
    at_rest = await holdings(router)
    load = Load(router, stage.truth, RATE, asked or chats(), router.process.pid)
    watch = Watch(router)
    day = Day(stage, router, load, watch, time.monotonic())
    try:
        async with watch.watching(), load.running():
            await asyncio.sleep(BEFORE_S)
            yield day
    finally:
        TABLES.append(table(title, load, day.recoveries))
    assert load.of(End.LIE, End.HANG, End.LOST) == []
    for found in day.recoveries:
        found.check()
    await router.idle()
    status = await router.grpc.admin.GetStatus(admin_pb2.GetStatusRequest())
    assert status.in_flight == 0
    await router.http.session.close()
    await given_back(router, at_rest)
    assert "Traceback" not in router.log.read_text()

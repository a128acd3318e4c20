"""Many requests while providers fail: callers of both faces, streamed and not, at an even pace."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

from router_service.testing import FakeFleet, Server, expected_text

from .. import small_fleet
from ..callers import Reply, chat
from ..routers import InProcessRouter, in_process
from . import plans
from .promises import GRACE_S, PROMPT

DEADLINE_S = 3.0
WAYS = [(face, stream) for face in ("http", "grpc") for stream in (False, True)]


@dataclass(frozen=True, slots=True)
class Field:
    """Fake providers and a router before them."""

    fleet: FakeFleet
    router: InProcessRouter

    async def times(self, *providers: str) -> list[float]:
        """When these providers were asked for an answer, oldest first."""
        logs = [await self.fleet[provider].log() for provider in providers]
        return sorted(entry.time for log in logs for entry in log)


@contextlib.asynccontextmanager
async def field(
    folder: Path,
    settings: Mapping[str, Any] | None = None,
    changes: Mapping[str, Mapping[str, Any]] | None = None,
    **sections: Any,
) -> AsyncIterator[Field]:
    """A fleet whose health is looked at often, and its router; nothing is left afterwards."""
    async with FakeFleet(plans.specs(Server.VLLM)) as fleet:
        document = plans.routing(fleet, settings, changes, **sections)
        config = small_fleet.written(document, folder / "routing.yaml")
        async with in_process(config, folder, {"polling": {"health_interval_s": 0.2}}) as router:
            yield Field(fleet, router)
            await router.idle()


async def traffic(router: InProcessRouter, model: str, count: int, per_s: float) -> Sequence[Reply]:
    """So many requests at this rate, whatever becomes of them. Raises AssertionError for one that
    waits past its deadline."""
    ways = cycle(WAYS)
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:
        asking = []
        for number in range(count):
            face, stream = next(ways)
            asking.append(group.create_task(ask(router, model, face, stream=stream)))
            await asyncio.sleep(max(0, began + (number + 1) / per_s - time.monotonic()))
    return [task.result() for task in asking]


async def ask(router: InProcessRouter, model: str, face: str, *, stream: bool) -> Reply:
    """One caller of the many, who judges what it gets."""
    began = time.monotonic()
    body = chat(model, PROMPT, stream=stream)
    reply = await router.face(face).ask(body, timeout_s=DEADLINE_S)
    seconds = time.monotonic() - began
    assert seconds <= DEADLINE_S + GRACE_S, f"waited {seconds:.3f} s for {reply}"
    assert reply.whole or reply.status or reply.code, f"neither an answer nor an error: {reply}"
    if reply.whole:
        assert reply.text == expected_text(plans.upstream_name(str(reply.model)), PROMPT)
    return reply


def most_within(times: Sequence[float], seconds: float) -> int:
    """The most events in any stretch of this length."""
    return max(
        (sum(start <= time <= start + seconds for time in times) for start in times), default=0
    )

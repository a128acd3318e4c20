"""What a router takes up: time to start, memory at rest and after load.

Memory is the resident set of the one process; start is from spawn to the first 200 of /ready.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from bench import grpc_load
from bench.load import Plan, run
from bench.processes import router
from bench.report import Figure, Goal
from bench.rounds import spread
from bench.service import BUSY, CHAT_PATH, ROUTE_PATH, World

LEVEL = "service: footprint of router-service serve"
_STARTS = 5
_MEMORY = Goal(120.0)


async def starts() -> list[Figure]:
    """The reference config, nothing else."""
    seconds, megabytes = [], []
    with tempfile.TemporaryDirectory(prefix="router-bench-") as folder:
        for _ in range(_STARTS):
            async with router(Path(folder) / "router.log") as server:
                seconds.append(server.ready_s)
                megabytes.append(server.resident_mb())
    ready, resident = spread(seconds), spread(megabytes)
    return [
        Figure(LEVEL, "start to ready", ready.value, "s", ready.low, ready.high, Goal(1.5)),
        Figure(
            LEVEL,
            "resident after start",
            resident.value,
            "MB",
            resident.low,
            resident.high,
            _MEMORY,
        ),
    ]


async def after_load(world: World, seconds: float) -> list[Figure]:
    """The router of a world that carried requests out, then one that decided without a report."""
    chat = Plan(world.router.address, CHAT_PATH, str(world.folder / "chat.json"), BUSY, seconds)
    carried = await run("bench.http_load", chat)
    after_chat = world.router.resident_mb()
    route = Plan(
        world.router.grpc_address, ROUTE_PATH, str(world.folder / "route-facts.bin"), BUSY, seconds
    )
    decided = await grpc_load.route(route)
    after_route = world.router.resident_mb()
    return [
        Figure(LEVEL, f"resident after {carried.requests:,} chats", after_chat, "MB", goal=_MEMORY),
        Figure(
            LEVEL,
            f"and {decided.requests:,} Routes nobody reported on",
            after_route,
            "MB",
            goal=_MEMORY,
        ),
    ]

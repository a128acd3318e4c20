"""A provider that could not be reached is used again as soon as it is back, not when its cooldown
would end."""

from __future__ import annotations

from pathlib import Path

from router_service.core import now_us
from router_service.testing import FakeFleet

from .callers import chat
from .routers import in_process, until

OFTEN = {"polling": {"load_interval_s": 0.1, "health_interval_s": 0.1}}


async def test_a_provider_is_used_again_once_it_is_back(
    fleet: FakeFleet, routing: Path, tmp_path: Path
) -> None:
    async with in_process(routing, tmp_path, OFTEN) as router:
        core = router.service.router
        await fleet.kill("first")

        async def cools_down() -> bool:
            await router.http.ask(chat("alone"), timeout_s=2)
            return core.unreachable(now_us()) == ["first"]

        await until(cools_down, "the killed provider cools down")
        await fleet.restart("first")
        await until(lambda: not core.unreachable(now_us()), "its cooldown ends")
        reply = await router.http.ask(chat("alone"))
        assert (reply.whole or reply.status, reply.provider) == (True, "first")

"""Providers taken out of use while requests run, and back into it; and all an operator can do at
once, with a provider killed in between."""

from __future__ import annotations

import asyncio
import itertools
import time
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from router_service.testing import Behaviour, FakeFleet, expected_text
from router_service.v1 import admin_pb2

from .callers import Reply, chat
from .equals import (
    DISABLED,
    DRAINING,
    ENABLED,
    begun,
    configs,
    provider,
    reload,
    rewritten,
    routing,
    set_state,
)
from .load import Load
from .routers import InProcessRouter, Router, until

TAKES_EFFECT_S = 1.0
"""Longest from the answer to a drain until the last request that had its slot before has been sent:
what a connection to a provider takes, on a busy machine."""


async def drained(router: Router, name: str) -> None:
    async def empty() -> bool:
        return (await provider(router, name)).in_flight == 0

    await until(empty, f"{name} has finished what it had")


async def served_again(fleet: FakeFleet, name: str) -> None:
    seen = len(await fleet[name].log())

    async def more() -> bool:
        return len(await fleet[name].log()) > seen

    await until(more, f"traffic returns to {name}")


@pytest.mark.parametrize("state", [DRAINING, DISABLED], ids=["draining", "disabled"])
async def test_a_provider_taken_out_under_load(
    paced: FakeFleet, paced_router: InProcessRouter, state: Any
) -> None:
    async with Load(paced_router, "m") as load:
        await load.more(32)
        told = await set_state(paced_router, "b", state, reason="new memory")
        answered = time.time()
        assert (told.state, told.health) == (state, admin_pb2.HEALTH_HEALTHY)
        assert told.reason.endswith("by an operator: new memory")
        await drained(paced_router, "b")
        await load.more(64)
        entries = await paced["b"].log()
        assert {entry.outcome for entry in entries} == {"finished"}
        assert max(entry.time for entry in entries) < answered + TAKES_EFFECT_S
        assert (await provider(paced_router, "b")).state == state

        assert (await set_state(paced_router, "b", ENABLED)).reason == ""
        await served_again(paced, "b")
    load.check()
    await paced_router.idle()


async def test_running_streams_finish_on_a_drained_provider(
    paced: FakeFleet, paced_file: Path, paced_router: InProcessRouter, face: str
) -> None:
    await paced["d"].behave(Behaviour(first_token_s=0.02, tokens_per_s=10))
    rewritten(paced_file, routing(paced, {"d": 1.0}))
    await reload(paced_router)
    caller = paced_router.face(face)
    asking = asyncio.create_task(caller.ask(chat("m", "the first", stream=True)))
    await begun(paced, "d")
    assert (await set_state(paced_router, "d", DRAINING, reason="new memory")).in_flight == 1
    refused = await caller.ask(chat("m", "the second"))
    reply = await asking
    assert (reply.whole, reply.text) == (True, expected_text("m", "the first"))
    assert not refused.whole
    assert refused.code == "no_eligible_deployment"
    assert "m@d: provider d is drained by an operator: new memory" in refused.message
    assert len(await paced["d"].log()) == 1
    await paced_router.idle()


async def test_a_drain_with_a_duration_ends_by_itself(
    paced: FakeFleet, paced_file: Path, paced_router: InProcessRouter
) -> None:
    rewritten(paced_file, routing(paced, {"d": 1.0}))
    await reload(paced_router)
    await set_state(paced_router, "d", DRAINING, duration_us=1_500_000)
    refused = await paced_router.http.ask(chat("m"))
    assert (refused.status, refused.code) == (429, "no_room")
    assert 1 <= int(refused.headers["retry-after"]) <= 2

    async def back() -> bool:
        return (await paced_router.http.ask(chat("m"))).whole

    await until(back, "the drain is over")
    assert (await provider(paced_router, "d")).state == ENABLED


async def test_a_drain_outlives_reloads(
    paced: FakeFleet, paced_file: Path, paced_router: InProcessRouter
) -> None:
    await set_state(paced_router, "b", DRAINING)
    for config in configs(paced):
        rewritten(paced_file, config)
        assert (await reload(paced_router)).accepted
    assert (await provider(paced_router, "b")).state == DRAINING
    async with paced_router.http.session.get(f"{paced_router.http.url}/metrics") as response:
        metrics = await response.text()
    assert 'router_provider_state{provider="b",state="draining"} 1.0' in metrics


async def test_an_unknown_provider_is_told_with_the_closest(paced_router: InProcessRouter) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await set_state(paced_router, "bb", DRAINING)
    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert "the closest ids are b" in (caught.value.details() or "")


# ── All at once ─────────────────────────────────────────────────────────────────────────────────


async def test_reloads_drains_and_a_kill_together(
    paced: FakeFleet, paced_file: Path, paced_router: InProcessRouter
) -> None:
    """Only a stream that a killed provider was in the middle of may break; its caller is told."""
    async with Load(paced_router, "m") as load:
        for turn, config in enumerate(itertools.islice(itertools.cycle(configs(paced)), 12)):
            rewritten(paced_file, config)
            assert (await reload(paced_router)).accepted
            await load.more(8)
            if turn == 2:
                await set_state(paced_router, "b", DRAINING, reason="new memory")
            elif turn == 4:
                await paced.kill("c")
                await paced.kill("moved")
            elif turn == 6:
                rewritten(paced_file, "providers: [")
                assert not (await reload(paced_router)).accepted
            elif turn == 8:
                await asyncio.gather(paced.restart("c"), paced.restart("moved"))
                await set_state(paced_router, "b", ENABLED)
            await load.more(8)
        await served_again(paced, "b")

    def cut_off(reply: Reply) -> bool:
        return reply.code == "stream_broken" and reply.provider == "c"

    broken = load.check(excused=cut_off)
    assert len(broken) <= 16
    await paced_router.idle()
    for name in ("a", "b", "d"):
        assert {entry.outcome for entry in await paced[name].log()} == {"finished"}, name

"""Models that take turns: a switch under load loses nothing, whether it works or fails at any of
its stages, and in between the requests go down their chain."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from router_service.testing import Behaviour, FakeFleet
from router_service.v1 import admin_pb2

from . import small_fleet
from .callers import chat
from .equals import DRAINING, ENABLED, begun, provider, reload, rewritten, set_state, status
from .load import Load
from .routers import InProcessRouter, as_process, command, in_process, until

Stage = admin_pb2.SwitchStage
SWITCHED = [
    "SWITCH_STAGE_DRAINING",
    "SWITCH_STAGE_SWITCHING",
    "SWITCH_STAGE_WAITING_FOR_HEALTH",
    "SWITCH_STAGE_ACTIVE",
]
WORKS = [sys.executable, "-c", "pass"]
FAILS = [sys.executable, "-c", "raise SystemExit('no such model')"]
HANGS = [sys.executable, "-c", "import time; time.sleep(600)"]


def routing(fleet: FakeFleet) -> dict[str, Any]:
    """`m` on the members `a` (active) and `moved`, then on `b`, which is always there."""

    def member(name: str, **fields: Any) -> dict[str, Any]:
        return {"kind": "openai", "base_url": fleet[name].base_url, "capacity": 64} | fields

    return {
        "providers": {
            "gpu-a": member("a", exclusive_group="gpu0", active=True),
            "gpu-moved": member("moved", exclusive_group="gpu0", active=False),
            "b": member("b", kind="ollama"),
        },
        "models": {
            "m": {"deployments": [{"provider": "gpu-a"}, {"provider": "gpu-moved"}]},
            "spare": {"provider": "b", "upstream_model": "m"},
        },
        "fallback_chains": {"m": {"chain": ["spare"]}},
        "default_provider": "b",
        "router_settings": {"timeout": 20},
    }


@pytest.fixture
def file(paced: FakeFleet, tmp_path: Path) -> Path:
    return small_fleet.written(routing(paced), tmp_path / "routing.yaml")


Start = Callable[..., Any]


@pytest.fixture
def started(file: Path, tmp_path: Path) -> Start:
    """A router whose command for `gpu-moved` is this one."""

    @asynccontextmanager
    async def start(argv: list[str], **commands: list[str]) -> AsyncIterator[InProcessRouter]:
        every = {"gpu-moved": argv, "gpu-a": WORKS} | commands
        settings = {"switch": {"commands": every}, "reload": {"on_change": False}}
        async with in_process(file, tmp_path, settings) as router:
            yield router

    return start


async def switch(router: InProcessRouter, target: str, **fields: Any) -> list[str]:
    """The stages that were told."""
    request = admin_pb2.SwitchModelRequest(target=target, **fields)
    return [Stage.Name(reply.stage) async for reply in router.grpc.admin.SwitchModel(request)]


async def failed(router: InProcessRouter, target: str, **fields: Any) -> tuple[Any, str]:
    """Code and message of a switch that must fail."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await switch(router, target, **fields)
    return caught.value.code(), caught.value.details() or ""


async def active(router: InProcessRouter) -> list[str]:
    told = (await status(router)).providers
    assert all(one.state == ENABLED for one in told if one.active)
    return [one.id for one in told if one.active and one.exclusive_group]


async def test_a_switch_under_load_loses_nothing_and_outlasts_reloads(
    paced: FakeFleet, file: Path, started: Start
) -> None:
    async with started(WORKS) as router:
        before = (await status(router)).table_version
        async with Load(router, "m") as load:
            await load.more(16)
            assert await switch(router, "moved") == SWITCHED
            assert await active(router) == ["gpu-moved"]
            await load.more(32)
            rewritten(file, routing(paced) | {"router_settings": {"timeout": 19}})
            reply = await reload(router)
            assert list(reply.changes) == ["router_settings: timeout 20 → 19"]
            assert await active(router) == ["gpu-moved"]
            await load.more(16)
            assert await switch(router, "gpu-a") == SWITCHED
            assert await active(router) == ["gpu-a"]
            await load.more(16)
        load.check()
        assert {reply.provider for _, reply in load.replies} >= {"gpu-a", "gpu-moved"}
        assert (await status(router)).table_version != before
        assert {entry.outcome for entry in await paced["a"].log()} == {"finished"}
        await router.idle()


async def test_while_neither_is_active_requests_go_down_their_chain(
    paced: FakeFleet, started: Start
) -> None:
    async with started(HANGS) as router:
        stream = Behaviour(first_token_s=0.02, tokens_per_s=20)
        await paced["a"].behave(stream)
        asking = asyncio.create_task(router.http.ask(chat("m", "the first", stream=True)))
        await begun(paced, "a")
        switching = asyncio.create_task(failed(router, "moved", timeout_us=3_000_000))

        async def drains() -> bool:
            return (await provider(router, "gpu-a")).state == DRAINING

        await until(drains, "the old member drains")
        reply = await router.http.ask(chat("m", "the second"))
        assert (reply.whole, reply.provider) == (True, "b")
        second = await failed(router, "moved")
        assert (second[0], "under way" in second[1]) == (grpc.StatusCode.FAILED_PRECONDITION, True)
        code, message = await switching
        assert code is grpc.StatusCode.ABORTED
        assert "not within 3 s" in message
        assert message.endswith("gpu-a is the active member again")
        first = await asking
        assert (first.whole, first.provider) == (True, "gpu-a")
        assert await active(router) == ["gpu-a"]
        await router.idle()


async def test_a_command_that_fails_is_taken_back_and_nothing_is_lost(
    paced: FakeFleet, started: Start
) -> None:
    async with started(FAILS) as router:
        version = (await status(router)).table_version
        async with Load(router, "m", callers=8) as load:
            await load.more(8)
            code, message = await failed(router, "moved")
            assert code is grpc.StatusCode.ABORTED
            assert "ended with code 1: no such model" in message
            assert await active(router) == ["gpu-a"]
            served = len(await paced["a"].log())

            async def again() -> bool:
                return len(await paced["a"].log()) > served

            await until(again, "traffic returns to the old member")
            await load.more(8)
        load.check()
        assert (await status(router)).table_version == version
        await router.idle()


async def test_a_member_that_does_not_come_up_is_given_up(paced: FakeFleet, started: Start) -> None:
    async with started(WORKS) as router:
        await paced["moved"].stop()
        code, message = await failed(router, "moved", timeout_us=2_000_000)
        assert code is grpc.StatusCode.ABORTED
        assert "(while waiting for health)" in message
        assert await active(router) == ["gpu-a"]
        assert (await router.http.ask(chat("m", "hello"))).provider == "gpu-a"


async def test_what_cannot_be_begun_changes_nothing(started: Start) -> None:
    async with started(WORKS) as router:
        await set_state(router, "gpu-moved", DRAINING, reason="fans")
        for target, why in (
            ("gpu-a", "is the active member already"),
            ("nobody", "the members are: gpu-a, gpu-moved"),
            ("moved", "drained by an operator: fans; enable it first"),
        ):
            code, message = await failed(router, target)
            assert (code, why in message) == (grpc.StatusCode.FAILED_PRECONDITION, True), message
        assert await active(router) == ["gpu-a"]


async def test_the_command_line_shows_each_stage(file: Path, tmp_path: Path) -> None:
    settings = {"switch": {"commands": {"gpu-moved": WORKS, "gpu-a": FAILS}}}
    async with as_process(file, tmp_path, settings) as router:
        where = ("--address", router.grpc_target)
        code, told = await command("models", "switch", "moved", *where)
        assert code == 0, told
        assert [line.split("s  ", 1)[1] for line in told.splitlines()] == [
            "gpu-a finishes what it has",
            f"running {sys.executable}",
            "waiting until gpu-moved answers",
            "gpu-moved is the active member",
        ]
        code, told = await command("models", "switch", "gpu-a", "--json", *where)
        assert code == 1
        assert '"stage": "switching"' in told
        assert '"code": "switch_failed"' in told
        assert "gpu-moved is the active member again" in told

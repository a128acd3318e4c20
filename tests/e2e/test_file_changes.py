"""A router that watches the files of its routing config, with requests under way: a broken file
keeps the old table, a good one is taken up, and none is lost; and going back to an earlier one."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from router_service.testing import FakeFleet
from router_service.v1 import admin_pb2

from .equals import configs, reload, rewritten, status
from .load import Load
from .routers import InProcessRouter, Router, RouterProcess, as_process, command, in_process, until

TAKEN_UP_S = 15.0
"""Two looks of a second, and a busy machine."""
TWO_LOOKS_S = 2.5


@pytest.fixture
async def watching(paced_file: Path, tmp_path: Path) -> AsyncIterator[InProcessRouter]:
    """A router as it is without a word about reloads."""
    async with in_process(paced_file, tmp_path) as router:
        yield router


async def taken_up(router: InProcessRouter, before: str) -> str:
    """The version of the table that takes the place of another."""
    table = router.service.router
    await until(lambda: table.table.version != before, "the file is taken up", TAKEN_UP_S)
    return table.table.version


async def test_files_changed_under_load_lose_nothing(
    paced: FakeFleet,
    paced_file: Path,
    watching: InProcessRouter,
    caplog: pytest.LogCaptureFixture,
) -> None:
    first = watching.service.router.table.version
    caplog.set_level(logging.INFO, "router_service")
    async with Load(watching, "m") as load:
        await load.more(8)
        rewritten(paced_file, "providers: [")
        await until(lambda: "was not reloaded" in caplog.text, "the error is told", TAKEN_UP_S)
        await load.more(8)
        await asyncio.sleep(TWO_LOOKS_S)
        assert caplog.text.count(f"table {first} stays in use") == 1
        assert caplog.text.count(f"{paced_file}:1:") == 1
        assert watching.service.router.table.version == first

        version = first
        for config in configs(paced)[1:3]:
            rewritten(paced_file, config)
            version = await taken_up(watching, version)
            await load.more(8)
    load.check()
    assert "changed: provider c: base_url" in caplog.text
    assert "changed: model m: deployment d weight 1.0 → 3.0" in caplog.text
    assert {reply.provider for _, reply in load.replies[-4:]} <= {"a", "b", "c"}
    await watching.idle()


async def test_a_rollback_stays_until_the_file_changes(
    paced: FakeFleet, paced_file: Path, watching: InProcessRouter
) -> None:
    first = watching.service.router.table.version
    async with Load(watching, "m", callers=8) as load:
        rewritten(paced_file, configs(paced)[2])
        second = await taken_up(watching, first)
        reply = await reload(watching, rollback_to="previous")
        assert (reply.accepted, reply.rolled_back) == (True, True)
        assert (reply.table_version, reply.previous_version) == (first, second)
        assert "provider d: added" in reply.changes
        told = await status(watching)
        assert (told.table_version, told.rolled_back) == (first, True)
        assert [(one.version, one.in_use) for one in told.kept_configs] == [
            (first, True),
            (second, False),
        ]
        await asyncio.to_thread(paced_file.touch)
        await asyncio.sleep(TWO_LOOKS_S)
        assert watching.service.router.table.version == first
        rewritten(paced_file, configs(paced)[1])
        third = await taken_up(watching, first)
        assert third not in (first, second)
        assert not (await status(watching)).rolled_back
        await load.more(8)
    load.check()
    await watching.idle()


async def test_what_is_kept_outlasts_a_restart(
    paced: FakeFleet, paced_file: Path, tmp_path: Path
) -> None:
    settings = {"reload": {"on_change": False, "state_dir": str(tmp_path / "state")}}
    async with in_process(paced_file, tmp_path, settings) as router:
        first = router.service.router.table.version
        rewritten(paced_file, configs(paced)[2])
        second = (await reload(router)).table_version
    async with in_process(paced_file, tmp_path, settings) as router:
        assert [one.version for one in (await status(router)).kept_configs] == [first, second]
        assert (await reload(router, rollback_to=first)).table_version == first


async def test_the_command_line_reloads_and_rolls_back(
    paced: FakeFleet, paced_file: Path, tmp_path: Path
) -> None:
    settings = {"reload": {"on_change": False}}
    keys = {"ROUTER_SERVICE_API_KEYS": "ann:s3cret"}
    async with as_process(paced_file, tmp_path, settings, keys) as router:
        first = await in_use(router)
        rewritten(paced_file, configs(paced)[1])
        code, told = await asked(router, "reload", "--dry-run")
        assert (code, await in_use(router)) == (0, first)
        assert f"good: 4 changes to table {first}, which stays in use" in told, told
        code, told = await asked(router, "reload")
        second = await in_use(router)
        assert (code, second != first) == (0, True)
        assert "model m: deployment d weight 1.0 → 3.0" in told
        assert f"reloaded: table {second}, before {first}; 4 changes" in told
        code, told = await asked(router, "rollback")
        assert (code, await in_use(router)) == (0, first)
        assert f"rolled back: table {first}, before {second}" in told
        rewritten(paced_file, "modles: {}\n")
        code, told = await asked(router, "reload")
        assert (code, await in_use(router)) == (1, first)
        assert f"{paced_file}:1:1: error: " in told
        code, told = await asked(router, "rollback", "00ff", "--json")
        assert code == 1
        assert '"code": "rollback_refused"' in told
        code, told = await asked(router, "reload", key="wrong")
        assert (code, "API key" in told) == (1, True), told


async def test_the_command_line_says_where_it_looked() -> None:
    code, told = await command("config", "reload", "--address", "127.0.0.1:1")
    assert code == 1
    assert "no router answers at 127.0.0.1:1" in told
    assert "--address" in told


METADATA = (("x-api-key", "s3cret"),)


async def in_use(router: Router) -> str:
    request = admin_pb2.GetStatusRequest()
    reply = await router.grpc.admin.GetStatus(request, metadata=METADATA)
    version: str = reply.table_version
    return version


async def asked(
    router: RouterProcess, *arguments: str, key: str = "s3cret"
) -> tuple[int | None, str]:
    """Run a command of `config` against a router."""
    environment = {"MY_KEY": key}
    where = ("--address", router.grpc_target, "--api-key-env", "MY_KEY")
    return await command("config", *arguments, *where, environment=environment)

"""Reloads while requests run: none is lost, each finishes on the config it began with, and a config
that cannot be used changes nothing."""

from __future__ import annotations

import asyncio
import itertools
import signal
from pathlib import Path

from router_service.testing import Behaviour, FakeFleet, expected_text
from router_service.v1 import admin_pb2

from .callers import chat
from .equals import KINDS, begun, configs, reload, rewritten, routing, status
from .load import Load
from .routers import InProcessRouter, as_process, until

RELOADS = 20


async def all_finished(fleet: FakeFleet) -> None:
    """No provider was left in the middle of an answer, and each was asked."""
    for name in KINDS:
        outcomes = {entry.outcome for entry in await fleet[name].log()}
        assert outcomes == {"finished"}, name


async def test_reloads_under_load_lose_nothing(
    paced: FakeFleet, paced_file: Path, paced_router: InProcessRouter
) -> None:
    versions = [paced_router.service.router.table.version]
    async with Load(paced_router, "m") as load:
        for config in itertools.islice(itertools.cycle(configs(paced)), RELOADS):
            rewritten(paced_file, config)
            reply = await reload(paced_router)
            assert reply.accepted, reply
            assert reply.previous_version == versions[-1]
            versions.append(reply.table_version)
            await load.more(8)
    load.check()
    assert len(load.replies) > 8 * RELOADS
    assert len(set(versions)) == len(configs(paced))
    await paced_router.idle()
    await all_finished(paced)


async def test_streams_on_a_provider_that_is_removed_or_moved_finish(
    paced: FakeFleet, paced_file: Path, paced_router: InProcessRouter, face: str
) -> None:
    slow = Behaviour(first_token_s=0.02, tokens_per_s=10)
    await paced["d"].behave(slow)
    caller = paced_router.face(face)
    rewritten(paced_file, routing(paced, {"d": 1.0}))
    await reload(paced_router)
    asking = asyncio.create_task(caller.ask(chat("m", "the first", stream=True)))
    await begun(paced, "d")
    rewritten(paced_file, routing(paced, {"d": 1.0}, d="b"))
    assert (await reload(paced_router)).accepted
    rewritten(paced_file, routing(paced, {"a": 1.0}))
    assert (await reload(paced_router)).accepted
    elsewhere = await caller.ask(chat("m", "the second"))
    assert (elsewhere.whole, elsewhere.provider) == (True, "a")
    reply = await asking
    assert (reply.whole, reply.text) == (True, expected_text("m", "the first"))
    assert [entry.outcome for entry in await paced["d"].log()] == ["finished"]
    await paced_router.idle()


BROKEN = {
    "no YAML": ("providers: [", "", ""),
    "an unknown key": ("providers: {}\nmodles: {}\n", "/modles", "did you mean `models`?"),
    "an unknown provider": (
        "providers: {a: {kind: vllm, base_url: 'http://x'}}\nmodels: {m: {provider: aa}}\n",
        "/models/m/provider",
        "did you mean `a`?",
    ),
}


async def test_broken_files_leave_the_old_table_serving(
    paced: FakeFleet, paced_file: Path, paced_router: InProcessRouter
) -> None:
    version = paced_router.service.router.table.version
    async with Load(paced_router, "m", callers=8) as load:
        for text, pointer, suggestion in BROKEN.values():
            rewritten(paced_file, text)
            reply = await reload(paced_router)
            assert not reply.accepted
            assert (reply.table_version, reply.previous_version) == (version, version)
            told = [one for one in reply.diagnostics if one.severity == admin_pb2.SEVERITY_ERROR]
            assert all(one.file == str(paced_file) and one.line and one.column for one in told)
            assert all(one.code and one.message for one in told)
            assert (pointer, suggestion) in [(one.pointer, one.suggestion) for one in told] or (
                not pointer and told
            ), reply
            await load.more(8)
        rewritten(paced_file, configs(paced)[0])
        assert (await reload(paced_router, dry_run=True)).accepted
        assert (await status(paced_router)).table_version == version
    load.check()
    await paced_router.idle()


async def test_a_hang_up_reloads_and_reopens_the_log(
    paced: FakeFleet, paced_file: Path, tmp_path: Path
) -> None:
    settings = {"reload": {"on_change": False}}
    async with as_process(paced_file, tmp_path, settings) as router:
        version = (await status(router)).table_version
        async with Load(router, "m", callers=8) as load:
            await until(router.access_log.requests, "the access log has its first lines")
            rotated = router.access_log.path.rename(tmp_path / "rotated.log")
            rewritten(paced_file, "providers: [")
            router.process.send_signal(signal.SIGHUP)
            await until(router.access_log.path.exists, "the access log is opened anew")
            await until(
                lambda: f"{paced_file}:1:" in router.log.read_text(), "the refusal is in the log"
            )
            assert f"table {version} stays in use" in router.log.read_text()

            rewritten(paced_file, configs(paced)[1])
            router.process.send_signal(signal.SIGHUP)

            async def swapped() -> bool:
                return (await status(router)).table_version != version

            await until(swapped, "the new table is in use")
            await load.more(8)
        load.check()
        await router.idle()
        assert rotated.read_text()
        router.process.terminate()
        assert await router.stopped() == 0
        assert "Traceback" not in router.log.read_text()

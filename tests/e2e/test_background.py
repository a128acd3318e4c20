"""Work in the background that fails is told of, in the log and in a count; requests go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from router_service import app

from .callers import chat
from .routers import in_process, until


async def test_background_work_that_fails_is_told_of(
    routing: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fail = asyncio.Event()

    async def broken(*_: object) -> None:
        await fail.wait()
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(app, "keep_learning", broken)
    async with in_process(routing, tmp_path) as router:
        fail.set()
        (traceback,) = await until(lambda: router.tracebacks, "the fault is logged")
        assert "a fault of ours" in traceback
        async with router.http.session.get(f"{router.http.url}/metrics") as response:
            assert 'router_internal_errors_total{place="background"} 1.0' in await response.text()
        assert (await router.http.ask(chat("beta"))).whole

"""The demo does what `make run` promises, and notices when something is not as it should be."""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import socket
import sys
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from router_service.testing.answers import expected_text
from router_service.testing.demo.callers import Seen
from router_service.testing.demo.result import complaint
from router_service.testing.demo.steps import TOUR, Step, Via

pytest.importorskip("router_service._core", reason="the core is not built")

COMMAND = "from router_service.cli import main; main()"


@contextlib.asynccontextmanager
async def demo(*arguments: str) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", COMMAND, "demo", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()


async def shown_until(process: asyncio.subprocess.Process, words: str) -> str:
    assert process.stdout is not None
    shown = ""
    while words not in shown:
        line = await process.stdout.readline()
        assert line, shown
        shown += line.decode()
    return shown


async def test_once_goes_on_the_tour_and_ends_with_0() -> None:
    async with demo("--once") as process:
        output = (await process.communicate())[0].decode()
    assert process.returncode == 0, output
    assert f"all {len(TOUR)} steps got the expected answer" in output


async def test_it_stays_up_until_interrupted_and_takes_other_ports_where_it_must() -> None:
    async with contextlib.AsyncExitStack() as stack:
        with contextlib.suppress(OSError):  # somebody else may have it, which serves as well
            stack.enter_context(socket.create_server(("127.0.0.1", 4000)))
        process = await stack.enter_async_context(demo())
        shown = await shown_until(process, "Ctrl-C stops everything")
        assert "the usual HTTP port is in use" in shown
        found = re.search(r"HTTP http://127\.0\.0\.1:(\d+)", shown)
        assert found is not None, shown
        port = int(found[1])
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await writer.wait_closed()
        process.send_signal(signal.SIGINT)
        rest = (await process.communicate())[0].decode()
        assert process.returncode == 0, rest
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


def seen(step: Step) -> Seen:
    """What the step expects."""
    text = expected_text(step.answered_by, step.prompt, step.max_tokens)
    provider = min(step.providers)
    return Seen(
        step.rule, "direct", step.answered_by, provider, step.answered_by, step.attempts, text
    )


@pytest.mark.parametrize("step", TOUR, ids=lambda step: step.title)
def test_every_step_can_fail(step: Step) -> None:
    good = seen(step)
    assert complaint(step, good) is None
    assert "rule is" in str(complaint(step, replace(good, rule="default")))
    assert "model is" in str(complaint(step, replace(good, model="other")))
    assert "provider is" in str(complaint(step, replace(good, provider="other")))
    assert "attempts is" in str(complaint(step, replace(good, attempts=9)))
    assert "not whole" in str(complaint(step, replace(good, text=(good.text or "")[:-1])))


def test_the_tour_uses_both_faces_streams_and_a_dead_provider() -> None:
    assert {step.via for step in TOUR} == set(Via)
    assert any(step.killed and step.attempts > 1 for step in TOUR)

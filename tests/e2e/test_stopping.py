"""SIGTERM: new requests are refused, running ones finish, and the process ends with code 0."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc.aio
import pytest

from router_service.testing import Behaviour, FakeFleet, Fault, FaultKind, expected_text
from router_service.v1 import router_pb2

from .callers import Reply, chat
from .routers import RouterProcess, as_process, until

DRAIN_S = 8
SLOW = Behaviour(tokens_per_s=4)
"""Four seconds for an answer: on a busy machine the second begins well after the first."""


@pytest.fixture
async def process(fleet: FakeFleet, routing: Path, tmp_path: Path) -> AsyncIterator[RouterProcess]:
    settings = {"limits": {"drain_timeout_s": DRAIN_S}}
    async with as_process(routing, tmp_path, settings) as running:
        yield running


async def begun(fleet: FakeFleet, number: int) -> None:
    """Wait until so many answers are under way."""

    async def enough() -> bool:
        return sum(entry.tokens > 0 for entry in await fleet["first"].log()) == number

    await until(enough, f"{number} answers have begun")


async def refuses(process: RouterProcess) -> bool:
    """Both faces turn new callers away; a failed connection is a refusal as much as a 503."""
    async with aiohttp.ClientSession() as session:
        try:
            async with session.post(
                f"{process.http.url}/v1/chat/completions", json=chat("beta")
            ) as response:
                over_http = response.status == 503
        except aiohttp.ClientConnectionError:
            over_http = True
    reply = await process.grpc.ask(chat("beta"))
    return over_http and reply.status == "UNAVAILABLE"


async def test_running_streams_finish_and_new_requests_are_refused(
    process: RouterProcess, fleet: FakeFleet
) -> None:
    await fleet["first"].behave(SLOW)
    body = chat("alpha", stream=True)
    async with asyncio.TaskGroup() as group:
        asking = [group.create_task(caller.ask(body)) for caller in (process.http, process.grpc)]
        await begun(fleet, 2)
        process.process.send_signal(signal.SIGTERM)
        await until(lambda: refuses(process), "new requests are refused")
        assert not any(task.done() for task in asking)
    for task in asking:
        reply: Reply = task.result()
        assert reply.whole, reply
        assert reply.text == expected_text("alpha", "hello")
    assert await process.stopped() == 0
    assert await fleet["second"].log() == []
    ended = [request["status"] for request in process.access_log.requests()]
    assert ended.count("ok") == 2
    log = process.log.read_text()
    assert "stopping: 2 requests running" in log
    assert "Traceback" not in log


async def test_what_does_not_finish_in_time_is_cut_and_never_looks_whole(
    fleet: FakeFleet, routing: Path, tmp_path: Path
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.SLOW_DRIP, seconds=0.3),)))
    settings = {"limits": {"drain_timeout_s": 0.5}}
    body = chat("alpha", stream=True)
    async with as_process(routing, tmp_path, settings) as process:
        asking = [asyncio.create_task(caller.ask(body)) for caller in (process.http, process.grpc)]
        await begun(fleet, 2)
        process.process.terminate()
        assert await process.stopped() == 0
        for reply in await asyncio.gather(*asking):
            assert not reply.whole, reply
            assert not reply.done_mark
        outcomes = {entry.outcome for entry in await fleet["first"].log()}
        assert outcomes == {"client closed"}
        assert "Traceback" not in process.log.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_router_stops_at_once(process: RouterProcess, number: signal.Signals) -> None:
    assert (await process.http.ask(chat("alpha"))).whole
    assert (await process.grpc.ask(chat("alpha"))).whole
    process.process.send_signal(number)
    async with asyncio.timeout(DRAIN_S):
        assert await process.stopped() == 0
    with pytest.raises(aiohttp.ClientConnectionError):
        await process.http.ask(chat("alpha"))
    with pytest.raises(grpc.aio.AioRpcError):
        await process.grpc.stub.Generate(router_pb2.GenerateRequest(model="alpha", prompt="hello"))


# ── The queue ───────────────────────────────────────────────────────────────────────────────────


async def queued(process: RouterProcess, number: int) -> None:
    """Wait until so many requests wait for a slot."""

    async def enough() -> bool:
        async with process.http.session.get(f"{process.http.url}/metrics") as response:
            text = await response.text()
        return f'router_requests_waiting{{work="carry_out"}} {number:.1f}' in text

    await until(enough, f"{number} requests wait")


async def test_the_waiting_are_served_while_there_is_time(
    fleet: FakeFleet, routing: Path, tmp_path: Path, stream: bool
) -> None:
    await fleet["first"].behave(SLOW)
    settings = {"limits": {"drain_timeout_s": 20, "max_concurrent": 2, "queue_timeout_s": 15}}
    async with as_process(routing, tmp_path, settings) as process:
        callers = (process.http, process.grpc)
        asking = [asyncio.create_task(c.ask(chat("sibling", stream=True))) for c in callers]
        await begun(fleet, 2)
        asking += [asyncio.create_task(c.ask(chat("alone", stream=stream))) for c in callers]
        await queued(process, 2)
        process.process.terminate()
        for reply in await asyncio.gather(*asking):
            assert reply.whole, reply
        assert await process.stopped() == 0
        assert "Traceback" not in process.log.read_text()


async def test_the_waiting_are_told_when_there_is_no_time(
    fleet: FakeFleet, patient: Path, tmp_path: Path
) -> None:
    await fleet["first"].behave(Behaviour(faults=(Fault(FaultKind.SLOW_DRIP, seconds=2),)))
    settings = {"limits": {"drain_timeout_s": 2, "max_concurrent": 2, "queue_timeout_s": 60}}
    async with as_process(patient, tmp_path, settings) as process:
        callers = (process.http, process.grpc)
        running = [asyncio.create_task(c.ask(chat("alone", stream=True))) for c in callers]
        await begun(fleet, 2)
        waiting = [asyncio.create_task(c.ask(chat("alone"))) for c in callers]
        await queued(process, 2)
        process.process.terminate()
        over_http, over_grpc = await asyncio.gather(*waiting)
        assert (over_http.status, over_http.code) == (503, "draining")
        assert (over_grpc.status, over_grpc.code) == ("UNAVAILABLE", "draining")
        assert await process.stopped() == 0
        assert not any(reply.whole for reply in await asyncio.gather(*running))
        refused = [r for r in process.access_log.requests() if r["refusal"] == "draining"]
        assert sorted(request["face"] for request in refused) == ["grpc", "http"]


async def test_idle_connections_and_streams_hold_nothing_up(process: RouterProcess) -> None:
    assert (await process.http.ask(chat("alpha"))).whole  # its connection is kept open
    routing_stream = process.grpc.stub.RouteStream()
    await routing_stream.write(
        router_pb2.RouteStreamRequest(
            correlation_id="1", route=router_pb2.RouteRequest(model="alpha", prompt="hello")
        )
    )
    assert (await routing_stream.read()).result.HasField("decision")
    process.process.terminate()
    async with asyncio.timeout(DRAIN_S / 2):
        assert await process.stopped() == 0
    with pytest.raises(grpc.aio.AioRpcError) as ended:
        await routing_stream.read()
    assert ended.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_body_that_never_comes_holds_nothing_up(
    fleet: FakeFleet, routing: Path, tmp_path: Path
) -> None:
    """Neither with a slot, nor in the queue."""
    settings = {"limits": {"drain_timeout_s": 2, "max_concurrent": 1}}
    async with as_process(routing, tmp_path, settings) as process:
        host, _, port = process.http.url.removeprefix("http://").partition(":")
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{"
        connections = [await asyncio.open_connection(host, int(port)) for _ in range(2)]
        for _, writer in connections:
            writer.write(head)
        await queued(process, 1)
        process.process.terminate()
        async with asyncio.timeout(10):
            assert await process.stopped() == 0
        for _, writer in connections:
            writer.close()
        assert "Traceback" not in process.log.read_text()

"""Ten times the load that the router has room for: as much is answered as without it, the rest is
told at once when to come again, and nothing grows."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import aiohttp
import grpc.aio
import pytest

from router_service.testing import Behaviour, FakeFleet
from router_service.v1 import router_pb2

from .callers import Reply, chat
from .routers import InProcessRouter, RouterProcess, as_process, in_process, until

SLOTS = 8
ANSWER_S = 0.4
CAPACITY = SLOTS / ANSWER_S
"""Answers a second."""
LOAD = 10 * CAPACITY
LASTS_S = 5.0
MOST_GROWTH_BYTES = 30 * 1024 * 1024
PADDING = "x" * 16_384
LIMITS = {"limits": {"max_concurrent": SLOTS, "max_queue": SLOTS}}
KEYS = {"ROUTER_SERVICE_API_KEYS": "flood:flood-key,modest:modest-key"}
PAGE_BYTES = 4096


@dataclass
class Answered:
    """What became of the requests of one caller."""

    replies: list[tuple[Reply, float]] = field(default_factory=list)
    """Each with the time it took, seconds."""

    @property
    def whole(self) -> int:
        return sum(reply.whole for reply, _ in self.replies)

    @property
    def refused(self) -> list[tuple[Reply, float]]:
        return [(reply, seconds) for reply, seconds in self.replies if not reply.whole]


@pytest.fixture
async def busy_fleet(fleet: FakeFleet) -> FakeFleet:
    await fleet["first"].behave(Behaviour(latency_s=ANSWER_S))
    return fleet


@pytest.fixture
async def process(
    busy_fleet: FakeFleet, patient: Path, tmp_path: Path
) -> AsyncIterator[RouterProcess]:
    async with as_process(patient, tmp_path, LIMITS, KEYS) as running:
        yield running


async def come(
    router: RouterProcess | InProcessRouter, number: int, answered: Answered, key: str
) -> None:
    """One request, over either face, whole or streamed."""
    caller = (router.http, router.grpc)[number % 2]
    body = chat("alone", PADDING, stream=number % 4 > 1)
    began = time.monotonic()
    reply = await caller.ask(body, headers={"x-api-key": key})
    answered.replies.append((reply, time.monotonic() - began))


async def keep_coming(router: RouterProcess, rate: float, answered: Answered, key: str) -> None:
    """Requests at a steady rate, whatever becomes of them."""
    async with asyncio.TaskGroup() as group:
        began = time.monotonic()
        for number in range(round(rate * LASTS_S)):
            await asyncio.sleep(began + number / rate - time.monotonic())
            group.create_task(come(router, number, answered, key))


def memory_bytes(process: RouterProcess) -> int:
    statistics = Path(f"/proc/{process.process.pid}/statm").read_text()
    return int(statistics.split()[1]) * PAGE_BYTES


async def watched(process: RouterProcess) -> list[int]:
    """The process's memory, looked at ten times a second from the second second on."""
    seen: list[int] = []
    await asyncio.sleep(2)
    for _ in range(round((LASTS_S - 2) * 10)):
        seen.append(memory_bytes(process))
        await asyncio.sleep(0.1)
    return seen


async def operated(process: RouterProcess) -> list[str]:
    """What operators and callers who only ask for decisions see meanwhile."""
    seen: list[str] = []
    key = {"x-api-key": "modest-key"}
    route = router_pb2.RouteRequest(model="beta", prompt="hello")
    for _ in range(round(LASTS_S * 4)):
        for path in ("/health", "/ready", "/metrics"):
            async with process.http.session.get(process.http.url + path, headers=key) as response:
                await response.read()
                seen.append(f"{path} {response.status}")
        try:
            await process.grpc.stub.Route(route, metadata=tuple(key.items()))
            seen.append("Route OK")
        except grpc.aio.AioRpcError as error:
            seen.append(f"Route {error.code().name}")
        await asyncio.sleep(0.25)
    return seen


async def figures(process: RouterProcess, name: str) -> dict[str, float]:
    """The values of one metric by their labels."""
    url, key = f"{process.http.url}/metrics", {"x-api-key": "modest-key"}
    async with process.http.session.get(url, headers=key) as response:
        text = await response.text()
    return {
        labels: float(value)
        for labels, value in re.findall(rf"^{name}\{{(.*)\}} (\S+)$", text, re.MULTILINE)
    }


async def at_rest(process: RouterProcess) -> bool:
    running = await figures(process, "router_requests_running")
    waiting = await figures(process, "router_requests_waiting")
    held = await figures(process, "router_body_bytes_held")
    in_flight = await figures(process, "router_in_flight")
    routed = {'provider="second"'}  # permits of Route callers, who never reported
    return not any((*running.values(), *waiting.values(), *held.values())) and not any(
        count for provider, count in in_flight.items() if provider not in routed
    )


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
async def test_ten_times_the_capacity(process: RouterProcess) -> None:
    flood, modest = Answered(), Answered()
    async with asyncio.TaskGroup() as group:
        memory = group.create_task(watched(process))
        seen = group.create_task(operated(process))
        group.create_task(keep_coming(process, LOAD, flood, "flood-key"))
        group.create_task(keep_coming(process, CAPACITY / 10, modest, "modest-key"))

    answered = flood.whole + modest.whole
    assert answered >= 0.75 * CAPACITY * LASTS_S
    assert modest.whole == len(modest.replies), "a flood starved another caller"
    for reply, _ in flood.refused:
        assert reply.status in (429, "RESOURCE_EXHAUSTED"), reply
        assert reply.code == "overloaded"
        assert reply.retry_after_s is not None, reply
        assert reply.retry_after_s >= 1
    assert len(flood.refused) >= 0.5 * LOAD * LASTS_S
    assert median(seconds for _, seconds in flood.refused) < 0.25

    assert set(seen.result()) == {"/health 200", "/ready 200", "/metrics 200", "Route OK"}
    grown = max(memory.result()) - memory.result()[0]
    assert grown < MOST_GROWTH_BYTES, f"the router grew by {grown / 2**20:.1f} MiB"

    await until(lambda: at_rest(process), "nothing runs, waits or is held")
    counted = await figures(process, "router_refused_total")
    assert sum(counted.values()) == len(flood.refused)
    logged = Counter(line["status"] for line in process.access_log.requests())
    assert logged["overloaded"] == len(flood.refused)
    assert "Traceback" not in process.log.read_text()


def tasks() -> int:
    """Tasks of this process, without those of connections kept open for a next request."""
    names = (task.get_coro().__qualname__ for task in asyncio.all_tasks())  # type: ignore[union-attr]
    return sum(name != "RequestHandler.start" for name in names)


async def test_a_wave_leaves_no_task_behind(
    busy_fleet: FakeFleet, patient: Path, tmp_path: Path
) -> None:
    answered = Answered()
    async with in_process(patient, tmp_path, LIMITS) as router:
        await come(router, 0, answered, "none")
        await come(router, 1, answered, "none")
        before = tasks()
        coming = (come(router, number, answered, "none") for number in range(20 * SLOTS))
        await asyncio.gather(*coming)
        await router.idle()
        assert answered.whole == 2 + 2 * SLOTS
        for name in ("router_requests_running", "router_requests_waiting"):
            assert not any((await figures(router, name)).values())
        await until(lambda: tasks() <= before, f"no more tasks than before: {before}")


async def test_a_deadline_that_cannot_be_kept_is_refused_at_once(
    busy_fleet: FakeFleet, patient: Path, tmp_path: Path, face: str
) -> None:
    one_slot = {"limits": {"max_concurrent": 1, "max_queue": 100}}
    async with in_process(patient, tmp_path, one_slot) as router:
        caller = router.face(face)
        assert (await caller.ask(chat("alone"))).whole
        waiting = [asyncio.create_task(caller.ask(chat("alone"))) for _ in range(4)]
        lanes = router.service.admission.lanes.values()
        await until(lambda: sum(lane.waiting for lane in lanes) == 3, "three wait")
        began = time.monotonic()
        reply = await caller.ask(chat("alone"), timeout_s=3 * ANSWER_S)
        assert reply.status in (429, "RESOURCE_EXHAUSTED")
        assert "deadline" in reply.message
        assert time.monotonic() - began < ANSWER_S
        for task in waiting:
            assert (await task).whole
        refusals = [line["refusal"] for line in router.access_log.requests()]
        await until(
            lambda: (
                "cannot_make_deadline" in [line["refusal"] for line in router.access_log.requests()]
            ),
            f"the refusal is logged, {refusals}",
        )


async def test_many_connections_that_send_slowly_hold_only_their_places(
    busy_fleet: FakeFleet, patient: Path, tmp_path: Path
) -> None:
    """Bodies that never come take up slots and places in the queue, and those are bounded."""
    async with in_process(patient, tmp_path, LIMITS) as router:
        host, port = "127.0.0.1", router.service.http_port
        head = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n{"
        writers = []
        for _ in range(5 * SLOTS):
            _, writer = await asyncio.open_connection(host, port)
            writer.write(head)
            writers.append(writer)
        lane = next(iter(router.service.admission.lanes.values()))
        await until(lambda: (lane.running, lane.waiting) == (SLOTS, SLOTS), "all places are taken")
        async with aiohttp.ClientSession() as session:
            url = f"{router.http.url}/v1/chat/completions"
            async with session.post(url, data=json.dumps(chat("alone"))) as response:
                assert response.status == 429
        for writer in writers:
            writer.close()
        await router.idle()
        assert (lane.running, lane.waiting, lane.bytes_held) == (0, 0, 0)

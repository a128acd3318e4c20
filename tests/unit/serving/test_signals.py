"""Load is polled at its interval, never twice at once, less where nothing comes of it; a failure
tells the core nothing, so that the last figure grows too old."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import SimpleNamespace
from typing import Any

import pytest

from router_service.errors import UpstreamError
from router_service.serving.signals import NOT_OFFERED_S, WARM_CHECK_S, SignalPolling
from router_service.types import LoadSignals, OutcomeClass

from .virtual_time import VirtualTime

BUSY = LoadSignals(running=3, waiting=1, cache_used=0.5, loaded=("m",))


class Server:
    """A connector whose provider answers with `says` after `takes_s`."""

    def __init__(self, time: VirtualTime, says: LoadSignals | None = BUSY) -> None:
        self.says = says
        self.takes_s = 0.0
        self.asked_at: list[float] = []
        self.timeouts: set[float] = set()
        self.at_once = 0
        self.most_at_once = 0
        self._time = time

    async def signals(self, timeout_s: float) -> LoadSignals:
        self.asked_at.append(self._time.now_s)
        self.timeouts.add(timeout_s)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            if self.takes_s:
                await self._time.sleep(self.takes_s)
            if self.says is None:
                raise UpstreamError(OutcomeClass.UNREACHABLE, "refused")
            return self.says
        finally:
            self.at_once -= 1


class Core:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[dict[str, Any]] = []
        self.disabled: set[str] = set()

    def is_disabled(self, provider: str, now_us: int) -> bool:
        return provider in self.disabled

    def signal(self, provider: str, now_us: int, valid_for_us: int, **figures: Any) -> None:
        times = {"provider": provider, "now_us": now_us, "valid_for_us": valid_for_us}
        self.told.append(times | figures)


@pytest.fixture
def time() -> VirtualTime:
    return VirtualTime()


@pytest.fixture
def core() -> Core:
    return Core()


Begin = Callable[..., asyncio.Task[None]]


@pytest.fixture
async def begin(time: VirtualTime, core: Core) -> AsyncIterator[Begin]:
    begun: list[asyncio.Task[None]] = []

    def poll(upstreams: dict[str, Any], interval_s: float = 1.0) -> asyncio.Task[None]:
        polling = SignalPolling(
            core,
            upstreams,
            interval_s=interval_s,
            clock=time.clock,
            sleep=time.sleep,
            spread=lambda: 0.5,
        )
        begun.append(asyncio.create_task(polling.run()))
        return begun[-1]

    yield poll
    for task in begun:
        task.cancel()
    await asyncio.gather(*begun, return_exceptions=True)


def upstream(
    connector: Server, name: str = "p", *, location: str = "local", active: bool = True
) -> Any:
    provider = SimpleNamespace(id=name, location=location, active=active)
    return SimpleNamespace(provider=provider, connector=connector)


async def test_figures_reach_the_core_with_their_age_limit(
    time: VirtualTime, core: Core, begin: Begin
) -> None:
    server = Server(time)
    begin({"p": upstream(server)}, interval_s=2.0)
    await time.advance(1.0)
    assert core.told == [
        {
            "provider": "p",
            "now_us": 1_000_000,
            "valid_for_us": 6_000_000,
            "running": 3,
            "waiting": 1,
            "cache_used": 0.5,
            "loaded": ("m",),
        }
    ]
    assert server.timeouts == {WARM_CHECK_S}


async def test_polls_come_at_their_interval_after_a_spread_start(
    time: VirtualTime, begin: Begin
) -> None:
    server = Server(time)
    begin({"p": upstream(server)})
    await time.advance(4.0)
    assert server.asked_at == [0.5, 1.5, 2.5, 3.5]


async def test_only_active_local_providers_are_polled(time: VirtualTime, begin: Begin) -> None:
    here, cloud, idle = Server(time), Server(time), Server(time)
    begin(
        {
            "here": upstream(here),
            "cloud": upstream(cloud, location="cloud"),
            "idle": upstream(idle, active=False),
        }
    )
    await time.advance(2.0)
    assert (len(here.asked_at), cloud.asked_at, idle.asked_at) == (2, [], [])


async def test_providers_come_go_and_move_with_a_reload(time: VirtualTime, begin: Begin) -> None:
    before, after, new = Server(time), Server(time, says=None), Server(time)
    upstreams: dict[str, Any] = {}
    begin(upstreams)
    await time.advance(0.9)
    upstreams["moves"] = upstream(before, "moves")
    await time.advance(2.0)
    assert before.asked_at == [1.5, 2.5]
    upstreams |= {"moves": upstream(after, "moves"), "new": upstream(new, "new")}
    await time.advance(1.0)
    assert (len(before.asked_at), after.asked_at, new.asked_at) == (2, [3.5], [3.5])
    upstreams.clear()
    await time.advance(60.0)
    assert (len(before.asked_at), after.asked_at, new.asked_at) == (2, [3.5], [3.5])


async def test_a_reload_that_changes_nothing_disturbs_no_poll(
    time: VirtualTime, begin: Begin
) -> None:
    server = Server(time)
    upstreams = {"p": upstream(server)}
    begin(upstreams)
    for _ in range(20):
        await time.advance(0.2)
        upstreams["p"] = upstream(server)
    assert server.asked_at == [0.5, 1.5, 2.5, 3.5]


async def test_one_that_an_operator_disabled_is_left_alone(
    time: VirtualTime, core: Core, begin: Begin
) -> None:
    server = Server(time)
    core.disabled.add("p")
    begin({"p": upstream(server)})
    await time.advance(5.0)
    assert server.asked_at == []
    core.disabled.clear()
    await time.advance(1.0)
    assert len(server.asked_at) == 1


async def test_a_slow_server_is_never_asked_twice_at_once(time: VirtualTime, begin: Begin) -> None:
    slow, quick = Server(time), Server(time)
    slow.takes_s = 5.0
    begin({"slow": upstream(slow, "slow"), "quick": upstream(quick, "quick")})
    await time.advance(13.0)
    assert slow.asked_at == [0.5, 6.5, 12.5]
    assert slow.most_at_once == 1
    assert len(quick.asked_at) == 13


async def test_a_failing_server_is_asked_less_and_less_but_never_given_up(
    time: VirtualTime, core: Core, begin: Begin
) -> None:
    server = Server(time, says=None)
    begin({"p": upstream(server)})
    await time.advance(92.0)
    gaps = [b - a for a, b in zip(server.asked_at, server.asked_at[1:], strict=False)]
    assert gaps == [1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    assert core.told == []


async def test_a_server_that_answers_again_is_asked_as_before(
    time: VirtualTime, core: Core, begin: Begin
) -> None:
    server = Server(time, says=None)
    begin({"p": upstream(server)})
    await time.advance(3.0)
    server.says = BUSY
    await time.advance(4.0)
    assert server.asked_at == [0.5, 1.5, 3.5, 4.5, 5.5, 6.5]
    assert len(core.told) == 4


async def test_a_failure_never_refreshes_the_last_figure(
    time: VirtualTime, core: Core, begin: Begin
) -> None:
    server = Server(time)
    begin({"p": upstream(server)})
    await time.advance(1.0)
    server.says = None
    await time.advance(60.0)
    (only,) = core.told
    assert only["now_us"] + only["valid_for_us"] == 3_500_000


async def test_a_server_that_tells_nothing_is_left_alone_for_minutes(
    time: VirtualTime, core: Core, begin: Begin
) -> None:
    server = Server(time, says=LoadSignals())
    begin({"p": upstream(server)})
    await time.advance(NOT_OFFERED_S)
    assert server.asked_at == [0.5]
    server.says = BUSY
    await time.advance(2.0)
    assert server.asked_at == [0.5, NOT_OFFERED_S + 0.5, NOT_OFFERED_S + 1.5]
    assert len(core.told) == 2


async def test_an_empty_memory_is_told(time: VirtualTime, core: Core, begin: Begin) -> None:
    begin({"p": upstream(Server(time, says=LoadSignals(loaded=())))})
    await time.advance(1.0)
    assert (core.told[0]["loaded"], core.told[0]["running"]) == ((), None)


@pytest.mark.parametrize("takes_s", [0.0, 100.0], ids=["between polls", "within a poll"])
async def test_cancelling_is_clean(time: VirtualTime, begin: Begin, takes_s: float) -> None:
    server = Server(time)
    server.takes_s = takes_s
    task = begin({"p": upstream(server), "q": upstream(server, "q")})
    await time.advance(1.0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.at_once == 0
    await time.advance(500.0)
    assert len(server.asked_at) == 2

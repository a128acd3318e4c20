"""Steady load: requests leave at their time, whatever became of those before them. Every one is
judged, and the judge knows how late this process itself was."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
import itertools
import random
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

import aiohttp

from e2e.callers import chat
from e2e.routers import Router

from .verdicts import GRACE_S, End, Truth, Verdict, judged

PATIENCE_S = 5.0
"""Past its deadline a request is given up this much later."""

MODELS = (
    *(["llama3.1:latest"] * 3),
    *(["qwen2.5-coder:7b"] * 2),
    "mythomax-l2-13b-q5_k_m",
    *(["qwen-coder-vllm"] * 2),
    *(["gpt-oss:120b-cloud"] * 2),
    "gpt-oss:20b-cloud",
    "llama-cpp-native",
    "meta-llama/Llama-3.2-3B-Instruct",
)
"""Models of the reference fleet in the proportion they are asked for: every provider is the first
choice of some, and every one has something behind it."""

_TICK_S = 0.02


class Ask(Protocol):
    """Something to ask of a router."""

    @property
    def face(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def deadline_s(self) -> float: ...

    async def put(self, router: Router, truth: Truth) -> Verdict:
        """Ask it and judge what came. May raise where the connection failed."""


@dataclass(frozen=True, slots=True)
class Chat:
    """One request for a chat."""

    number: int
    face: str
    model: str
    stream: bool
    deadline_s: float

    async def put(self, router: Router, truth: Truth) -> Verdict:
        prompt = f"question {self.number}"
        body = chat(self.model, prompt, stream=self.stream)
        reply = await router.face(self.face).ask(body, timeout_s=self.deadline_s)
        return judged(prompt, reply, truth)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request and its end. Times are time.monotonic()."""

    ask: Ask
    verdict: Verdict
    sent_at: float
    ended_at: float
    late_s: float = 0.0
    """How long the machine, not the router, kept it waiting."""

    @property
    def past_deadline_s(self) -> float:
        """How long after its deadline it ended, less what the machine did; below 0 is in time."""
        return self.ended_at - self.sent_at - self.ask.deadline_s - self.late_s

    @property
    def end(self) -> End:
        return self.verdict.end

    @property
    def provider(self) -> str | None:
        return self.verdict.provider


def chats(deadlines_s: Sequence[float] = (20.0,)) -> Iterator[Chat]:
    """Requests without end: each round asks for every model in a new order, on both faces, whole
    and streamed, with each deadline in turn."""
    order = random.Random(4)
    numbers = itertools.count()
    while True:
        for model in order.sample(MODELS, len(MODELS)):
            number = next(numbers)
            face, stream = ("http", "grpc")[number % 2], number // 2 % 2 == 1
            deadline_s = deadlines_s[number // 4 % len(deadlines_s)]
            yield Chat(number, face, model, stream, deadline_s)


class Load:
    """Requests at a steady rate, and what became of them."""

    def __init__(
        self,
        router: Router,
        truth: Truth,
        rate: float,
        asked: Iterator[Ask],
        pid: int | None = None,
    ) -> None:
        """rate is requests a second; pid the router's, which may have to wait for a processor."""
        self.begun = 0
        self.sent: list[Sent] = []
        self._router = router
        self._truth = truth
        self._rate = rate
        self._asked = asked
        self._lateness = Lateness(pid)
        self._under_way: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load inside the block; leaving it waits for the requests still under way."""
        async with asyncio.TaskGroup() as group:
            clock = group.create_task(self._lateness.run())
            arrivals = group.create_task(self._arrive(group))
            yield
            arrivals.cancel()
            await asyncio.gather(*self._under_way)
            clock.cancel()

    def counts(self) -> Counter[End]:
        return Counter(sent.end for sent in self.sent)

    def of(self, *ends: End) -> list[Sent]:
        return [sent for sent in self.sent if sent.end in ends]

    async def _arrive(self, group: asyncio.TaskGroup) -> None:
        due = time.monotonic()
        for ask in self._asked:
            self.begun += 1
            sending = group.create_task(self._send(ask))
            self._under_way.add(sending)
            sending.add_done_callback(self._under_way.discard)
            due += 1 / self._rate
            await asyncio.sleep(due - time.monotonic())

    async def _send(self, ask: Ask) -> None:
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(ask.deadline_s + PATIENCE_S):
                verdict = await ask.put(self._router, self._truth)
        except TimeoutError:
            verdict = Verdict(End.HANG, note="given up by its caller")
        except (aiohttp.ClientError, OSError) as error:
            verdict = Verdict(End.LOST, note=f"{type(error).__name__}: {error}")
        ended_at, late_s = time.monotonic(), self._lateness.since(sent_at)
        if ended_at - sent_at > ask.deadline_s + GRACE_S + late_s:
            verdict = replace(verdict, end=End.HANG)
        self.sent.append(Sent(ask, verdict, sent_at, ended_at, late_s))


class Lateness:
    """How late this process's own event loop is, and how long the router waited for a processor:
    what a hang must not be mistaken for. On a machine with room to spare both are nothing."""

    def __init__(self, pid: int | None) -> None:
        self._schedstat = Path(f"/proc/{pid}/schedstat")
        self._seen: list[tuple[float, float, float]] = []

    async def run(self) -> None:
        waited = self._waited_s()
        while True:
            before, waited_before = time.monotonic(), waited
            await asyncio.sleep(_TICK_S)
            now, waited = time.monotonic(), self._waited_s()
            late, starved = now - before - _TICK_S, waited - waited_before
            if late > _TICK_S or starved > 0:
                self._seen.append((now, late, starved))

    def since(self, moment: float) -> float:
        """The longest delay of a timer here, and all waits of the router, since then, seconds."""
        seen = self._seen[bisect.bisect_left(self._seen, (moment, 0.0, 0.0)) :]
        return max((late for _, late, _ in seen), default=0.0) + sum(wait for _, _, wait in seen)

    def _waited_s(self) -> float:
        """How long the router's main thread stood in the run queue so far, as Linux counts it."""
        try:
            return int(self._schedstat.read_text().split()[1]) / 1e9
        except (OSError, IndexError):  # another system, or the router has ended
            return 0.0

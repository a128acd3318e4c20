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

import aiohttp

from ..callers import Reply
from ..routers import Router
from .verdicts import GRACE_S, End, Sent, Truth, Wish, judged

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


def wishes(deadlines_s: Sequence[float] = (20.0,)) -> Iterator[Wish]:
    """Requests without end: each round asks for every model in a new order, on both faces, whole
    and streamed, with each deadline in turn."""
    order = random.Random(4)
    numbers = itertools.count()
    while True:
        for model in order.sample(MODELS, len(MODELS)):
            number = next(numbers)
            face, stream = ("http", "grpc")[number % 2], number // 2 % 2 == 1
            deadline_s = deadlines_s[number // 4 % len(deadlines_s)]
            yield Wish(number, face, model, stream, deadline_s)


class Load:
    """Requests at a steady rate, and what became of them."""

    def __init__(
        self, router: Router, truth: Truth, *, rate: float, asked: Iterator[Wish] | None = None
    ) -> None:
        self.sent: list[Sent] = []
        self._router = router
        self._truth = truth
        self._rate = rate
        self._asked = asked or wishes()
        self._lateness = Lateness()
        self.begun = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Load inside the block; leaving it waits for the requests still under way."""
        async with asyncio.TaskGroup() as group:
            own = [group.create_task(self._arrive(group)), group.create_task(self._lateness.run())]
            yield
            own[0].cancel()
            while len(self.sent) < self.begun:
                await asyncio.sleep(_TICK_S)
            own[1].cancel()

    def counts(self) -> Counter[End]:
        return Counter(sent.end for sent in self.sent)

    def of(self, *ends: End) -> list[Sent]:
        return [sent for sent in self.sent if sent.end in ends]

    async def _arrive(self, group: asyncio.TaskGroup) -> None:
        due = time.monotonic()
        for wish in self._asked:
            self.begun += 1
            group.create_task(self._send(wish))
            due += 1 / self._rate
            await asyncio.sleep(due - time.monotonic())

    async def _send(self, wish: Wish) -> None:
        sent_at = time.monotonic()
        reply, note = Reply(), ""
        try:
            async with asyncio.timeout(wish.deadline_s + PATIENCE_S):
                caller = self._router.face(wish.face)
                reply = await caller.ask(wish.body, timeout_s=wish.deadline_s)
                note = reply.message
        except TimeoutError:
            note = "given up by its caller"
        except (aiohttp.ClientError, OSError) as error:
            note = f"{type(error).__name__}: {error}"
        ended_at = time.monotonic()
        end, code = judged(wish, reply, self._truth)
        if ended_at - sent_at > wish.deadline_s + GRACE_S + self._lateness.since(sent_at):
            end = End.HANG
        if end is End.LIE:
            note = f"{reply.model} answered {reply.text!r}"
        tried = tuple(provider for provider, _ in reply.tries)
        self.sent.append(Sent(wish, end, sent_at, ended_at, code, reply.provider, tried, note))


class Lateness:
    """How late this process's own event loop is: what a hang must not be mistaken for."""

    def __init__(self) -> None:
        self._worst: list[tuple[float, float]] = []

    async def run(self) -> None:
        while True:
            before = time.monotonic()
            await asyncio.sleep(_TICK_S)
            now = time.monotonic()
            if (late := now - before - _TICK_S) > _TICK_S:
                self._worst.append((now, late))

    def since(self, moment: float) -> float:
        """The longest delay of a timer since then, seconds."""
        first = bisect.bisect_left(self._worst, (moment, 0.0))
        return max((late for _, late in self._worst[first:]), default=0.0)

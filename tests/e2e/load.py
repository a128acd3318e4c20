"""Constant load on both faces, streamed and whole; it keeps every reply to be judged at the end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable
from typing import Self

from router_service.testing import expected_text

from .callers import Reply, chat
from .routers import Router, until

DEADLINE_S = 20.0
CALLERS = 16
"""Four of each kind: a face, streamed or whole."""


class Load:
    """So many callers, each asking again as soon as it has its answer. Ends with the block."""

    def __init__(self, router: Router, model: str, callers: int = CALLERS) -> None:
        self.replies: list[tuple[str, Reply]] = []
        """With the prompt each was asked."""
        self._router = router
        self._model = model
        self._callers = callers
        self._stopping = False
        self._tasks: list[asyncio.Task[None]] = []

    async def __aenter__(self) -> Self:
        self._tasks = [asyncio.create_task(self._ask(number)) for number in range(self._callers)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stopping = True
        await asyncio.gather(*self._tasks)

    async def _ask(self, number: int) -> None:
        caller = self._router.face("http" if number % 2 else "grpc")
        for turn in itertools.count():
            if self._stopping:
                return
            prompt = f"question {number}-{turn}"
            body = chat(self._model, prompt, stream=number // 2 % 2 == 1)
            async with asyncio.timeout(DEADLINE_S + 1):
                self.replies.append((prompt, await caller.ask(body, timeout_s=DEADLINE_S)))

    async def more(self, replies: int) -> None:
        """Wait for so many further replies."""
        wanted = len(self.replies) + replies
        await until(
            lambda: len(self.replies) >= wanted, f"{wanted} replies in all", within_s=DEADLINE_S
        )

    def check(self, excused: Callable[[Reply], bool] = lambda _: False) -> list[Reply]:
        """Every reply is whole and right, but for the excused, which are given back."""
        found = []
        for prompt, reply in self.replies:
            if not reply.whole:
                assert excused(reply), reply
                found.append(reply)
                continue
            assert reply.text == expected_text(self._model, prompt), reply
        return found

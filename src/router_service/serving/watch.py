"""Looks whether the files of the routing config have changed, and has them read again once they
have come to rest. A file that is still being written is left alone until its next look."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from router_service.serving.ports import Loaded

INTERVAL_S = 1.0
"""Between two looks. A change is taken up at the second one that finds it the same."""

logger = logging.getLogger(__name__)


class Reloading(Protocol):
    """What is told of a change; serving.operations.Operations fits."""

    @property
    def read(self) -> Loaded:
        """What the last reading gave, whether it was put in place or not."""

    async def reload_changed(self) -> None:
        """The files are not what they were when they were read."""


async def keep_watching(
    operations: Reloading,
    *,
    interval_s: float = INTERVAL_S,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Look every `interval_s`, until cancelled."""
    seen = failed = operations.read.files
    while True:
        await sleep(interval_s)
        now = await asyncio.to_thread(operations.read.files.again)
        at_rest, seen = now == seen, now
        if not at_rest or now in (operations.read.files, failed):
            continue
        try:
            await operations.reload_changed()
        except Exception:
            # A fault of ours: said once for each state of the files, not at every look.
            failed = now
            logger.exception("the reload failed; the routing config in use stays")

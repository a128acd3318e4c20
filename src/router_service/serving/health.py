"""Knocks at providers that cool down because no connection to them could be made, and ends the
cooldown of one that answers. Spec R13: only connection-type failures may be cut short so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

from router_service.core import Clock, now_us
from router_service.errors import UpstreamError
from router_service.serving.upstreams import Upstream
from router_service.types import OutcomeClass

PROBE_S = 2.0
"""Longest wait for an answer to one probe."""

MOST_AT_ONCE = 32

NOT_REACHED = frozenset(
    {
        OutcomeClass.UNREACHABLE,
        OutcomeClass.CONNECTION_RESET,
        OutcomeClass.SILENT,
        OutcomeClass.DEADLINE,  # the probe's own limit passed
        OutcomeClass.UNAUTHORIZED,  # without a status: there is no key here, so nothing was sent
    }
)

logger = logging.getLogger(__name__)


class Unreachables(Protocol):
    """Who knows which providers to knock at; core.Router fits."""

    def unreachable(self, now_us: int) -> Sequence[str]:
        """Ids of providers that cool down after connection-type failures."""

    def reachable(self, provider: str, now_us: int) -> None:
        """End the cooldown of this one."""


async def keep_probing(
    known: Unreachables,
    upstreams: Mapping[str, Upstream],
    *,
    interval_s: float,
    timeout_s: float = PROBE_S,
    clock: Clock = now_us,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> None:
    """Probe every `interval_s`, until cancelled; a round ends before the next one starts."""
    while True:
        await sleep(interval_s)
        await probe_unreachable(known, upstreams, timeout_s=timeout_s, clock=clock)


async def probe_unreachable(
    known: Unreachables,
    upstreams: Mapping[str, Upstream],
    *,
    timeout_s: float = PROBE_S,
    clock: Clock = now_us,
) -> None:
    """Probe all of them once, side by side."""
    room = asyncio.Semaphore(MOST_AT_ONCE)

    async def probe(upstream: Upstream) -> None:
        async with room:
            reached = await _reaches(upstream, timeout_s)
        if reached:
            known.reachable(upstream.provider.id, clock())
            logger.info("%s can be reached again; its cooldown ends", upstream.provider.id)

    async with asyncio.TaskGroup() as probes:
        for provider_id in known.unreachable(clock()):
            if provider_id in upstreams:
                probes.create_task(probe(upstreams[provider_id]))


async def _reaches(upstream: Upstream, timeout_s: float) -> bool:
    """Whether there is somebody at the other end, whatever it says to the question."""
    try:
        await upstream.connector.probe(timeout_s)
    except UpstreamError as error:
        return error.status is not None or error.outcome_class not in NOT_REACHED
    except Exception:
        # A fault of ours with one provider must not end the probing of all of them.
        logger.exception("probing %s failed", upstream.provider.id)
        return False
    return True

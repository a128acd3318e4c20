"""Asks the local providers which models they hold and how large these are, so that a name without a
size in it can be routed by size. Outside every decision, and only now and then."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping

from router_service.core import Router, now_us
from router_service.errors import UpstreamError
from router_service.serving.upstreams import Upstream, active_local

EVERY_S = 60.0
TIMEOUT_S = 2.0

logger = logging.getLogger(__name__)


async def keep_learning(router: Router, upstreams: Mapping[str, Upstream]) -> None:
    """Ask now and every minute, until cancelled. A provider that does not answer is left out."""
    while True:
        await learn_sizes(router, upstreams)
        await asyncio.sleep(EVERY_S)


async def learn_sizes(router: Router, upstreams: Mapping[str, Upstream]) -> None:
    """Ask each active local provider once, but for those an operator wants left alone."""
    now = now_us()
    asked = [one for one in active_local(upstreams) if not router.is_disabled(one.provider.id, now)]
    for sizes in await asyncio.gather(*map(_sizes, asked)):
        router.learn_sizes(sizes)


async def _sizes(upstream: Upstream) -> dict[str, str]:
    try:
        listed = await upstream.connector.probe(TIMEOUT_S)
    except UpstreamError as error:
        logger.debug("no list of models from %s: %s", upstream.provider.id, error)
        return {}
    return {name: size for name, size in listed.items() if size is not None}

"""What an operator changes while the router runs: the routing config, and which providers are used.
Requests under way finish on what they started with, so nothing here can lose one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from router_service.core import Clock, Router, Table, now_us
from router_service.serving.ports import Finding, Reload
from router_service.serving.upstreams import Upstream, Upstreams

Load = Callable[[], tuple[Table | None, Sequence[Finding]]]
"""Reads the routing config: a table where there is no error, and all findings. May block."""

Connect = Callable[[Table], Iterable[Upstream]]
"""The upstreams of a table; those of unchanged providers keep their connectors."""

MOST_FINDINGS_LOGGED = 20

logger = logging.getLogger(__name__)


class Operations:
    """serving.ports.OperatorService over the compiled core."""

    def __init__(
        self,
        *,
        router: Router,
        upstreams: Upstreams,
        load: Load,
        connect: Connect,
        clock: Clock = now_us,
    ) -> None:
        self._router = router
        self._upstreams = upstreams
        self._load = load
        self._connect = connect
        self._clock = clock
        self._reloading = asyncio.Lock()

    # ── The routing config ──────────────────────────────────────────────────────────────────────

    async def reload(self, *, dry_run: bool = False) -> Reload:
        """See serving.ports.OperatorService.reload."""
        async with self._reloading:
            previous = self._router.table.version
            table, findings = await asyncio.to_thread(self._load)
            if table is not None and not dry_run:
                self._put_in_place(table)
            reload = Reload(table is not None, self._router.table.version, previous, findings)
        if not dry_run:
            _log(reload)
        return reload

    def _put_in_place(self, table: Table) -> None:
        """Nothing else runs in between: a request begins on the old of both or the new of both."""
        upstreams = list(self._connect(table))
        self._router.swap(table)
        self._upstreams.replace(upstreams)

    async def reload_on_signal(self) -> None:
        """As reload, where nobody waits for the answer: the log has it."""
        try:
            await self.reload()
        except Exception:
            logger.exception("the reload failed; the routing config in use stays")

    # ── Providers ───────────────────────────────────────────────────────────────────────────────

    def set_provider_state(
        self,
        provider: str,
        state: str,
        *,
        reason: str = "",
        duration_us: int | None = None,
        operator: str,
    ) -> dict[str, Any]:
        """See serving.ports.OperatorService.set_provider_state."""
        now = self._clock()
        until_us = 0 if duration_us is None else now + duration_us
        self._router.set_provider_state(provider, state, reason=reason, until_us=until_us)
        figures: dict[str, Any] = json.loads(self._router.status(now))["providers"][provider]
        told = figures["state_reason"] or "in use, as the config has it"
        logger.warning("provider %s: %s (set by %s)", provider, told, operator)
        return figures


def _log(reload: Reload) -> None:
    errors = [finding for finding in reload.findings if finding.severity == "error"]
    if not reload.accepted:
        logger.error(
            "the routing config was not reloaded; table %s stays in use; errors: %d",
            reload.table_version,
            len(errors),
        )
        for finding in errors[:MOST_FINDINGS_LOGGED]:
            logger.error("%s", finding)
        return
    logger.info(
        "the routing config was reloaded: table %s, before %s; warnings: %d",
        reload.table_version,
        reload.previous_version,
        len(reload.findings),
    )

"""What an operator changes while the router runs: the routing config, and which providers are used.
Requests under way finish on what they started with, so nothing here can lose one."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Sequence
from typing import Any

from router_service.core import Clock, Router, Table, now_us
from router_service.errors import ConfigRejected, RollbackRefused, SwitchRefused
from router_service.serving.changes import changes
from router_service.serving.members import with_active
from router_service.serving.ports import ConfigInUse, KeptConfig, Loaded, Reload, SwitchProgress
from router_service.serving.switch import Switching, SwitchSettings
from router_service.serving.upstreams import Upstream, Upstreams
from router_service.serving.versions import Version, Versions

Load = Callable[[], Loaded]
"""Reads the routing config. May block."""

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
        first: Loaded,
        versions: Versions,
        switch: SwitchSettings,
        clock: Clock = now_us,
    ) -> None:
        """`first` is what the table in use was read from; `versions` has it already."""
        self._router = router
        self._upstreams = upstreams
        self._load = load
        self._connect = connect
        self._read = first
        self._source = self._document = first.document
        """What was read, and the same with the active members of now."""
        self._active: dict[str, str] = {}
        """By exclusive group, where an operator has switched."""
        self._versions = versions
        self._rolled_back = False
        self._clock = clock
        self._changing = asyncio.Lock()
        self._switching = Switching(router, upstreams, self, switch, clock)

    # ── The routing config ──────────────────────────────────────────────────────────────────────

    @property
    def read(self) -> Loaded:
        """What the last reading of the files gave, whether it was put in place or not."""
        return self._read

    async def reload(self, *, dry_run: bool = False) -> Reload:
        """See serving.ports.OperatorService.reload."""
        async with self._changing:
            loaded = await asyncio.to_thread(self._load)
            if not dry_run:
                self._read = loaded
            return await self._take(loaded, dry_run=dry_run)

    async def reload_changed(self) -> None:
        """Read the files again because they have changed; the log has what became of it. Files that
        were only touched change nothing, so a rollback outlasts that."""
        async with self._changing:
            loaded = await asyncio.to_thread(self._load)
            before, self._read = self._read, loaded
            if _says_the_same(loaded, before):
                logger.info("the files of the routing config were written; they say what they said")
                return
            await self._take(loaded)

    async def reload_on_signal(self) -> None:
        """As reload, where nobody waits for the answer: the log has it."""
        try:
            await self.reload()
        except Exception:
            logger.exception("the reload failed; the routing config in use stays")

    async def rollback(self, version: str, *, dry_run: bool = False) -> Reload:
        """See serving.ports.OperatorService.rollback."""
        async with self._changing:
            kept = self._versions.find(version)
            table, document = await asyncio.to_thread(self._going_back, kept)
            changed = await asyncio.to_thread(changes, self._document, document)
            previous = self._router.table.version
            if not dry_run:
                self._put_in_place(table, document, kept.document)
                self._versions.go_back(kept)
                self._versions.rename(table.version)
                self._rolled_back = True
            reload = Reload(
                True, self._router.table.version, previous, (), changed, rolled_back=True
            )
            if not dry_run:
                _log(reload)
            return reload

    def config_in_use(self) -> ConfigInUse:
        """See serving.ports.OperatorService.config_in_use."""
        in_use = self._versions.in_use
        kept = [
            KeptConfig(one.version, one.since_us, one.version == in_use)
            for one in self._versions.kept
        ]
        return ConfigInUse(self._rolled_back, kept)

    async def _take(self, loaded: Loaded, *, dry_run: bool = False) -> Reload:
        """Put what was read in place, where it may be used."""
        previous = self._router.table.version
        changed: Sequence[str] = ()
        if loaded.table is not None:
            table, document = await asyncio.to_thread(
                self._as_switched, loaded.table, loaded.document
            )
            changed = await asyncio.to_thread(changes, self._document, document)
            if not dry_run:
                self._put_in_place(table, document, loaded.document)
                self._versions.put(Version(table.version, self._clock(), loaded.document))
                self._rolled_back = False
                await asyncio.to_thread(self._versions.save)
        accepted = loaded.table is not None
        reload = Reload(accepted, self._router.table.version, previous, loaded.findings, changed)
        if not dry_run:
            _log(reload)
        return reload

    def _going_back(self, kept: Version) -> tuple[Table, bytes]:
        """What to put in place. Raises RollbackRefused."""
        try:
            return self._as_switched(Table.compile(kept.document), kept.document)
        except ConfigRejected as rejected:
            # Only one kept by another version of the program, or written by somebody else.
            raise RollbackRefused(
                f"version {kept.version} cannot be used by this version of the program: {rejected}"
            ) from None

    def _as_switched(self, table: Table, source: bytes) -> tuple[Table, bytes]:
        """A config that was read, with the members active that an operator has switched to: which
        one runs is no matter of the file."""
        document = with_active(source, self._active)
        if document == source:
            return table, source
        logger.warning("the switch to %s stands, over the file", ", ".join(self._active.values()))
        return Table.compile(document), document

    def _put_in_place(self, table: Table, document: bytes, source: bytes) -> None:
        """Nothing else runs in between: a request begins on the old of both or the new of both."""
        upstreams = list(self._connect(table))
        self._router.swap(table)
        self._upstreams.replace(upstreams)
        self._document, self._source = document, source

    # ── Exclusive groups ────────────────────────────────────────────────────────────────────────

    def switch_model(
        self, target: str, *, timeout_s: float | None, operator: str
    ) -> AsyncGenerator[SwitchProgress, None]:
        """See serving.ports.OperatorService.switch_model."""
        return self._switching.switch(target, timeout_s, operator)

    async def check(self, group: str, provider: str) -> None:
        """See switch.Activation.check."""
        await asyncio.to_thread(self._with_member, group, provider)

    async def activate(self, group: str, provider: str) -> None:
        """See switch.Activation.activate. Outlasts reloads, not the process."""
        async with self._changing:
            table, document = await asyncio.to_thread(self._with_member, group, provider)
            previous = self._router.table.version
            self._put_in_place(table, document, self._source)
            self._active[group] = provider
            self._versions.rename(table.version)
            await asyncio.to_thread(self._versions.save)
        logger.warning(
            "%s is the active member of %s: table %s, before %s",
            provider,
            group,
            table.version,
            previous,
        )

    def _with_member(self, group: str, provider: str) -> tuple[Table, bytes]:
        """The config in use with this member active. Raises SwitchRefused."""
        document = with_active(self._source, self._active | {group: provider})
        table = Table.compile(document)
        if not any(one.id == provider and one.active for one in table.providers):
            raise SwitchRefused(
                f"{provider} cannot be made active: the routing config disables it, or has no "
                "providers of its own; write it under `providers` there"
            )
        return table, document

    async def stop(self) -> None:
        """End what is under way."""
        await self._switching.stop()

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


def _says_the_same(loaded: Loaded, before: Loaded) -> bool:
    """Whether two readings gave the same config, or the same errors."""
    told = [str(finding) for finding in loaded.findings]
    return loaded.document == before.document and told == [str(one) for one in before.findings]


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
    logger.log(
        logging.WARNING if reload.rolled_back else logging.INFO,
        "the routing config was %s: table %s, before %s; warnings: %d, changes: %d",
        "rolled back, until the next reload" if reload.rolled_back else "reloaded",
        reload.table_version,
        reload.previous_version,
        len(reload.findings),
        len(reload.changes),
    )
    for change in reload.changes:
        logger.info("changed: %s", change)

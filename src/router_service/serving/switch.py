"""Makes another member of an exclusive group the active one: drains the old, runs the operator's
command, waits for the new one, and takes all of it back where any of that fails."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from router_service.core import Clock, Router
from router_service.errors import RouterError, SwitchFailed, SwitchRefused, UpstreamError
from router_service.serving import command
from router_service.serving.members import Member, meant, members
from router_service.serving.ports import SwitchProgress, SwitchStage
from router_service.serving.upstreams import Upstreams

DRAIN_LOOK_S = 0.1
HEALTH_LOOK_S = 0.5
PROBE_S = 2.0
"""Longest wait for one answer of a member that is starting."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class SwitchSettings:
    """`commands` are argument lists by the provider they make ready; no shell reads them.
    timeout_s is for a whole switch, and as much again for taking one back."""

    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    timeout_s: float = 300.0


class Activation(Protocol):
    """Who puts the routing config in place in which another member is the active one."""

    async def check(self, group: str, provider: str) -> None:
        """Raises SwitchRefused where the config cannot make it active."""

    async def activate(self, group: str, provider: str) -> None:
        """From now on requests go there."""


Tell = Callable[[SwitchProgress], None]


class Switching:
    """One switch at a time. One that was begun goes on whether or not somebody listens."""

    def __init__(
        self,
        router: Router,
        upstreams: Upstreams,
        activation: Activation,
        settings: SwitchSettings,
        clock: Clock,
    ) -> None:
        self._router = router
        self._upstreams = upstreams
        self._activation = activation
        self._settings = settings
        self._clock = clock
        self._running: asyncio.Task[RouterError | None] | None = None

    async def switch(
        self, target: str, timeout_s: float | None, operator: str
    ) -> AsyncGenerator[SwitchProgress, None]:
        """See serving.ports.OperatorService.switch_model."""
        if self._running is not None and not self._running.done():
            raise SwitchRefused("a switch is under way; wait until it has ended")
        old, new = self._members(target)
        told: asyncio.Queue[SwitchProgress | None] = asyncio.Queue()
        one = _Switch(old, new, timeout_s or self._settings.timeout_s, told.put_nowait)
        logger.warning("switching from %s to %s (asked by %s)", old, new.provider, operator)
        task = self._running = asyncio.create_task(self._carry_out(one))
        task.add_done_callback(lambda _: told.put_nowait(None))
        while (progress := await told.get()) is not None:
            yield progress
        if task.cancelled():
            raise SwitchFailed("the router is stopping; see which of the two servers runs")
        failure = task.result()
        if failure is not None:
            raise failure

    async def stop(self) -> None:
        """End one that is under way, because the service stops."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.gather(self._running, return_exceptions=True)

    def _members(self, target: str) -> tuple[str, Member]:
        """The provider that is active now, empty where none is, and the member meant.

        Raises SwitchRefused.
        """
        table = self._router.table
        figures = json.loads(self._router.status(self._clock()))["providers"]
        deployed = ((model.name, on) for model in table.models for on in model.providers)
        everyone = members(figures, deployed)
        new = meant(target, everyone)
        if new.active:
            raise SwitchRefused(f"{new.provider} is the active member already")
        if why := figures[new.provider]["state_reason"]:
            raise SwitchRefused(f"{new.provider} is {why}; enable it first")
        if new.provider not in self._settings.commands:
            raise SwitchRefused(
                f"no command makes {new.provider} ready; write one as switch.commands."
                f"{new.provider} in the service config"
            )
        same = (one.provider for one in everyone if one.group == new.group and one.active)
        return next(same, ""), new

    async def _carry_out(self, one: _Switch) -> RouterError | None:
        """The error it ended with, if any; then everything is as it was."""
        held = False
        try:
            await self._activation.check(one.new.group, one.new.provider)
            held = self._hold(one)
            async with asyncio.timeout(one.timeout_s):
                await self._prepare(one)
            await self._activation.activate(one.new.group, one.new.provider)
        except SwitchRefused as refused:
            return refused
        except (TimeoutError, command.CommandFailed) as problem:
            return await self._failed(one, str(problem) or f"not within {one.timeout_s:g} s")
        except Exception as fault:
            logger.exception("the switch to %s failed", one.new.provider)
            return await self._failed(one, f"internal error ({type(fault).__name__}), see the log")
        finally:
            if held:
                self._release(one)
        one.begins("active", f"{one.new.provider} is the active member")
        return None

    async def _prepare(self, one: _Switch) -> None:
        """Everything before the new member can be made active."""
        if one.old:
            one.begins("draining", f"{one.old} finishes what it has")
            await self._drained(one.old)
        argv = self._settings.commands[one.new.provider]
        one.begins("switching", f"running {argv[0]}")
        await command.run(argv)
        one.begins("waiting_for_health", f"waiting until {one.new.provider} answers")
        await self._healthy(one.new.provider)

    async def _drained(self, provider: str) -> None:
        """Wait until nothing is in flight there, callers of Route included."""
        while True:
            if not self._router.in_flight().get(provider):
                return
            await asyncio.sleep(DRAIN_LOOK_S)

    async def _healthy(self, provider: str) -> None:
        """Wait until it lists its models."""
        while True:
            try:
                await self._upstreams[provider].connector.probe(PROBE_S)
            except UpstreamError:
                await asyncio.sleep(HEALTH_LOOK_S)
            else:
                return

    def _hold(self, one: _Switch) -> bool:
        """Whether the old member is held for this switch, and not by an operator already."""
        if not one.old or self._figures(one.old).get("state") != "enabled":
            return False
        self._router.set_provider_state(one.old, "draining", reason=one.reason)
        return True

    def _release(self, one: _Switch) -> None:
        """Unless an operator wants something else of it by now."""
        if str(self._figures(one.old).get("state_reason")).endswith(one.reason):
            self._router.set_provider_state(one.old, "enabled")

    def _figures(self, provider: str) -> dict[str, Any]:
        """What the core says of a provider; nothing, where a reload took it away."""
        figures = json.loads(self._router.status(self._clock()))["providers"]
        told: dict[str, Any] = figures.get(provider, {})
        return told

    async def _failed(self, one: _Switch, why: str) -> SwitchFailed:
        """Take back what was done, and say so."""
        stage = one.stage.replace("_", " ")
        what = f"{one.new.provider} was not made active: {why} (while {stage})"
        logger.error("%s", what)
        if not one.old:
            return SwitchFailed(what)
        if one.stage != "draining":
            what += await self._bring_back(one)
        return SwitchFailed(f"{what}; {one.old} is the active member again")

    async def _bring_back(self, one: _Switch) -> str:
        """Run the old member's command, since the new one's may have ended it; what came of it."""
        argv = self._settings.commands.get(one.old)
        if argv is None:
            return f"; no command brings {one.old} back (switch.commands.{one.old})"
        try:
            async with asyncio.timeout(one.timeout_s):
                await command.run(argv)
                await self._healthy(one.old)
        except (TimeoutError, command.CommandFailed) as problem:
            told = str(problem) or f"it did not answer within {one.timeout_s:g} s"
            logger.error("%s could not be brought back: %s", one.old, told)
            return f"; {one.old} could not be brought back: {told}"
        return ""


@dataclass(slots=True)
class _Switch:
    """One switch under way."""

    old: str
    new: Member
    timeout_s: float
    tell: Tell
    stage: SwitchStage = "draining"
    began: float = field(default_factory=time.monotonic)

    @property
    def reason(self) -> str:
        """Why the old member is drained."""
        return f"switching to {self.new.provider}"

    def begins(self, stage: SwitchStage, message: str) -> None:
        """Tell that a stage begins, to the log too."""
        self.stage = stage
        elapsed_us = round((time.monotonic() - self.began) * 1e6)
        logger.info("switch to %s: %s", self.new.provider, message)
        self.tell(SwitchProgress(stage, self.old, self.new.provider, elapsed_us, message))

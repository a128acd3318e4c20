"""Carries out one case: a fresh fleet with its faults, a fresh router before it, one request, and
what everybody saw. Afterwards nothing may be left, and the next request must be answered."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from router_service.testing import Behaviour, Entry, FakeFleet, FaultKind, expected_text

from .. import small_fleet
from ..callers import Reply, chat
from ..routers import AccessLog, InProcessRouter, in_process, until
from . import plans, raw_http
from .promises import PROMPT, Case, Manner, Tries

_HANGS_S = 10.0
"""A caller still waiting so long after its deadline is a failure of its own."""
HEALTHY = Behaviour()
_SILENT = {FaultKind.SILENCE, FaultKind.SLOW_FIRST_TOKEN, FaultKind.STALL}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one case showed."""

    case: Case
    reply: Reply
    seconds: float
    """Until the caller had it all."""
    seen: dict[str, list[Entry]]
    """What each provider's request log holds."""
    tried: Tries
    """The router's own account of its attempts."""

    @property
    def asked(self) -> dict[str, int]:
        return {name: len(entries) for name, entries in self.seen.items() if entries}


async def carried_out(case: Case, folder: Path) -> Finding:
    """Try one case. Raises AssertionError where something is left behind."""
    async with FakeFleet(plans.specs(case.server, case.scenario.second_server)) as fleet:
        document = plans.routing(fleet, case.scenario.settings, _provider_changes(case, fleet))
        config = small_fleet.written(document, folder / "routing.yaml")
        async with in_process(config, folder) as router:
            for _ in range(case.scenario.before):
                await _ask(router, case, case.scenario.plan)
            for name in fleet.addresses:
                await fleet[name].reset()
            await _set_faults(fleet, case)
            began = time.monotonic()
            reply = await _ask(router, case, case.scenario.plan, **case.scenario.body)
            seconds = time.monotonic() - began
            await router.idle()
            seen = {name: await _ended(fleet, name) for name in fleet.addresses}
            await _all_is_well_again(fleet, router, case)
    tried = _logged(router.access_log, case.scenario.before)  # complete once the router has ended
    return Finding(case, reply, seconds, seen, tried)


def _provider_changes(case: Case, fleet: FakeFleet) -> dict[str, dict[str, Any]]:
    """What the case wants of providers beside what all have."""
    scenario = case.scenario
    changes = {name: dict(scenario.providers.get(name, {})) for name in fleet.addresses}
    if any(fault.kind in _SILENT for fault in scenario.first):
        changes["first"] = plans.IMPATIENT | changes["first"]
    if scenario.https:
        changes["first"]["base_url"] = fleet["first"].base_url.replace("http:", "https:")
    if case.manner is Manner.WHOLE:
        for change in changes.values():
            change["stream_whole_answers"] = False
    return changes


async def _set_faults(fleet: FakeFleet, case: Case) -> None:
    for name, faults in (("first", case.scenario.first), ("second", case.scenario.second)):
        await fleet[name].behave(Behaviour(faults=faults))


async def _ask(router: InProcessRouter, case: Case, model: str, **members: Any) -> Reply:
    deadline_s = case.scenario.deadline_s
    body = chat(model, PROMPT, stream=case.stream) | members
    async with asyncio.timeout(deadline_s + _HANGS_S):
        if case.face == "grpc":
            return await router.grpc.ask(body, timeout_s=deadline_s)
        return await raw_http.ask(router.http.url, body, deadline_s)


def _logged(log: AccessLog, before: int) -> Tries:
    """The attempts of the request that came after so many."""
    line = log.requests()[before]
    return tuple((tried["provider"], tried["outcome"]) for tried in line["attempts"])


async def _ended(fleet: FakeFleet, name: str) -> list[Entry]:
    """The provider's log, once none of its requests runs any more."""

    async def all_ended() -> bool:
        return all(entry.outcome != "running" for entry in await fleet[name].log())

    await until(all_ended, f"{name} is left by everybody")
    return await fleet[name].log()


async def _all_is_well_again(fleet: FakeFleet, router: InProcessRouter, case: Case) -> None:
    """Faults gone, a request of the same kind is answered whole."""
    for name in fleet.addresses:
        await fleet[name].behave(HEALTHY)
    reply = await _ask(router, case, plans.CHECK)
    assert reply.whole, f"all is well again, but: {reply}"
    assert reply.text == expected_text(plans.upstream_name(str(reply.model)), PROMPT)
    await router.idle()

"""The order of a switch, and that whatever goes wrong in it is taken back."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from router_service.core import Facts, Outcome, Router, Table
from router_service.errors import SwitchFailed, SwitchRefused, UpstreamError
from router_service.serving import switch
from router_service.serving.switch import Switching, SwitchSettings
from router_service.serving.upstreams import Upstream, Upstreams
from router_service.types import OutcomeClass

NOW_US = 1_700_000_000_000_000
CONFIG = {
    "providers": {
        "old": {
            "kind": "openai",
            "base_url": "http://127.0.0.1:1",
            "exclusive_group": "g",
            "active": True,
        },
        "new": {
            "kind": "openai",
            "base_url": "http://127.0.0.1:2",
            "exclusive_group": "g",
            "active": False,
        },
    },
    "models": {"m": {"deployments": [{"provider": "old"}, {"provider": "new"}]}},
}


class FakeConnector:
    """Answers once it has been told to."""

    def __init__(self, happened: list[str], name: str) -> None:
        self.answers = True
        self._happened = happened
        self._name = name

    async def probe(self, timeout_s: float) -> dict[str, str | None]:
        if not self.answers:
            raise UpstreamError(OutcomeClass.UNREACHABLE, "nobody is there")
        self._happened.append(f"{self._name} answers")
        return {}


class House:
    """The old and the new member, and what happens to them in order."""

    def __init__(self, folder: Path) -> None:
        self.happened: list[str] = []
        self.refusal: Exception | None = None
        self.fault: Exception | None = None
        self.file = folder / "commands"
        table = Table.compile(json.dumps(CONFIG).encode())
        self.router = Router(table, "test")
        self.connectors = {name: FakeConnector(self.happened, name) for name in ("old", "new")}
        connectors: dict[str, Any] = self.connectors
        self.upstreams = Upstreams(Upstream(one, connectors[one.id]) for one in table.providers)

    def switching(self, timeout_s: float = 20.0, **commands: list[str]) -> Switching:
        every = {"old": self.says("old started"), "new": self.says("new started")} | commands
        settings = SwitchSettings(every, timeout_s)
        return Switching(self.router, self.upstreams, self, settings, lambda: NOW_US)

    def says(self, what: str, code: int = 0) -> list[str]:
        """A command that leaves a line."""
        text = (
            "import sys\n"
            "open(sys.argv[1], 'a').write(sys.argv[2] + '\\n')\n"
            "sys.exit(int(sys.argv[3]))\n"
        )
        return [sys.executable, "-c", text, str(self.file), what, str(code)]

    def ran(self) -> list[str]:
        return self.file.read_text().splitlines() if self.file.exists() else []

    async def check(self, group: str, provider: str) -> None:
        if self.refusal is not None:
            raise self.refusal

    async def activate(self, group: str, provider: str) -> None:
        self.happened.append(f"{provider} is active in {group}")
        if self.fault is not None:
            raise self.fault

    def state(self, provider: str = "old") -> str:
        figures = json.loads(self.router.status(NOW_US))["providers"][provider]
        state: str = figures["state"]
        return state


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(switch, "DRAIN_LOOK_S", 0.01)
    monkeypatch.setattr(switch, "HEALTH_LOOK_S", 0.01)
    return House(tmp_path)


async def stages(switching: Switching, target: str = "new", **fields: Any) -> list[str]:
    told: AsyncIterator[Any] = switching.switch(target, fields.get("timeout_s"), "ann")
    return [progress.stage async for progress in told]


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while True:
            if true():
                return
            await asyncio.sleep(0.005)


async def test_the_old_member_finishes_before_the_command_runs(house: House) -> None:
    decision = house.router.decide(Facts("m"), NOW_US, 1)
    assert decision.provider == "old"
    switching = asyncio.create_task(stages(house.switching()))
    await until(lambda: house.state() == "draining")
    await asyncio.sleep(0.1)
    assert house.ran() == []
    house.router.report(decision.permit, Outcome("success"), NOW_US)
    assert await switching == ["draining", "switching", "waiting_for_health", "active"]
    assert house.ran() == ["new started"]
    assert house.happened == ["new answers", "new is active in g"]
    assert house.state() == "enabled"


async def test_one_that_does_not_finish_in_time_stays_the_active_one(house: House) -> None:
    house.router.decide(Facts("m"), NOW_US, 1)
    with pytest.raises(SwitchFailed, match=r"not within 0\.2 s \(while draining\); old is the"):
        await stages(house.switching(), timeout_s=0.2)
    assert (house.ran(), house.happened, house.state()) == ([], [], "enabled")


async def test_a_command_that_fails_is_followed_by_the_old_members(house: House) -> None:
    switching = house.switching(new=house.says("new started", 3))
    with pytest.raises(SwitchFailed, match=r"ended with code 3 \(while switching\); old is the"):
        await stages(switching)
    assert house.ran() == ["new started", "old started"]
    assert house.happened == ["old answers"]
    assert house.state() == "enabled"


async def test_what_cannot_be_taken_back_is_told(house: House) -> None:
    house.connectors["new"].answers = False
    switching = house.switching(timeout_s=1.0, old=house.says("old started", 4))
    with pytest.raises(SwitchFailed, match=r"old could not be brought back: .*code 4"):
        await stages(switching)
    assert house.state() == "enabled"
    settings = SwitchSettings({"new": house.says("new started")}, 1.0)
    with pytest.raises(SwitchFailed, match="no command brings old back"):
        await stages(Switching(house.router, house.upstreams, house, settings, lambda: NOW_US))


async def test_a_fault_of_ours_is_taken_back_too(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.fault = RuntimeError("the core failed")
    with pytest.raises(SwitchFailed, match="internal error"):
        await stages(house.switching())
    assert house.ran() == ["new started", "old started"]
    assert "the core failed" in caplog.text


async def test_what_an_operator_holds_stays_held(house: House) -> None:
    house.router.set_provider_state("old", "disabled", reason="broken")
    await stages(house.switching())
    assert house.state() == "disabled"


async def test_what_an_operator_does_meanwhile_stands(house: House) -> None:
    house.router.decide(Facts("m"), NOW_US, 1)
    switching = asyncio.create_task(stages(house.switching(), timeout_s=1.0))
    await until(lambda: house.state() == "draining")
    house.router.set_provider_state("old", "disabled", reason="on fire")
    with pytest.raises(SwitchFailed, match="while draining"):
        await switching
    assert house.state() == "disabled"


async def test_it_goes_on_when_nobody_listens(house: House) -> None:
    told = house.switching().switch("new", None, "ann")
    await anext(told)
    await told.aclose()
    await until(lambda: house.happened == ["new answers", "new is active in g"])
    await until(lambda: house.state() == "enabled")


async def test_one_at_a_time_and_a_stop_ends_it(house: House) -> None:
    sleeps = [sys.executable, "-c", "import time; time.sleep(600)"]
    switching = house.switching(new=sleeps)
    first = asyncio.create_task(stages(switching))
    await until(lambda: house.state() == "draining")
    with pytest.raises(SwitchRefused, match="a switch is under way"):
        await stages(switching)
    await switching.stop()
    with pytest.raises(SwitchFailed, match="the router is stopping"):
        await first
    assert (house.state(), house.happened) == ("enabled", [])


async def test_what_the_config_cannot_do_is_refused_before_anything_is_done(house: House) -> None:
    house.refusal = SwitchRefused("the config disables it")
    with pytest.raises(SwitchRefused, match="the config disables it"):
        await stages(house.switching())
    switching = Switching(house.router, house.upstreams, house, SwitchSettings(), lambda: NOW_US)
    with pytest.raises(SwitchRefused, match=r"switch\.commands\.new in the service config"):
        await stages(switching)
    assert (house.ran(), house.state()) == ([], "enabled")

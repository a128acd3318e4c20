"""A reload is taken as a whole or not at all; an operator's wish reaches the core and the log."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from router_service.config.diagnostics import LocatedDiagnostic
from router_service.core import Router, Table
from router_service.errors import RollbackRefused, SwitchRefused, UnknownProvider
from router_service.serving.operations import Operations
from router_service.serving.ports import KeptConfig
from router_service.serving.switch import SwitchSettings
from router_service.serving.upstreams import Upstream, Upstreams
from router_service.serving.versions import Version, Versions

NOW_US = 1_700_000_000_000_000
ERROR = LocatedDiagnostic("f.yaml", 2, 1, "error", "unknown-key", "what", "fix")
WARNING = LocatedDiagnostic("f.yaml", 2, 1, "warning", "odd", "hm")


def document(*providers: str) -> bytes:
    config = {
        "providers": {
            name: {"kind": "openai", "base_url": "http://127.0.0.1:1/v1", "capacity": 4}
            for name in providers
        },
        "models": {"m": {"provider": providers[0]}},
    }
    return json.dumps(config).encode()


def table(*providers: str) -> Table:
    return Table.compile(document(*providers))


@dataclass(frozen=True)
class NoFiles:
    def again(self) -> NoFiles:
        return self


@dataclass
class Read:
    """serving.ports.Loaded."""

    table: Table | None = None
    findings: Sequence[LocatedDiagnostic] = ()
    document: bytes = b""
    files: NoFiles = NoFiles()


@dataclass
class File:
    """What the next load finds."""

    providers: Sequence[str] = ()
    """Of the config; without any there is no table."""
    text: bytes | None = None
    """The whole config, instead."""
    findings: Sequence[LocatedDiagnostic] = ()
    fault: Exception | None = None
    loading: int = 0
    most_at_once: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def load(self) -> Read:
        with self.lock:
            self.loading += 1
            self.most_at_once = max(self.most_at_once, self.loading)
        try:
            if self.fault is not None:
                raise self.fault
            if not self.providers:
                return Read(None, self.findings)
            text = self.text or document(*self.providers)
            return Read(Table.compile(text), self.findings, text)
        finally:
            with self.lock:
                self.loading -= 1


class House:
    def __init__(self) -> None:
        first = table("one", "two")
        self.router = Router(first, "test")
        self.upstreams = Upstreams(self.connect(first))
        self.file = File(["one", "two"])
        read = self.file.load()
        self.versions = Versions(Version(first.version, 1, read.document))
        self.operations = Operations(
            router=self.router,
            upstreams=self.upstreams,
            load=self.file.load,
            connect=self.connect,
            first=read,
            versions=self.versions,
            switch=SwitchSettings(),
            clock=lambda: NOW_US,
        )

    @property
    def version(self) -> str:
        return self.router.table.version

    @staticmethod
    def connect(table: Table) -> list[Upstream]:
        connector: Any = None
        return [Upstream(provider, connector) for provider in table.providers]

    def state(self, provider: str, now_us: int = NOW_US) -> str:
        found: str = json.loads(self.router.status(now_us))["providers"][provider]["state"]
        return found


@pytest.fixture
def house() -> House:
    return House()


# ── Reloads ─────────────────────────────────────────────────────────────────────────────────────


async def test_a_good_config_takes_the_place_of_the_old_one(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    before = house.router.table
    house.file.providers, house.file.findings = ["two"], [WARNING]
    with caplog.at_level(logging.INFO):
        reload = await house.operations.reload()
    assert reload.accepted
    assert (reload.previous_version, reload.table_version) == (
        before.version,
        table("two").version,
    )
    assert list(reload.changes) == ["provider one: removed", "model m: provider one → two"]
    assert all(f"changed: {change}" in caplog.text for change in reload.changes)
    assert reload.findings == [WARNING]
    assert house.version == table("two").version
    assert list(house.upstreams) == ["two"]
    assert f"table {reload.table_version}, before {reload.previous_version}" in caplog.text


async def test_a_bad_one_changes_nothing_and_is_told(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    before = house.router.table
    house.file.providers, house.file.findings = [], [ERROR, WARNING]
    reload = await house.operations.reload()
    assert not reload.accepted
    assert reload.table_version == reload.previous_version == before.version
    assert reload.findings == [ERROR, WARNING]
    assert house.router.table is before
    assert list(house.upstreams) == ["one", "two"]
    assert str(ERROR) in caplog.text
    assert str(WARNING) not in caplog.text


@pytest.mark.parametrize("good", [True, False])
async def test_a_dry_run_changes_nothing_either_way(
    house: House, caplog: pytest.LogCaptureFixture, good: bool
) -> None:
    before = house.router.table
    house.file.providers, house.file.findings = (["two"], []) if good else ([], [ERROR])
    reload = await house.operations.reload(dry_run=True)
    assert reload.accepted is good
    assert bool(reload.changes) is good
    assert reload.table_version == reload.previous_version == before.version
    assert house.router.table is before
    assert list(house.upstreams) == ["one", "two"]
    assert caplog.text == ""


async def test_reloads_come_one_after_the_other(house: House) -> None:
    house.file.providers = ["two"]
    await asyncio.gather(*(house.operations.reload() for _ in range(8)))
    assert house.file.most_at_once == 1


async def test_a_fault_of_a_reload_by_signal_is_logged(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    before, house.file.fault = house.router.table, RuntimeError("the core failed")
    await house.operations.reload_on_signal()
    assert "the routing config in use stays" in caplog.text
    assert house.router.table is before
    with pytest.raises(RuntimeError):
        await house.operations.reload()


# ── Changed files ───────────────────────────────────────────────────────────────────────────────


async def test_a_broken_file_is_told_once_for_each_content(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    before = house.router.table
    house.file.providers, house.file.findings = [], [ERROR]
    await house.operations.reload_changed()
    await house.operations.reload_changed()
    assert caplog.text.count(str(ERROR)) == 1
    other = replace(ERROR, line=3)
    house.file.findings = [other]
    await house.operations.reload_changed()
    assert caplog.text.count(str(other)) == 1
    assert house.router.table is before


async def test_files_that_were_only_touched_change_nothing(house: House) -> None:
    before = house.router.table
    await house.operations.reload_changed()
    assert house.router.table is before
    house.file.providers = ["two"]
    await house.operations.reload_changed()
    assert house.version == table("two").version


# ── Going back ──────────────────────────────────────────────────────────────────────────────────


async def test_a_rollback_lasts_until_the_next_reload(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    first, second = house.version, table("two").version
    house.file.providers = ["two"]
    await house.operations.reload()
    with caplog.at_level(logging.WARNING):
        reload = await house.operations.rollback("previous")
    assert (reload.accepted, reload.rolled_back) == (True, True)
    assert (reload.table_version, reload.previous_version) == (first, second)
    assert list(reload.changes) == ["provider one: added", "model m: provider two → one"]
    assert "rolled back, until the next reload" in caplog.text
    assert house.version == first
    assert list(house.upstreams) == ["one", "two"]
    assert house.operations.config_in_use().rolled_back
    assert list(house.operations.config_in_use().kept) == [
        KeptConfig(first, 1, in_use=True),
        KeptConfig(second, NOW_US, in_use=False),
    ]
    await house.operations.reload_changed()
    assert house.version == first, "a file that was only touched brought the new one back"
    await house.operations.reload()
    assert house.version == second
    assert not house.operations.config_in_use().rolled_back


async def test_a_dry_rollback_says_what_would_change(house: House) -> None:
    first = house.version
    house.file.providers = ["two"]
    await house.operations.reload()
    reload = await house.operations.rollback(first, dry_run=True)
    assert (reload.table_version, reload.previous_version) == (house.version, house.version)
    assert "provider one: added" in reload.changes
    assert not house.operations.config_in_use().rolled_back


async def test_one_that_cannot_be_gone_back_to_changes_nothing(house: House) -> None:
    before = house.router.table
    for wanted in ("previous", "00ff"):
        with pytest.raises(RollbackRefused):
            await house.operations.rollback(wanted)
    house.versions.put(Version("00ff", 2, b'{"modles": {}}'))
    with pytest.raises(RollbackRefused, match="cannot be used by this version of the program"):
        await house.operations.rollback("00ff")
    assert house.router.table is before


# ── Exclusive groups ────────────────────────────────────────────────────────────────────────────


def grouped(*, capacity: int = 4, **fields: Any) -> bytes:
    """`one` is the active member of a group, `two` another one."""
    config = json.loads(document("one", "two"))
    for name, provider in config["providers"].items():
        provider |= {"exclusive_group": "g", "active": name == "one", "capacity": capacity}
    config["providers"]["two"] |= fields
    return json.dumps(config).encode()


def active(house: House) -> list[str]:
    return [one.id for one in house.router.table.providers if one.active]


async def test_an_activated_member_outlasts_reloads_and_rollbacks(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    house.file.text = grouped()
    await house.operations.reload()
    assert active(house) == ["one"]
    await house.operations.check("g", "two")
    assert active(house) == ["one"]
    await house.operations.activate("g", "two")
    assert active(house) == ["two"]
    switched = house.version
    assert house.operations.config_in_use().kept[-1] == KeptConfig(switched, NOW_US, True)

    house.file.text = grouped(capacity=8)
    reload = await house.operations.reload()
    assert sorted(reload.changes) == [
        "provider one: capacity 4 → 8",
        "provider two: capacity 4 → 8",
    ]
    assert active(house) == ["two"]
    assert "the switch to two stands, over the file" in caplog.text
    assert (await house.operations.rollback("previous")).table_version == switched
    assert active(house) == ["two"]
    await house.operations.activate("g", "one")
    assert active(house) == ["one"]
    assert house.version == Table.compile(grouped()).version


@pytest.mark.parametrize(
    ("text", "why"),
    [(grouped(enabled=False), "disables it"), (b'{"default_provider": "ollama"}', "no providers")],
)
async def test_a_member_that_the_config_cannot_make_active_is_refused(
    house: House, text: bytes, why: str
) -> None:
    house.file.text = text
    await house.operations.reload()
    version = house.version
    for attempt in (house.operations.check, house.operations.activate):
        with pytest.raises(SwitchRefused, match=why):
            await attempt("g", "two")
    assert house.version == version


# ── Providers ───────────────────────────────────────────────────────────────────────────────────


def test_a_state_holds_until_told_otherwise(house: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    figures = house.operations.set_provider_state(
        "one", "draining", reason="new memory", operator="ann"
    )
    assert (figures["state"], figures["state_until_us"]) == ("draining", 0)
    assert "provider one: drained by an operator: new memory (set by ann)" in caplog.text
    assert house.router.is_disabled("one", NOW_US) is False
    house.operations.set_provider_state("one", "disabled", operator="ann")
    assert house.router.is_disabled("one", NOW_US) is True
    assert house.operations.set_provider_state("one", "enabled", operator="ann")["state"] == (
        "enabled"
    )


def test_a_state_with_a_duration_ends_by_itself(house: House) -> None:
    figures = house.operations.set_provider_state(
        "one", "disabled", duration_us=60_000_000, operator="ann"
    )
    assert figures["state_until_us"] == NOW_US + 60_000_000
    assert house.state("one", NOW_US + 59_999_999) == "disabled"
    assert house.state("one", NOW_US + 60_000_000) == "enabled"


def test_an_unknown_provider_names_the_closest(house: House) -> None:
    with pytest.raises(UnknownProvider) as caught:
        house.operations.set_provider_state("onne", "draining", operator="ann")
    assert caught.value.suggestions[0] == "one"
    assert 'no provider is called "onne"; the closest ids are one, two' in str(caught.value)


def test_a_state_that_is_none_is_refused(house: House) -> None:
    with pytest.raises(ValueError, match="enabled, draining or disabled"):
        house.operations.set_provider_state("one", "gone", operator="ann")

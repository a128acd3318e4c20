"""Our models, pools and capabilities as model groups: names with deployments, shares and fallbacks.

A group is what LiteLLM routes within. Every rule of ours that a caller can name becomes one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from router_service.export.outline import Capability, Deployment, Member, Outline, Pool, Step
from router_service.export.strategies import NEAREST, Nearest

PASSTHROUGH = "*@"
"""Begins the id of a deployment that passes the requested name on."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One deployment of a group. A higher level is used only after every lower one."""

    deployment: Deployment
    weight: float = 1.0
    level: int = 1


@dataclass(frozen=True, slots=True)
class Group:
    """section and name say where our config has it; a section of None is a group made for a
    fallback."""

    name: str
    section: str | None
    strategy: str
    entries: list[Entry]
    fallbacks: list[Step] = field(default_factory=list)

    @property
    def nearest(self) -> Nearest:
        return NEAREST[self.strategy]

    @property
    def levels(self) -> set[int]:
        return {entry.level for entry in self.entries}


def groups_of(outline: Outline) -> list[Group]:
    """Every group, in the order names are looked up: models, capabilities, pools. One whose
    deployments are all out of use has no entries."""
    return list(_Groups(outline).all())


class _Groups:
    def __init__(self, outline: Outline) -> None:
        self.outline = outline
        self.deployments = {entry["id"]: entry for entry in outline["deployments"]}
        self.capacities = {entry["id"]: entry["capacity"] for entry in outline["providers"]}
        self.local = {entry["id"] for entry in outline["providers"] if entry["location"] == "local"}
        self.chains = {model["name"]: model["chain"] for model in outline["models"]}

    def all(self) -> Iterator[Group]:
        taken: set[str] = set()
        for group in (*self._models(), *self._shared("capabilities"), *self._shared("pools")):
            if group.name not in taken:
                taken.add(group.name)
                yield group
        yield from self._single(taken)

    # ── What a caller can name ──────────────────────────────────────────────────────────────────

    def _models(self) -> Iterator[Group]:
        for model in self.outline["models"]:
            strategy = model["strategy"]
            used = self._used(model["deployments"])
            entries = [
                Entry(
                    deployment,
                    self._share(strategy, deployment, deployment["weight"]),
                    index if NEAREST[strategy].share == "turn" else deployment["priority"] + 1,
                )
                for index, deployment in enumerate(used, 1)
            ]
            chain = model["chain"] or self.outline["default_chain"]
            yield Group(model["name"], "models", strategy, _without_gaps(entries), chain)

    def _shared(self, section: str) -> Iterator[Group]:
        shared: Iterable[Pool | Capability] = (
            self.outline["capabilities"] if section == "capabilities" else self.outline["pools"]
        )
        where = "capabilities" if section == "capabilities" else "load_balancing"
        for pool in shared:
            entries = self._members(pool)
            lead = entries[0].deployment["model"] if entries else None
            chain = (self.chains[lead] if lead else []) + pool["fallback"]
            chain = chain or self.outline["default_chain"]
            yield Group(pool["name"], where, pool["strategy"], entries, chain)

    def _members(self, pool: Pool) -> list[Entry]:
        """Those with a condition come after the others, as in ours while it is false. Where all
        have one, those on one's own machines are first: nothing goes to the cloud unasked."""
        share = NEAREST[pool["strategy"]].share
        first = self._first(pool["members"])
        entries: list[Entry] = []
        for index, member in enumerate(pool["members"], 1):
            used = self._used(member["deployments"])
            total = sum(deployment["weight"] for deployment in used)
            for deployment in used:
                weight = member["weight"] * deployment["weight"] / total
                level = index if share == "turn" else (1 if member in first else 2)
                entries.append(
                    Entry(deployment, self._share(pool["strategy"], deployment, weight), level)
                )
        return _without_gaps(entries)

    def _first(self, members: list[Member]) -> list[Member]:
        used = [member for member in members if self._used(member["deployments"])]
        always = [member for member in used if member["condition"] is None]
        return always or [member for member in used if self._is_local(member)] or used

    def _is_local(self, member: Member) -> bool:
        return all(entry["provider"] in self.local for entry in self._used(member["deployments"]))

    def _share(self, strategy: str, deployment: Deployment, weight: float) -> float:
        share = NEAREST[strategy].share
        if share == "capacity":
            return float(self.capacities[deployment["provider"]])
        return 1.0 if share == "equal" else weight

    # ── What only a fallback names ──────────────────────────────────────────────────────────────

    def _single(self, taken: set[str]) -> Iterator[Group]:
        """A group for each deployment that a chain names by itself, where its model has others."""
        alone = {
            model["name"] for model in self.outline["models"] if len(model["deployments"]) == 1
        }
        for step in self._all_steps():
            deployment = self.deployments.get(step["deployment"] or "")
            if deployment is None or deployment["model"] in alone or deployment["id"] in taken:
                continue
            if deployment["enabled"] and not deployment["id"].startswith(PASSTHROUGH):
                taken.add(deployment["id"])
                yield Group(deployment["id"], None, "weighted", [Entry(deployment)])

    def _all_steps(self) -> Iterator[Step]:
        yield from self.outline["default_chain"]
        for model in self.outline["models"]:
            yield from model["chain"]
        for pool in (*self.outline["capabilities"], *self.outline["pools"]):
            yield from pool["fallback"]

    def _used(self, ids: Iterable[str]) -> list[Deployment]:
        """Those in use; a member listed twice counts once."""
        unique = dict.fromkeys(ids)
        return [self.deployments[key] for key in unique if self.deployments[key]["enabled"]]


def _without_gaps(entries: list[Entry]) -> list[Entry]:
    """Levels 1, 2, 3 …; a deployment met again is left out."""
    rank = {level: index for index, level in enumerate(sorted({e.level for e in entries}), 1)}
    kept: dict[str, Entry] = {}
    for entry in sorted(entries, key=lambda entry: entry.level):
        kept.setdefault(
            entry.deployment["id"], Entry(entry.deployment, entry.weight, rank[entry.level])
        )
    return list(kept.values())

"""One pass over a decision log: every decision made again, joined with its outcome, and summed up.

Memory does not grow with the log: what waits for an outcome is bounded, and so is the sample that
estimates are made from.
"""

from __future__ import annotations

import hashlib
import heapq
import json
import struct
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Protocol

from router_service.logs.analysis import NOBODYS_FAULT
from router_service.replay.difference import Difference, First, MeasuredTtft, first_of
from router_service.replay.evaluation import Bounds, Sample, evaluate
from router_service.replay.fleet import Fleet
from router_service.replay.identity import Identity
from router_service.replay.log import Record

MOST_WAITING = 100_000
"""Decisions whose outcome has not come; the oldest counts as never reported then."""

MOST_SAMPLES = 100_000
"""Decisions that estimates are made from; of more, those of the smallest hashes."""

_UNBILLED = NOBODYS_FAULT - {"cancelled", "deadline", "diverged"}


class Replays(Protocol):
    """core.Replayer. Both methods raise ValueError for a record that cannot be read."""

    def replay(self, record: bytes) -> bytes: ...

    def draws(self, record: bytes, seeds: list[int]) -> list[str | None]: ...


@dataclass(frozen=True, slots=True)
class Options:
    draws: int = 64
    """Draws of the other config for each decision of a sample."""
    answer_tokens: int = 256
    """Taken for an answer that nobody counted."""
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(slots=True)
class _Waiting:
    """What is kept of a decision until its outcome comes."""

    before: First
    after: First | None
    """None where it is refused now, or was made by the same config."""
    prompt_tokens: int
    sample: Sample | None


class Replay:
    """Add the records of a log in its order, then ask for the figures."""

    def __init__(self, replayer: Replays, version: str, fleet: Fleet, options: Options) -> None:
        self._replayer = replayer
        self._version = version
        self._fleet = fleet
        self._options = options
        self._identity = Identity()
        self._difference = Difference(fleet, options.answer_tokens)
        self._versions: Counter[str] = Counter()
        self._measured = MeasuredTtft()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._samples = _Samples(MOST_SAMPLES)
        self._unreplayable = 0
        self._why: str | None = None

    def add_all(self, records: Iterable[tuple[Record, bytes]]) -> None:
        for record, line in records:
            self.add(record, line)

    def add(self, record: Record, line: bytes) -> None:
        """One record and the line it stands in."""
        if record["kind"] == "decision":
            self._decided(record, line)
        else:
            self._ended(record)

    def _decided(self, record: Record, line: bytes) -> None:
        try:
            anew = json.loads(self._replayer.replay(line))
        except ValueError as problem:
            self._unreplayable += 1
            self._why = self._why or f"{_name(record)}: {problem}"
            return
        version = record["table_version"]
        self._versions[version] += 1
        before = first_of(record)
        if version == self._version:
            logged = {key: record[key] for key in ("decision", "refused") if key in record}
            self._identity.add(_name(record), logged, anew)
            after, sample = None, None
        else:
            self._difference.add(record, anew)
            after = first_of(anew)
            sample = None if before is None else self._sampled(record, line)
        if before is not None:
            tokens = record["decision"]["prompt_tokens"]
            self._wait(record["decision_id"], _Waiting(before, after, tokens, sample))

    def _sampled(self, record: Record, line: bytes) -> Sample | None:
        """The decision as one of those that estimates are made from, where it is."""
        seeds = seeds_of(record["decision_id"], self._options.draws + 1)
        propensity = record["decision"]["propensity"]
        if propensity <= 0 or not self._samples.takes(seeds[0]):
            return None
        drawn = Counter(self._replayer.draws(line, seeds[1:]))
        shares = {name: n / self._options.draws for name, n in drawn.items() if name is not None}
        sample = Sample(record["decision"]["deployment"], propensity, shares)
        self._samples.add(seeds[0], sample)
        return sample

    def _wait(self, decision_id: str, waiting: _Waiting) -> None:
        self._waiting[decision_id] = waiting
        if len(self._waiting) > MOST_WAITING:
            self._without_outcome(self._waiting.popitem(last=False)[1])

    def _ended(self, record: Record) -> None:
        # Without an attempt it tells nothing: that of a Route call, whose caller may report yet.
        if not record["attempts"]:
            return
        waiting = self._waiting.pop(record["decision_id"], None)
        if waiting is None:
            return
        tokens = record["prompt_tokens"], record["completion_tokens"]
        first = record["attempts"][0]
        if first["ttft_s"] is not None:
            self._measured.add(first["deployment"], first["ttft_s"])
        if waiting.after is not None:
            prompt = waiting.prompt_tokens if tokens[0] is None else tokens[0]
            self._difference.add_cost(waiting.before, waiting.after, prompt, tokens[1])
        if waiting.sample is not None:
            waiting.sample.rewards = self._rewards(first, *tokens)

    def _rewards(
        self, attempt: Record, prompt: int | None, completion: int | None
    ) -> dict[str, float | None]:
        """Of the first attempt; None where it tells nothing."""
        outcome = attempt["outcome"]
        succeeded = outcome == "success"
        judged = succeeded or outcome not in NOBODYS_FAULT
        cost = self._fleet.cost_usd(attempt["provider"], prompt, completion) if succeeded else None
        if not succeeded and (judged or outcome in _UNBILLED):
            cost = 0.0
        return {
            "success": float(succeeded) if judged else None,
            "ttft_s": attempt["ttft_s"],
            "cost_usd": cost,
        }

    def _without_outcome(self, waiting: _Waiting) -> None:
        if waiting.after is not None:
            self._difference.add_cost(waiting.before, waiting.after, waiting.prompt_tokens, None)

    def as_json(self) -> dict[str, Any]:
        """Everything found; ends what still waits for an outcome. `difference` and `estimates` are
        None where no decision was made by another config."""
        for waiting in self._waiting.values():
            self._without_outcome(waiting)
        self._waiting.clear()
        others = sum(self._versions.values()) - self._versions[self._version]
        return {
            "table_version": self._version,
            "decisions": sum(self._versions.values()),
            "versions": dict(self._versions.most_common()),
            "unreplayable": self._unreplayable,
            "same_config": self._identity.as_json(),
            "difference": self._difference.as_json(self._measured) if others else None,
            "estimates": self._estimates() if others else None,
        }

    @property
    def remarks(self) -> list[str]:
        """What could not be made again, in plain words."""
        if not self._unreplayable:
            return []
        return [
            f"{self._unreplayable:,} decisions could not be made again and were left out; "
            f"the first: {self._why}"
        ]

    @property
    def samples(self) -> list[Sample]:
        """Those that estimates are made from."""
        return self._samples.kept

    def _estimates(self) -> dict[str, Any]:
        told = {"draws": self._options.draws, "sampled": self._samples.looked_at > MOST_SAMPLES}
        return told | evaluate(self.samples, self._options.bounds)


class _Samples:
    """The samples of the smallest hashes: a uniform choice among decisions, always the same."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[int, int, Sample]] = []
        self.looked_at = 0

    def takes(self, hashed: int) -> bool:
        self.looked_at += 1
        return len(self._heap) < self._most or hashed < -self._heap[0][0]

    def add(self, hashed: int, sample: Sample) -> None:
        entry = (-hashed, self.looked_at, sample)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heapreplace(self._heap, entry)

    @property
    def kept(self) -> list[Sample]:
        return [sample for _, _, sample in self._heap]


def _name(record: Record) -> str:
    """A refused request has no decision, and so no id of one."""
    return record["decision_id"] or f"refused at {record['time']}"


def seeds_of(decision_id: str, count: int) -> list[int]:
    """Seeds that follow from the decision's id and their place alone, 64 bits each.

    The seed of the log must not be among them: that one has chosen the logged deployment, so under
    it a policy equal to the log's would agree always, where on its own it agrees as often as the
    propensity says.
    """
    digest = hashlib.shake_256(decision_id.encode()).digest(8 * count)
    return list(struct.unpack(f"<{count}Q", digest))

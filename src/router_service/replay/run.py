"""One pass over a decision log: every decision made again, joined with its outcome, and summed up.

Memory does not grow with the log: what waits for an outcome is bounded, and so is the sample that
estimates are made from.
"""

from __future__ import annotations

import json
from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from router_service.replay.difference import Difference, First, MeasuredTtft, first_of
from router_service.replay.evaluation import Bounds, evaluate
from router_service.replay.fleet import Fleet
from router_service.replay.identity import Identity
from router_service.replay.log import Record
from router_service.replay.replays import Replays
from router_service.replay.sampling import MOST_SAMPLES, Drawn, Ended, Sampling

MOST_WAITING = 100_000
"""Decisions whose outcome has not come; the oldest counts as never reported then."""


@dataclass(frozen=True, slots=True)
class Options:
    draws: int = 64
    """Draws of the other config for each decision of the sample."""
    answer_tokens: int = 256
    """Of an answer, where the log counts none at all."""
    bounds: Bounds = field(default_factory=Bounds)


@dataclass(slots=True)
class _Waiting:
    """What is kept of a decision until its outcome comes."""

    before: First
    after: First | None
    """None where it is refused now, or was made by the same config."""
    prompt_tokens: int
    drawn: Drawn | None


class Replay:
    """Add the records of a log in its order, then ask for the figures."""

    def __init__(
        self,
        replays: Replays,
        version: str,
        fleet: Fleet,
        options: Options,
        most_samples: int = MOST_SAMPLES,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        self._replays = replays
        self._version = version
        self._fleet = fleet
        self._options = options
        self._most_waiting = most_waiting
        self._identity = Identity()
        self._difference = Difference(fleet)
        self._sampling = Sampling(replays, options.draws, most_samples)
        self._measured = MeasuredTtft()
        self._versions: Counter[str] = Counter()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._answers = 0
        self._answer_tokens = 0
        self._unreplayable = 0
        self._why: str | None = None

    def add_all(self, records: Iterable[tuple[Record, bytes]]) -> None:
        for record, line in records:
            self.add(record, line)

    def add(self, record: Record, line: bytes) -> None:
        """One record and the line it stands in."""
        if record["kind"] == "outcome":
            self._ended(record)
            return
        try:
            self._decided(record, line)
        except ValueError as problem:
            self._unreplayable += 1
            self._why = self._why or f"{_name(record)}: {problem}"

    def _decided(self, record: Record, line: bytes) -> None:
        before = first_of(record)
        is_same = record["table_version"] == self._version
        drawn = None if is_same or before is None else self._sampling.draw(record, line)
        anew = json.loads(self._replays.replay(line))
        self._versions[record["table_version"]] += 1
        if is_same:
            logged = {key: record[key] for key in ("decision", "refused") if key in record}
            self._identity.add(_name(record), logged, anew)
        else:
            self._difference.add(record, anew)
        if before is not None:
            after = None if is_same else first_of(anew)
            tokens = record["decision"]["prompt_tokens"]
            self._wait(record["decision_id"], _Waiting(before, after, tokens, drawn))

    def _wait(self, decision_id: str, waiting: _Waiting) -> None:
        self._waiting[decision_id] = waiting
        if len(self._waiting) > self._most_waiting:
            _, oldest = self._waiting.popitem(last=False)
            self._add_tokens(oldest, oldest.prompt_tokens, None)

    def _ended(self, record: Record) -> None:
        # Without an attempt it tells nothing: that of a Route call, whose caller may report yet.
        if not record["attempts"]:
            return
        waiting = self._waiting.pop(record["decision_id"], None)
        if waiting is None:
            return
        first = record["attempts"][0]
        if first["ttft_s"] is not None:
            self._measured.add(first["deployment"], first["ttft_s"])
        prompt, completion = record["prompt_tokens"], record["completion_tokens"]
        if completion is not None:
            self._answers += 1
            self._answer_tokens += completion
        prompt = waiting.prompt_tokens if prompt is None else prompt
        self._add_tokens(waiting, prompt, completion)
        if waiting.drawn is not None:
            waiting.drawn.ended = Ended(
                first["outcome"], first["provider"], first["ttft_s"], prompt, completion
            )

    def _add_tokens(self, waiting: _Waiting, prompt: int, completion: int | None) -> None:
        if waiting.after is not None:
            self._difference.add_tokens(waiting.before, waiting.after, prompt, completion)

    def as_json(self) -> dict[str, Any]:
        """Everything found; ends what still waits for an outcome. `difference` and `estimates` are
        None where no decision was made by another config."""
        for waiting in self._waiting.values():
            self._add_tokens(waiting, waiting.prompt_tokens, None)
        self._waiting.clear()
        others = self._versions.total() - self._versions[self._version]
        return {
            "table_version": self._version,
            "decisions": self._versions.total(),
            "versions": dict(self._versions.most_common()),
            "unreplayable": self._unreplayable,
            "same_config": self._identity.as_json(),
        } | (self._of_another_config() if others else {"difference": None, "estimates": None})

    def _of_another_config(self) -> dict[str, Any]:
        tokens = float(self._options.answer_tokens)
        if self._answers:
            tokens = self._answer_tokens / self._answers
        samples = self._sampling.samples(self._fleet, tokens)
        estimates = {"draws": self._options.draws, "is_partial": self._sampling.is_partial}
        return {
            "difference": self._difference.as_json(self._measured, tokens),
            "estimates": estimates | evaluate(samples, self._options.bounds),
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


def _name(record: Record) -> str:
    """A refused request has no decision, and so no id of one."""
    return record["decision_id"] or f"refused at {record['time']}"

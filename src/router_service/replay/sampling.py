"""The decisions that estimates are made from: a bounded, uniform sample, with draws of the other
config's choice and what became of the first attempt."""

from __future__ import annotations

import hashlib
import heapq
import struct
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from router_service.logs.analysis import NOBODYS_FAULT
from router_service.replay.evaluation import Sample
from router_service.replay.fleet import Fleet
from router_service.replay.log import Record
from router_service.replay.replays import Replays

MOST_SAMPLES = 100_000
"""Of more decisions, those of the smallest hashes."""

_UNTOLD = {"cancelled", "deadline", "diverged"}
"""Ends of an attempt that may have cost something nobody counted."""


class Ended(NamedTuple):
    """The first attempt of a request, and the tokens of its answer."""

    outcome: str
    provider: str
    ttft_s: float | None
    prompt_tokens: int
    completion_tokens: int | None
    """None where nobody counted them."""


@dataclass(slots=True)
class Drawn:
    """A logged choice and the other config's draws; its end comes later, or never."""

    action: str
    propensity: float
    anew: Mapping[str, float]
    ended: Ended | None = None


class Sampling:
    """Chooses by a hash of the decision's id, so that a log always gives the same sample."""

    def __init__(self, replays: Replays, draws: int, most: int) -> None:
        self._replays = replays
        self._draws = draws
        self._most = most
        self._heap: list[tuple[int, int, Drawn]] = []
        self._looked_at = 0

    def draw(self, record: Record, line: bytes) -> Drawn | None:
        """The decision as one of the sample; None where it is none of it. Raises ValueError for a
        record that cannot be read."""
        decision = record["decision"]
        place, *seeds = seeds_of(record["decision_id"], self._draws + 1)
        if decision["propensity"] <= 0:
            return None
        self._looked_at += 1
        is_full = len(self._heap) >= self._most
        if is_full and place >= -self._heap[0][0]:
            return None
        counted = Counter(self._replays.draws(line, seeds))
        shares = {name: n / self._draws for name, n in counted.items() if name is not None}
        drawn = Drawn(decision["deployment"], decision["propensity"], shares)
        put = heapq.heapreplace if is_full else heapq.heappush
        put(self._heap, (-place, self._looked_at, drawn))
        return drawn

    @property
    def is_partial(self) -> bool:
        """Whether there were more decisions than the sample holds."""
        return self._looked_at > self._most

    def samples(self, fleet: Fleet, answer_tokens: float) -> list[Sample]:
        """Those whose end is known, valued. answer_tokens are taken for an answer nobody
        counted."""
        return [
            Sample(
                drawn.action,
                drawn.propensity,
                drawn.anew,
                _rewards(drawn.ended, fleet, answer_tokens),
            )
            for _, _, drawn in self._heap
            if drawn.ended is not None
        ]


def _rewards(ended: Ended, fleet: Fleet, answer_tokens: float) -> dict[str, float | None]:
    """Of the first attempt. One that failed is not billed."""
    succeeded = ended.outcome == "success"
    cost_usd: float | None = None if ended.outcome in _UNTOLD else 0.0
    if succeeded:
        counted = ended.completion_tokens
        completion = answer_tokens if counted is None else counted
        cost_usd = fleet.cost_usd(ended.provider, ended.prompt_tokens, completion)
    return {
        "success": float(succeeded) if ended.outcome not in NOBODYS_FAULT else None,
        "ttft_s": ended.ttft_s,
        "cost_usd": cost_usd,
    }


def seeds_of(decision_id: str, count: int) -> list[int]:
    """Seeds that follow from the decision's id and their place alone, 64 bits each.

    The seed of the log must not be among them: that one has chosen the logged deployment, so under
    it a policy equal to the log's would agree always, where on its own it agrees as often as the
    propensity says.
    """
    digest = hashlib.shake_256(decision_id.encode()).digest(8 * count)
    return list(struct.unpack(f"<{count}Q", digest))

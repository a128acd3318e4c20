"""A guess of the reward of each deployment, for doubly robust estimates: its mean in the log, drawn
towards the mean of all where it was seldom chosen."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

SHRINKAGE = 10.0
"""The mean of all counts as much as so many records of a deployment."""


class MeanByAction:
    """Means over records that each chose one action. Every guess is made for one record and leaves
    that record itself out, so that it is independent of its reward."""

    def __init__(self, actions: Sequence[str], rewards: Sequence[float]) -> None:
        self._actions = actions
        self._rewards = rewards
        self._sums: defaultdict[str, float] = defaultdict(float)
        self._counts: defaultdict[str, int] = defaultdict(int)
        for action, reward in zip(actions, rewards, strict=True):
            self._sums[action] += reward
            self._counts[action] += 1
        self._sum = sum(rewards)

    def of_logged(self) -> list[float]:
        """The guess for each record's own action."""
        return [self._guess(record, action) for record, action in enumerate(self._actions)]

    def of_new(self, mixes: Sequence[Mapping[str, float]]) -> list[float]:
        """The mean guess for each record under shares of actions; what is short of 1 in them is
        guessed at 0."""
        return [
            sum(share * self._guess(record, action) for action, share in mix.items())
            for record, mix in enumerate(mixes)
        ]

    def _guess(self, record: int, action: str) -> float:
        own = self._rewards[record]
        others = len(self._rewards) - 1
        overall = (self._sum - own) / others if others else 0.0
        total, count = self._sums.get(action, 0.0), self._counts.get(action, 0)
        if action == self._actions[record]:
            total, count = total - own, count - 1
        return (total + SHRINKAGE * overall) / (count + SHRINKAGE)

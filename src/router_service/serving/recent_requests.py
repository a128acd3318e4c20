"""Which decision was made for which request, of the last ones, so that feedback may name a request
by the id its sender gave it."""

from __future__ import annotations

from collections import OrderedDict

MOST = 16_384
"""As many as the core remembers decisions."""


class RecentRequests:
    """A bounded map from callers and their request ids to decisions; the last of an id counts."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._decisions: OrderedDict[tuple[str, str], str] = OrderedDict()

    def remember(self, principal: str, request_id: str, decision_id: str) -> None:
        key = (principal, request_id)
        self._decisions[key] = decision_id
        self._decisions.move_to_end(key)
        if len(self._decisions) > self._most:
            self._decisions.popitem(last=False)

    def decision_of(self, principal: str, request_id: str) -> str | None:
        """None for a request of somebody else, and one that is unknown or forgotten."""
        return self._decisions.get((principal, request_id))

"""What makes recorded decisions again: core.Replayer, or a stand-in for it."""

from __future__ import annotations

from typing import Protocol


class Replays(Protocol):
    """Both methods raise ValueError for a record that cannot be read. A record's draws come before
    it is replayed, which lets the turns of weighted shares pass."""

    def draws(self, record: bytes, seeds: list[int]) -> list[str | None]: ...

    def replay(self, record: bytes) -> bytes: ...

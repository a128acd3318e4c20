"""What counts as a fallback in logs and metrics. A move to another deployment after a failure does;
a repeat on the same one, or a race between two, does not.
"""

from __future__ import annotations

from collections.abc import Sequence

from router_service.types import MOVES, AttemptRecord, OutcomeClass


def is_move(kind: str) -> bool:
    """Whether an attempt of this kind is one of another deployment after a failure."""
    return kind in MOVES


def moves(attempts: Sequence[AttemptRecord]) -> list[tuple[AttemptRecord, AttemptRecord]]:
    """Each move from one deployment to another: the attempt left behind, and the next one."""
    moved = []
    left: AttemptRecord | None = None
    for attempt in attempts:
        if left is not None and is_move(attempt.kind) and attempt.deployment != left.deployment:
            moved.append((left, attempt))
        if attempt.outcome is not OutcomeClass.CANCELLED:
            left = attempt
    return moved

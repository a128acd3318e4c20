"""What counts as a fallback in logs and metrics. A move to another deployment does; a repeat on the
same one does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from router_service.types import AttemptRecord


def moves(attempts: Sequence[AttemptRecord]) -> list[tuple[AttemptRecord, AttemptRecord]]:
    """Each move from one deployment to another: the attempt left behind, and the next one."""
    if len(attempts) < 2:
        return []
    return [
        (left, entered)
        for left, entered in pairwise(attempts)
        if left.deployment != entered.deployment
    ]

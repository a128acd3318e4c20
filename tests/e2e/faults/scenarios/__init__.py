"""All scenarios, by what goes wrong. The order is that of the table in docs/faults.md."""

from __future__ import annotations

from ..promises import Scenario
from . import bounds, breaks, connection, content, continued, refusals, statuses

AREAS: dict[str, list[Scenario]] = {
    "The connection": connection.SCENARIOS,
    "Silence and pace": connection.PACE,
    "An answer that breaks off": breaks.SCENARIOS,
    "An answer of the wrong form": content.SCENARIOS,
    "Error statuses": statuses.SCENARIOS,
    "Rate limits": statuses.RATE_LIMITS,
    "Refusals of the request itself": refusals.SCENARIOS,
    "One deployment or the whole provider": bounds.LEVELS,
    "Nobody else left": bounds.ALONE,
    "Streams continued": continued.SCENARIOS,
    "Answers held back until they are whole": continued.BUFFERED,
    "A race for the first token": continued.HEDGED,
}
"""Heading → scenarios."""

SCENARIOS = [scenario for area in AREAS.values() for scenario in area]

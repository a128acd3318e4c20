"""How our strategies are said with LiteLLM's: which of its own comes nearest, what the weights are,
and what of ours is lost."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from router_service.export.losses import Lost

SHUFFLE = "simple-shuffle"
LEAST_BUSY = "least-busy"
LATENCY = "latency-based-routing"

Share = Literal["weight", "equal", "capacity", "turn"]
"""What a member's part of the traffic comes from: its weight, nothing, its provider's capacity; or
its turn, where it is used only after all before it and a model's own deployments share by weight.
"""


@dataclass(frozen=True, slots=True)
class Nearest:
    """LiteLLM's name for a strategy of ours."""

    routing_strategy: str = SHUFFLE
    share: Share = "weight"
    lost: Lost | None = None


def _lost(what: str, instead: str) -> Lost:
    return Lost(f"LiteLLM has no strategy that {what}", instead)


_BY_WEIGHT = "members share by their weights at random, whatever the request and the load"
_IN_TURN = "every request goes to the first member, and to the next where that one fails"

NEAREST = {
    "direct": Nearest(share="turn"),
    "weighted": Nearest(),
    "simple_shuffle": Nearest(),
    "round_robin": Nearest(
        share="equal",
        lost=_lost("takes members in turn", "members share evenly at random"),
    ),
    "least_loaded": Nearest(LEAST_BUSY),
    "fastest_response": Nearest(
        LATENCY,
        lost=_lost(
            "counts requests still waiting as a measurement",
            f"`{LATENCY}`: the lowest mean of past times",
        ),
    ),
    "usage_based": Nearest(
        LATENCY,
        lost=_lost(
            "weighs latency, success and cost together",
            f"`{LATENCY}`: the lowest mean of past times alone",
        ),
    ),
    "most_capacity": Nearest(
        share="capacity",
        lost=_lost("goes by free slots", "members share by their providers' capacities at random"),
    ),
    "complexity_based": Nearest(
        share="turn", lost=_lost("goes by a request's complexity over such a group", _IN_TURN)
    ),
    "context_based": Nearest(
        share="turn", lost=_lost("goes by a prompt's length over such a group", _IN_TURN)
    ),
    "quality_based": Nearest(lost=_lost("goes by conditions", _BY_WEIGHT)),
    "adaptive_weighted": Nearest(lost=_lost("moves weights by measured health", _BY_WEIGHT)),
}
"""By our strategies' names, every one of them."""

"""Where everything of a drawn chain graph stands, in inches from the lower left: tiers as columns
of models, edges between their sides, providers in their failure domains below.

Only text has to be measured by whoever draws it; the rest is arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

Measure = Callable[[str, float], float]
"""The width in inches of a text of this size in points."""

NAME_PT = 8.5
CHIP_PT = 7.0
MARGIN = 0.35
_ROWS = 10
"""Models in one column of a tier; longer tiers have several columns."""
_COLUMNS = 8
_PAD = 0.12
_BOX_HEIGHT = 0.62
_ROW = 1.0
_GAP = 1.5
"""Between columns, for the edges."""
_HEAD = 0.45
CHIP_HEIGHT = 0.2
_CHIP_GAP = 0.06
_CHIP_PAD = 0.07
_CHIP_DROP = 0.13
"""Of chips, below the middle of what they stand in."""
_DOMAIN_HEIGHT = 0.66
_PORTS = 0.9
"""Share of a box's height that edges use."""
_TIERS = ("cloud_premium", "cloud_standard", "cloud_entry", "local")
_BULGE = (0.3, 0.09)
"""How far an edge within a column swings out: at least, and more with each row."""


@dataclass(frozen=True, slots=True)
class Box:
    """`x` and `y` are those of its middle."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Chip:
    text: str
    domain: str
    box: Box


@dataclass(frozen=True, slots=True)
class Node:
    model: str
    active: bool
    box: Box
    chips: list[Chip]


@dataclass(frozen=True, slots=True)
class Edge:
    """Of a chain, by its place there; points of a cubic Bézier curve."""

    place: int
    points: list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Panel:
    """A tier or a failure domain."""

    title: str
    box: Box
    chips: list[Chip] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Layout:
    width: float
    height: float
    tiers: list[Panel]
    nodes: list[Node]
    edges: list[Edge]
    domains: list[Panel]


def layout(graph: dict[str, Any], measure: Measure) -> Layout:
    """`graph` is that of `analyze --json`, with at least one model."""
    columns = _columns(graph["models"])
    widths = [max(_width(item, measure) for item in column) for _, column in columns]
    middles = _middles(widths)
    width = middles[-1] + widths[-1] / 2 + _GAP / 2 + MARGIN
    domains, below = _domains(graph["providers"], width, measure)
    rows = max(len(column) for _, column in columns)
    top = below + rows * _ROW
    domain_of = {item["provider"]: item["failure_domain"] for item in graph["providers"]}
    active = {item["provider"] for item in graph["providers"] if item["active"]}
    nodes = {}
    for (_, column), x, wide in zip(columns, middles, widths, strict=True):
        for row, item in enumerate(column):
            box = Box(x, top - (row + 0.5) / len(column) * rows * _ROW, wide, _BOX_HEIGHT)
            chips = _chips(item["providers"], domain_of, x, box.y - _CHIP_DROP, measure)
            is_active = not active.isdisjoint(item["providers"])
            nodes[item["model"]] = Node(item["model"], is_active, box, chips)
    return Layout(
        width=width,
        height=top + _HEAD + MARGIN,
        tiers=_tiers(columns, middles, widths, Box(0, below, 0, top - below + _HEAD)),
        nodes=list(nodes.values()),
        edges=_edges(graph["models"], nodes),
        domains=domains,
    )


def _columns(models: Sequence[dict[str, Any]]) -> list[tuple[str, list[dict[str, Any]]]]:
    """Tiers from the best on, each in as many columns as keep the picture about as high as wide."""
    rows = max(_ROWS, math.ceil(len(models) / _COLUMNS))
    tiers = grouped(models, "tier")
    ordered = sorted(tiers, key=lambda tier: _TIERS.index(tier))
    return [
        (tier, tiers[tier][start : start + rows])
        for tier in ordered
        for start in range(0, len(tiers[tier]), rows)
    ]


def grouped(items: Iterable[dict[str, Any]], key: str) -> dict[str, list[dict[str, Any]]]:
    groups: dict[str, list[dict[str, Any]]] = {}
    for item in items:
        groups.setdefault(item[key], []).append(item)
    return groups


def _width(item: dict[str, Any], measure: Measure) -> float:
    chips = [_chip_width(provider, measure) for provider in item["providers"]]
    chips_width = sum(chips) + _CHIP_GAP * (len(chips) - 1)
    return max(measure(item["model"], NAME_PT), chips_width) + 2 * _PAD


def _chip_width(text: str, measure: Measure) -> float:
    return measure(text, CHIP_PT) + 2 * _CHIP_PAD


def _middles(widths: Sequence[float]) -> list[float]:
    left = MARGIN + _GAP / 2
    middles = []
    for width in widths:
        middles.append(left + width / 2)
        left += width + _GAP
    return middles


def _chips(
    texts: Sequence[str], domain_of: dict[str, str], x: float, y: float, measure: Measure
) -> list[Chip]:
    """In a row around x; a text begins with its provider."""
    widths = [_chip_width(text, measure) for text in texts]
    left = x - (sum(widths) + _CHIP_GAP * (len(widths) - 1)) / 2
    chips = []
    for text, width in zip(texts, widths, strict=True):
        chips.append(Chip(text, domain_of[text], Box(left + width / 2, y, width, CHIP_HEIGHT)))
        left += width + _CHIP_GAP
    return chips


def _tiers(
    columns: Sequence[tuple[str, object]],
    middles: Sequence[float],
    widths: Sequence[float],
    height: Box,
) -> list[Panel]:
    """A panel around all columns of a tier."""
    edges: dict[str, tuple[float, float]] = {}
    for (tier, _), x, width in zip(columns, middles, widths, strict=True):
        left, right = x - width / 2 - _GAP / 2, x + width / 2 + _GAP / 2
        edges[tier] = (edges.get(tier, (left, right))[0], right)
    return [
        Panel(
            tier,
            Box((left + right) / 2, height.y + height.height / 2, right - left, height.height),
        )
        for tier, (left, right) in edges.items()
    ]


def _domains(
    providers: Sequence[dict[str, Any]], width: float, measure: Measure
) -> tuple[list[Panel], float]:
    """Boxes in rows from the lower left, and the height they reach."""
    panels = []
    left, y = MARGIN, 2 * MARGIN + _DOMAIN_HEIGHT / 2
    for domain, members in grouped(providers, "failure_domain").items():
        texts = [provider_text(item) for item in members]
        chips_width = sum(_chip_width(text, measure) + _CHIP_GAP for text in texts) - _CHIP_GAP
        wide = max(chips_width, measure(domain, NAME_PT)) + 2 * _PAD
        if left > MARGIN and left + wide > width - MARGIN:
            left, y = MARGIN, y + _DOMAIN_HEIGHT + _PAD
        x = left + wide / 2
        domain_of = dict.fromkeys(texts, domain)
        chips = _chips(texts, domain_of, x, y - _CHIP_DROP, measure)
        panels.append(Panel(domain, Box(x, y, wide, _DOMAIN_HEIGHT), chips))
        left += wide + _PAD
    return panels, y + _DOMAIN_HEIGHT / 2 + MARGIN


def provider_text(item: dict[str, Any]) -> str:
    state = f"{100 * item['availability']:g} %" if item["active"] else "not active"
    return f"{item['provider']}, {item['location']}, {state}"


# ── Edges ────────────────────────────────────────────────────────────────────────────────────────


@dataclass(slots=True)
class _End:
    """Where an edge meets a node: a side, 1 for the right and -1 for the left; `port` is the
    height."""

    node: Node
    other: Node
    side: int
    port: float = 0.0


def _edges(models: Iterable[dict[str, Any]], nodes: dict[str, Node]) -> list[Edge]:
    ends = []
    for item in models:
        for place, member in enumerate(item["chain"], start=1):
            one, other = nodes[item["model"]], nodes[member]
            out, into = _sides(one.box, other.box)
            ends.append((place, _End(one, other, out), _End(other, one, into)))
    _share_sides(end for _, *both in ends for end in both)
    return [Edge(place, _curve(out, into)) for place, out, into in ends]


def _sides(one: Box, other: Box) -> tuple[int, int]:
    """Across columns from side to facing side; within one down on the right and up on the left."""
    if one.x == other.x:
        side = 1 if other.y < one.y else -1
        return side, side
    return (1, -1) if other.x > one.x else (-1, 1)


def _share_sides(ends: Iterable[_End]) -> None:
    """Spreads the ends on each side of a node over its height, in the order of where they lead."""
    sides: dict[tuple[str, int], list[_End]] = {}
    for end in ends:
        sides.setdefault((end.node.model, end.side), []).append(end)
    for meeting in sides.values():
        meeting.sort(key=lambda end: end.other.box.y)
        box = meeting[0].node.box
        for place, end in enumerate(meeting, start=1):
            end.port = box.y + box.height * _PORTS * (place / (len(meeting) + 1) - 0.5)


def _curve(out: _End, into: _End) -> list[tuple[float, float]]:
    start = out.node.box.x + out.side * out.node.box.width / 2, out.port
    end = into.node.box.x + into.side * into.node.box.width / 2, into.port
    if out.side == into.side:
        rows = abs(out.node.box.y - into.node.box.y) / _ROW
        swing = min(_BULGE[0] + _BULGE[1] * rows, _GAP) * out.side
        return [start, (start[0] + swing, start[1]), (end[0] + swing, end[1]), end]
    reach = max(abs(end[0] - start[0]) / 2, _GAP / 2)
    return [
        start,
        (start[0] + out.side * reach, start[1]),
        (end[0] + into.side * reach, end[1]),
        end,
    ]

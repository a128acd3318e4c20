"""An analysed config as one SVG picture: models by tier with where they are deployed, chains as
numbered arrows, providers in their failure domains.

Importing this room needs matplotlib; where things stand is the layout's matter.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path as Curve
from matplotlib.textpath import TextPath

from router_service.cli.analysis_layout import (
    CHIP_PT,
    MARGIN,
    NAME_PT,
    Box,
    Chip,
    Edge,
    Node,
    Panel,
    grouped,
    layout,
)
from router_service.cli.svg_file import SVG_STYLE, save
from router_service.errors import InvalidRequest

MOST_MODELS = 100
_POINTS = 72
_DOMAINS = (
    "#8dd3c7",
    "#fdb462",
    "#bebada",
    "#fb8072",
    "#80b1d3",
    "#b3de69",
    "#fccde5",
    "#d9c3a5",
    "#bc80bd",
    "#ccebc5",
    "#ffe04d",
)
"""Light enough for names in black; after the last they begin again."""
_INK = "#1f2933"
_FAINT = "#8a94a0"
_TIER = "#f3f5f8"
_STEPS = (("#1b4f9c", 1.6), ("#d9822b", 1.2), ("#3f9b57", 1.0), ("#a7aeb7", 0.9))
"""Colour and width of an edge by its place in the chain; further ones are like the last."""
_LABEL_AT = 0.14
"""How far along an edge its number stands."""


def draw(graph: dict[str, Any], path: Path) -> None:
    """Write the picture. `graph` is that of `analyze --json`.

    Raises InvalidRequest where there are too many models to draw, or none, and OSError where the
    file cannot be written.
    """
    count = len(graph["models"])
    if not 0 < count <= MOST_MODELS:
        raise InvalidRequest(
            f"--svg draws 1 to {MOST_MODELS} models, and this config has {count}: more could not "
            "be read; use --mermaid or --json"
        )
    colors = {
        domain: to_rgb(_DOMAINS[place % len(_DOMAINS)])
        for place, domain in enumerate(grouped(graph["providers"], "failure_domain"))
    }
    plan = layout(graph, _measured)
    with rc_context(SVG_STYLE):
        figure = Figure(figsize=(plan.width, plan.height), facecolor="white")
        axes = figure.add_axes((0, 0, 1, 1), xlim=(0, plan.width), ylim=(0, plan.height))
        axes.set_axis_off()
        for tier in plan.tiers:
            _tier(axes, tier)
        for edge in sorted(plan.edges, key=lambda edge: -edge.place):
            _edge(axes, edge)
        for node in plan.nodes:
            _node(axes, node, colors)
        for domain in plan.domains:
            _domain(axes, domain, colors)
        _legend(axes, plan.edges)
        save(figure, path, "analyze")


@functools.cache
def _measured(text: str, points: float) -> float:
    return float(TextPath((0, 0), text, size=points).get_extents().width) / _POINTS


def _tier(axes: Axes, tier: Panel) -> None:
    _box(axes, tier.box, inset=0.06, facecolor=_TIER, edgecolor="none", zorder=0)
    top = tier.box.y + tier.box.height / 2 - 0.28
    name = tier.title.replace("_", " ")
    axes.text(
        tier.box.x, top, name, ha="center", va="center", fontsize=10, weight="bold", color=_INK
    )


def _node(axes: Axes, node: Node, colors: dict[str, Any]) -> None:
    line = "-" if node.active else (0, (3, 2))
    _box(axes, node.box, facecolor="white", edgecolor=_INK, linewidth=0.9, linestyle=line, zorder=4)
    color = _INK if node.active else _FAINT
    at = node.box.x, node.box.y + 0.14
    axes.text(*at, node.model, ha="center", va="center", fontsize=NAME_PT, color=color, zorder=5)
    for chip in node.chips:
        _chip(axes, chip, colors)


def _domain(axes: Axes, domain: Panel, colors: dict[str, Any]) -> None:
    color = colors[domain.title]
    _box(axes, domain.box, facecolor=(*color, 0.25), edgecolor=color, linewidth=1.2, zorder=4)
    at = domain.box.x, domain.box.y + 0.16
    axes.text(*at, domain.title, ha="center", va="center", fontsize=NAME_PT, color=_INK, zorder=5)
    for chip in domain.chips:
        _chip(axes, chip, colors)


def _chip(axes: Axes, chip: Chip, colors: dict[str, Any]) -> None:
    _box(axes, chip.box, facecolor=colors[chip.domain], edgecolor="none", zorder=5)
    at = chip.box.x, chip.box.y
    axes.text(*at, chip.text, ha="center", va="center", fontsize=CHIP_PT, color=_INK, zorder=6)


def _box(axes: Axes, box: Box, inset: float = 0, **style: Any) -> None:
    rounding = 0.06
    axes.add_patch(
        FancyBboxPatch(
            (box.x - box.width / 2 + inset, box.y - box.height / 2),
            box.width - 2 * inset,
            box.height,
            boxstyle=f"round,pad=0,rounding_size={rounding}",
            **style,
        )
    )


def _edge(axes: Axes, edge: Edge) -> None:
    color, width = _step(edge.place)
    curve = Curve(edge.points, [Curve.MOVETO, Curve.CURVE4, Curve.CURVE4, Curve.CURVE4])
    axes.add_patch(
        FancyArrowPatch(
            path=curve, arrowstyle="-|>", mutation_scale=8, color=color, linewidth=width, zorder=2
        )
    )
    axes.text(
        *_along(edge.points, _LABEL_AT),
        str(edge.place),
        ha="center",
        va="center",
        fontsize=6,
        color=color,
        zorder=3,
        bbox={"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "none"},
    )


def _step(place: int) -> tuple[str, float]:
    return _STEPS[min(place, len(_STEPS)) - 1]


def _along(points: list[tuple[float, float]], part: float) -> tuple[float, float]:
    """The point of a cubic Bézier curve there, by Bernstein's polynomials."""
    rest = 1 - part
    weights = (rest**3, 3 * rest**2 * part, 3 * rest * part**2, part**3)
    x, y = (sum(w * point[i] for w, point in zip(weights, points, strict=True)) for i in (0, 1))
    return x, y


def _legend(axes: Axes, edges: list[Edge]) -> None:
    last = max((edge.place for edge in edges), default=0)
    places = range(1, min(last, len(_STEPS)) + 1)
    more = " and further" if last > len(_STEPS) else ""
    handles = [
        Line2D(
            [],
            [],
            color=_step(place)[0],
            linewidth=_step(place)[1],
            label=f"{place}. of the chain{more if place == len(_STEPS) else ''}",
        )
        for place in places
    ]
    dashed = Line2D([], [], color=_INK, linestyle=(0, (3, 2)), label="model that is not active")
    width = axes.get_xlim()[1]
    axes.legend(
        handles=[*handles, dashed],
        title="each colour is a failure domain; its providers are in the boxes above",
        alignment="left",
        loc="lower left",
        bbox_to_anchor=(MARGIN / width, 0),
        ncols=len(handles) + 1,
        frameon=False,
        fontsize=CHIP_PT,
        title_fontsize=CHIP_PT,
    )

"""Simulated strategies side by side as one SVG picture: goodput, times, shares of providers.

The fields are those of `simulate --json`; importing this room needs matplotlib.
"""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from router_service.cli.simulation_table import load_line, providers_used
from router_service.cli.svg_file import SVG_STYLE, save

Reports = Sequence[dict[str, Any]]

_STYLE = SVG_STYLE | {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}

_WIDTH_IN = 11.0
_HEIGHT_IN = 1.4
"""Without what each strategy and each line of the legend adds."""
_STRATEGY_IN = 0.5
_LEGEND_LINE_IN = 0.2
_LEGEND_COLUMNS = 3
_TITLE_CHARACTERS = 160
_GOOD = "#4c78a8"
_TIMES = (("mean", "#4c78a8"), ("p95", "#f2a03d"), ("p99", "#b04a4a"))
_PROVIDERS = colormaps["Set3"]
"""Light enough for numbers in black."""
_BAR = 0.8
"""Of the distance between two strategies."""
_NAMED_SHARE = 0.08
"""A share of a provider from which its number fits into its part of the bar."""


def draw(reports: Reports, path: Path) -> None:
    """Write the chart. Raises OSError where the file cannot be written."""
    with rc_context(_STYLE):
        figure = Figure(
            figsize=(_WIDTH_IN, _height(reports)), layout="constrained", facecolor="white"
        )
        title = textwrap.fill(load_line(reports[0]), _TITLE_CHARACTERS)
        figure.suptitle(title, x=0.01, ha="left", fontsize=9)
        good, times, shares = figure.subplots(1, 3, sharey=True, width_ratios=(2, 3, 4))
        good.set_yticks(range(len(reports)), [report["strategy"] for report in reports])
        good.invert_yaxis()
        _goodput(good, reports)
        _times(times, reports)
        _shares(shares, reports)
        save(figure, path, "simulate")


def _height(reports: Reports) -> float:
    """Inches: room for as many strategies and providers as there are."""
    lines = math.ceil(len(providers_used(reports)) / _LEGEND_COLUMNS)
    return _HEIGHT_IN + _STRATEGY_IN * len(reports) + _LEGEND_LINE_IN * lines


def _goodput(axes: Axes, reports: Reports) -> None:
    shares = [100 * (report["goodput"] or 0) for report in reports]
    bars = axes.barh(range(len(reports)), shares, height=_BAR, color=_GOOD)
    axes.bar_label(bars, [f"{share:.1f}" for share in shares], padding=3)
    axes.set_xlim(0, 125)
    axes.set_xticks(range(0, 101, 25))
    axes.set_xlabel("goodput, % of requests")


def _times(axes: Axes, reports: Reports) -> None:
    """To the first token, or of whole answers where nothing is streamed."""
    streamed = any(report["ttft_ms"]["count"] for report in reports)
    field, label = ("ttft_ms", "TTFT, ms") if streamed else ("total_ms", "time of an answer, ms")
    height = _BAR / len(_TIMES)
    for place, (figure, color) in enumerate(_TIMES):
        offset = (place - (len(_TIMES) - 1) / 2) * height
        rows = [row + offset for row in range(len(reports))]
        values = [report[field][figure] or 0 for report in reports]
        bars = axes.barh(rows, values, height=height, color=color, label=figure)
        axes.bar_label(bars, [f"{value:,.0f}" for value in values], padding=3, fontsize=7)
    axes.margins(x=0.15)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5)
    axes.set_xlabel(label)
    _legend(axes)


def _shares(axes: Axes, reports: Reports) -> None:
    """Of the requests whose first attempt went to each provider."""
    ends = [0.0] * len(reports)
    for color, place in enumerate(providers_used(reports)):
        providers = [report["providers"][place] for report in reports]
        shares = [100 * provider["share_got"] for provider in providers]
        bars = axes.barh(
            range(len(reports)),
            shares,
            left=ends,
            height=_BAR,
            color=_PROVIDERS(color % _PROVIDERS.N),
            edgecolor="white",
            label=providers[0]["provider"],
        )
        named = [f"{share:.0f}" if share >= 100 * _NAMED_SHARE else "" for share in shares]
        axes.bar_label(bars, named, label_type="center")
        ends = [end + share for end, share in zip(ends, shares, strict=True)]
    axes.set_xlim(0, 100)
    axes.set_xlabel("share of each provider, % of requests")
    _legend(axes)


def _legend(axes: Axes) -> None:
    """Above the panel, where it covers no bar."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=_LEGEND_COLUMNS, frameon=False)

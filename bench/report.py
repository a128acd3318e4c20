"""Figures as people read them and as files keep them.

A figure has a goal where the project set itself one; missing it is shown, not asserted.
"""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Goal:
    """What a figure should be."""

    bound: float
    at_least: bool = False
    """A floor rather than a ceiling."""

    def met(self, value: float) -> bool:
        return value >= self.bound if self.at_least else value <= self.bound

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value; low and high are its spread, each level's module says of what."""

    level: str
    name: str
    value: float
    unit: str
    low: float | None = None
    high: float | None = None
    goal: Goal | None = None

    def to_json(self) -> dict[str, Any]:
        met = {} if self.goal is None else {"met": self.goal.met(self.value)}
        return asdict(self) | met


def show(figures: Sequence[Figure]) -> None:
    """Print one table for each level."""
    console = Console(width=None if Console().is_terminal else 110)
    for level in dict.fromkeys(figure.level for figure in figures):
        table = Table("figure", title=level, title_justify="left")
        for heading in ("value", "unit", "spread", "goal", "met"):
            table.add_column(heading, justify="left" if heading == "unit" else "right")
        for figure in figures:
            if figure.level == level:
                table.add_row(*_cells(figure))
        console.print(table)


def save(figures: Sequence[Figure], folder: Path) -> Path:
    """Write all figures with the machine they come from; returns the file."""
    now = datetime.now(UTC)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{now:%Y-%m-%dT%H-%M-%SZ}.json"
    document = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "figures": [figure.to_json() for figure in figures],
    }
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return path


def machine() -> dict[str, Any]:
    """What the figures depend on besides the code."""
    return {
        "processors": os.cpu_count(),
        "architecture": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 2),
    }


def _cells(figure: Figure) -> tuple[str, ...]:
    spread = (
        ""
        if figure.low is None or figure.high is None
        else (f"{_number(figure.low)} … {_number(figure.high)}")
    )
    goal, met = "", ""
    if figure.goal is not None:
        goal, met = str(figure.goal), "yes" if figure.goal.met(figure.value) else "no"
    return figure.name, _number(figure.value), figure.unit, spread, goal, met


def _number(value: float) -> str:
    """Three digits that matter; larger numbers whole."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"

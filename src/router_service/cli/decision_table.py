"""An explained decision as tables for a terminal.

The fields are those of `route --json`; this room only lays them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

_SUMMARY = (
    ("rule", "rule"),
    ("matched", "matched"),
    ("strategy", "strategy"),
    ("complexity", "complexity"),
    ("prompt_tokens", "prompt tokens"),
    ("table_version", "table version"),
)


def print_decision(decision: dict[str, Any], console: Console | None = None) -> None:
    """Print what was chosen, why, the plan with parameter changes, and every candidate."""
    console = console or Console()
    console.print(
        f"[bold]{escape(decision['model'])}[/] on [bold]{escape(decision['provider'])}[/]"
    )
    console.print(_summary(decision))
    console.print(_plan(decision["plan"]))
    console.print(_candidates(decision["candidates"]))
    for note in decision.get("notes") or ():
        console.print(f"note: {escape(str(note))}")


def _summary(decision: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for key, label in _SUMMARY:
        if decision.get(key) is not None:
            table.add_row(label, escape(str(decision[key])))
    return table


def _plan(hops: Iterable[dict[str, Any]]) -> Table:
    table = _headed("Plan", "#", "model", "provider", "parameters")
    for number, hop in enumerate(hops, start=1):
        change = hop.get("param_change_pct")
        shown = "" if number == 1 else "unknown" if change is None else f"{change:+.0f} %"
        table.add_row(str(number), escape(hop["model"]), escape(hop["provider"]), shown)
    return table


def _candidates(candidates: Iterable[dict[str, Any]]) -> Table:
    table = _headed("Candidates", "model", "provider", "eligible", "score", "reason")
    for item in candidates:
        score = item.get("score")
        table.add_row(
            escape(item["model"]),
            escape(item["provider"]),
            "yes" if item["eligible"] else "no",
            "" if score is None else f"{score:.4g}",
            escape(item.get("reason") or ""),
        )
    return table


def _headed(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table

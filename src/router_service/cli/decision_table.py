"""An explained decision as tables for a terminal.

The fields are those of `route --json`; this room only lays them out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
_WAITS = {"first_token": "first token", "whole_answer": "whole answer"}
_SOURCES = {
    "measured": "measured {samples} times",
    "prior": "prior",
    "waiting": "age of a request that waits",
    "slowest_measured": "as the slowest measured",
}


def print_decision(decision: dict[str, Any], console: Console | None = None) -> None:
    """Print what was chosen, why, the plan with what each hop costs in quality, every candidate
    with what it was scored by, and what would alter the choice."""
    console = console or Console()
    console.print(
        f"[bold]{escape(decision['model'])}[/] on [bold]{escape(decision['provider'])}[/]"
    )
    console.print(_summary(decision))
    console.print(_plan(decision["plan"]))
    console.print(_candidates(decision["candidates"]))
    for line in (*_scores(decision["candidates"]), *_nearest(decision)):
        console.print(line, highlight=False, soft_wrap=True)
    for note in decision.get("notes") or ():
        console.print(f"note: {escape(str(note))}")


def _summary(decision: dict[str, Any]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for key, label in _SUMMARY:
        if decision.get(key) is not None:
            table.add_row(label, escape(str(decision[key])))
    return table


def _plan(hops: Iterable[dict[str, Any]]) -> Table:
    table = _headed("Plan", "#", "model", "provider", "quality against the first")
    for number, hop in enumerate(hops, start=1):
        quality = "" if number == 1 else escape(hop.get("quality") or "")
        table.add_row(str(number), escape(hop["model"]), escape(hop["provider"]), quality)
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


def _scores(candidates: Iterable[dict[str, Any]]) -> Iterator[str]:
    """What each was scored by, under what the scores are made of."""
    formula = None
    for item in candidates:
        terms = item.get("terms")
        if item.get("score") is None or not terms:
            continue
        if "formula" in terms and terms["formula"] != formula:
            formula = terms["formula"]
            yield f"[bold]Score by {terms['strategy']}[/]: {escape(formula)}"
        yield f"  {escape(item['deployment'])}: {escape(', '.join(_terms(terms)))}"
        if behind := terms.get("behind"):
            yield f"    {escape(behind)}"


def _terms(terms: dict[str, Any]) -> Iterator[str]:
    """What a strategy went by; there is less of it where nothing was compared."""
    if weight := terms.get("weight"):
        wanted, used = weight["wanted"], weight["used"]
        yield f"weight {wanted:.3g}" + ("" if wanted == used else f", now {used:.3g}")
    if (credit := terms.get("credit")) is not None:
        yield f"owed {credit:+.2f}"
    yield f"{terms['in_flight']} of {terms['capacity']} slots, load {_percent(terms['load'])}"
    if latency := terms.get("latency"):
        source = _SOURCES[latency["source"]].format(**latency)
        yield f"{_WAITS[latency['of']]} {latency['us'] / 1000:,.0f} ms ({source})"
    for name, label in (("success_rate", "success"), ("reliability", "reliability")):
        if (share := terms.get(name)) is not None:
            yield f"{label} {_percent(share)}"
    if (cost := terms.get("cost_usd")) is not None:
        yield f"{cost:.4g} USD"
    yield from terms.get("set_back") or ()


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _nearest(decision: dict[str, Any]) -> Iterator[str]:
    changes = decision.get("nearest_changes")
    if changes is None:
        return
    if changes:
        yield "[bold]Nearest changes[/] that would put another first, each alone, all else equal:"
        yield from (f"  {escape(change['text'])}" for change in changes)
    else:
        yield "[bold]Nothing that was tried would put another first[/], each alone and as far as:"
        yield from (f"  {escape(text)}" for text in decision["changes_without_effect"])
    if not decision["search_complete"]:
        yield f"  after {decision['reruns']} decisions made again, not everything was tried"


def _headed(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", header_style="dim")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table

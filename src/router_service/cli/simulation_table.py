"""Simulated strategies side by side as tables for a terminal, goodput first.

The fields are those of `simulate --json`; this room only lays them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.cli.compact_table import compact_table

_COLUMNS = ("goodput", "TTFT mean", "p50", "p95", "p99", "total", "lost", "moved", "USD")


def print_reports(reports: Sequence[dict[str, Any]], console: Console | None = None) -> None:
    """Print the load, one line for each strategy, and where each strategy sent the requests."""
    console = console or Console()
    console.print(load_line(reports[0]))
    console.print(_strategies(reports))
    console.print(_shares(reports))
    for report in reports:
        for kind in ("failures", "refusals"):
            if report[kind]:
                counted = ", ".join(f"{code} {count:,}" for code, count in report[kind].items())
                console.print(f"{escape(report['strategy'])}: {kind}: {escape(counted)}")


def load_line(report: dict[str, Any]) -> str:
    """What arrived, and what counts as good."""
    load = report["load"]
    rate = report["offered"] / load["duration_s"]
    return (
        f"{report['offered']:,} requests in {load['duration_s']:,.0f} s: {rate:.2f} a second, "
        f"{_percent(rate / load['capacity_per_s'] if load['capacity_per_s'] else None)} of the "
        f"{load['capacity_per_s']:.2f} the modelled fleet can serve. Good: whole within "
        f"{load['deadline_s']:g} s, a stream's first token within {load['slo_ttft_ms']:g} ms."
    )


def _strategies(reports: Sequence[dict[str, Any]]) -> Table:
    table = _headed("Strategies: times in ms, lost and moved in requests", _COLUMNS)
    best = max((report["goodput"] or 0 for report in reports), default=0)
    for report in reports:
        ttft, total = report["ttft_ms"], report["total_ms"]
        goodput = _percent(report["goodput"], 1)
        table.add_row(
            escape(report["strategy"]),
            f"[bold]{goodput}[/]" if report["goodput"] == best else goodput,
            *(_whole(ttft[key]) for key in ("mean", "p50", "p95", "p99")),
            _whole(total["mean"]),
            f"{report['failed'] + report['refused']:,}",
            f"{report['fallbacks']:,}",
            f"{report['cost_usd']:,.2f}",
        )
    return table


def providers_used(reports: Sequence[dict[str, Any]]) -> list[int]:
    """Places of the providers that some strategy used or a weight asks for."""
    return [
        place
        for place, provider in enumerate(reports[0]["providers"])
        if provider["share_wanted"]
        or any(report["providers"][place]["attempts"] for report in reports)
    ]


def _shares(reports: Sequence[dict[str, Any]]) -> Table:
    used = providers_used(reports)
    names = [reports[0]["providers"][place]["provider"] for place in used]
    table = _headed("Share of requests / mean use of slots, per cent", names)
    wanted = [reports[0]["providers"][place]["share_wanted"] for place in used]
    if any(share is not None for share in wanted):
        shown = ("" if share is None else f"{100 * share:.0f}" for share in wanted)
        table.add_row("(weights)", *shown, style="dim")
    for report in reports:
        cells = (report["providers"][place] for place in used)
        table.add_row(
            escape(report["strategy"]),
            *(
                f"{100 * cell['share_got']:.0f} / {100 * cell['utilisation_mean']:.0f}"
                for cell in cells
            ),
        )
    return table


def _headed(title: str, columns: Sequence[str]) -> Table:
    """Narrow enough for 80 characters: a strategy's line is read across."""
    table = compact_table(title)
    table.add_column("strategy", no_wrap=True)
    for column in columns:
        table.add_column(escape(column), justify="right", overflow="fold")
    return table


def _percent(share: float | None, digits: int = 0) -> str:
    return "" if share is None else f"{100 * share:.{digits}f} %"


def _whole(milliseconds: float | None) -> str:
    return "" if milliseconds is None else f"{milliseconds:,.0f}"

"""An access log's figures for a terminal.

The fields are those of `logs analyze --json` and `uptime --json`; this room only lays them out.
"""

from __future__ import annotations

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

_MOST_CHAINS = 20


def print_analysis(
    figures: dict[str, Any],
    *,
    providers_only: bool = False,
    chains: bool = False,
    console: Console | None = None,
) -> None:
    """Requests, providers and the ways of fallback; or the part that was asked for."""
    console = console or Console()
    if not figures["requests"]:
        console.print("no request in this log, or none that the options ask for")
        return
    if not providers_only:
        console.print(_requests(figures))
    if not chains:
        console.print(_providers(figures["providers"]))
        for name, provider in figures["providers"].items():
            _print_failures(console, name, provider["outcomes"])
    if not providers_only and figures["fallback_chains"]:
        console.print(_chains(figures["fallback_chains"]))


def print_uptime(figures: dict[str, Any], console: Console | None = None) -> None:
    """One line for each provider."""
    console = console or Console()
    table = _headed(
        f"Uptime from {figures['from']} to {figures['to']}: minutes with attempts",
        ("uptime", "up", "down", "no attempts", "last down"),
    )
    for name, provider in figures["providers"].items():
        table.add_row(
            escape(name),
            _percent(provider["uptime"]),
            f"{provider['minutes_up']:,}",
            f"{provider['minutes_down']:,}",
            f"{provider['minutes_unknown']:,}",
            provider["last_down"] or "-",
        )
    console.print(table)


def _requests(figures: dict[str, Any]) -> str:
    total, fallback = figures["total_s"], figures["fallback"]
    statuses = ", ".join(f"{name} {count:,}" for name, count in figures["statuses"].items())
    rules = ", ".join(f"{name} {count:,}" for name, count in figures["rules"].items())
    return "\n".join(
        (
            f"{figures['requests']:,} requests from {figures['from']} to {figures['to']}",
            f"  ended: {escape(statuses)}",
            f"  rules: {escape(rules)}",
            "  times: "
            + ", ".join(f"{key} {_ms(total[key])}" for key in ("p50", "p95", "p99"))
            + " ms",
            f"  fallback: {fallback['requests']:,} requests moved after a failure, "
            f"{fallback['answered']:,} of them were answered",
        )
    )


def _providers(providers: dict[str, Any]) -> Table:
    table = _headed(
        "Providers: times of answers in ms",
        ("attempts", "share", "success", "TTFT p50", "p95", "total p50", "p95"),
    )
    for name, provider in providers.items():
        table.add_row(
            escape(name),
            f"{provider['attempts']:,}",
            _percent(provider["share"]),
            _percent(provider["success_rate"]),
            *(_ms(provider["ttft_s"][key]) for key in ("p50", "p95")),
            *(_ms(provider["total_s"][key]) for key in ("p50", "p95")),
        )
    return table


def _print_failures(console: Console, provider: str, outcomes: dict[str, int]) -> None:
    failures = [f"{key} {count:,}" for key, count in outcomes.items() if key != "success"]
    if failures:
        console.print(escape(f"{provider}: {', '.join(failures)}"))


def _chains(chains: list[dict[str, Any]]) -> Table:
    table = Table("requests", "way", box=SIMPLE_HEAD, title="Fallbacks", title_justify="left")
    for chain in chains[:_MOST_CHAINS]:
        table.add_row(f"{chain['requests']:,}", escape(" -> ".join(chain["way"])))
    if len(chains) > _MOST_CHAINS:
        rest = sum(chain["requests"] for chain in chains[_MOST_CHAINS:])
        table.add_row(f"{rest:,}", f"{len(chains) - _MOST_CHAINS} other ways (--json has them)")
    return table


def _headed(title: str, columns: tuple[str, ...]) -> Table:
    table = Table(box=SIMPLE_HEAD, title=title, title_justify="left")
    table.add_column("provider")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.2%}"


def _ms(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1000:,.0f}"

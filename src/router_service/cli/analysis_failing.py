"""What failing costs and leaves, as tables: each model's hops, what is left when much is down at
once, and the cross-check of the exact figures.

The fields are those of `analyze --json`; this room only lays them out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.cli.analysis_cells import (
    MOST_LISTED,
    MOST_MODELS,
    headed,
    listed,
    milliseconds,
    of_models,
    percent,
    rounded_percent,
)


def print_failing(analysis: dict[str, Any], console: Console) -> None:
    console.print(_costs(analysis["models"], analysis["assumptions"]["failed_hop_ms"]))
    console.print(_scenarios(analysis["scenarios"]))
    if analysis["down"] is not None:
        console.print(_scenarios([analysis["down"]], "While that is down"))
        console.print(_left(analysis["down"]["models"]))
    if analysis["monte_carlo"] is not None:
        console.print(_check(analysis["monte_carlo"]))


def _costs(models: Sequence[dict[str, Any]], failed_hop_ms: float) -> Table:
    table = of_models(
        f"Expected and worst, with {failed_hop_ms:g} ms for a hop that fails",
        models,
        "model",
        "attempts",
        "worst",
        "first token",
        "worst",
        "USD for 1,000",
        "worst",
    )
    for item in models[:MOST_MODELS]:
        expected, worst = item["expected"], item["worst"]
        late = "" if worst["within_deadline"] else " (past the deadline)"
        table.add_row(
            escape(item["model"]),
            f"{expected['attempts']:.4f}",
            str(worst["attempts"]),
            milliseconds(expected["first_token_ms"]),
            milliseconds(worst["first_token_ms"]) + late,
            f"{1_000 * expected['usd']:,.2f}",
            f"{1_000 * worst['usd']:,.2f}",
        )
    return table


def _scenarios(scenarios: Sequence[dict[str, Any]], title: str = "Much down at once") -> Table:
    table = headed(title, "down", "models lost", "lowest of the others", "requests answered", "by")
    for item in scenarios[:MOST_LISTED]:
        lowest, model = item["lowest_availability"], item["lowest_availability_model"]
        table.add_row(
            escape(" and ".join(item["down"])),
            escape(listed(item["lost"])),
            "" if lowest is None else escape(f"{percent(lowest)} ({model})"),
            rounded_percent(item["answered"], digits=4),
            escape(spread(item["traffic"])),
        )
    if len(scenarios) > MOST_LISTED:
        table.caption = f"the first {MOST_LISTED} of {len(scenarios)}; --json has them all"
    return table


def spread(shares: Sequence[dict[str, Any]]) -> str:
    """Providers with their shares, the largest first."""
    ordered = sorted(shares, key=lambda item: -item["share"])
    return listed([f"{item['provider']} {rounded_percent(item['share'])}" for item in ordered])


def _left(models: Sequence[dict[str, Any]]) -> Table:
    table = of_models(
        "What is left to each model", models, "model", "availability", "attempts expected"
    )
    for item in models[:MOST_MODELS]:
        table.add_row(
            escape(item["model"]),
            percent(item["availability"]) if item["availability"] else "lost",
            f"{item['expected_attempts']:.4f}",
        )
    return table


def _check(check: dict[str, Any]) -> Table:
    """Availabilities side by side; hops only where they disagree."""
    models = check["models"]
    table = of_models(
        f"Cross-check: {check['samples']:,} drawn states, seed {check['seed']}",
        models,
        "model",
        "played",
        f"interval of {100 * check['confidence']:g} %",
        "exact",
        "",
    )
    for item in models[:MOST_MODELS]:
        found = item["availability"]
        hops = [str(place) for place, hop in enumerate(item["answers"], 1) if not hop["within"]]
        agrees = "" if found["within"] else "outside"
        table.add_row(
            escape(item["model"]),
            percent(found["estimate"]),
            f"{percent(found['low'])} to {percent(found['high'])}",
            percent(found["exact"]),
            f"hops {', '.join(hops)} outside" if hops else agrees,
        )
    table.add_section()
    worst = f"largest difference of any hop or model: {check['worst_deviation']:.2g}"
    table.add_row("all", "", worst, "", f"{check['outside']} outside")
    return table

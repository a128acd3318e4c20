"""Queues at a given rate as tables: every provider's load and wait, and who is overloaded by which
loss.

The fields are those of `analyze --json`; this room only lays them out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from router_service.cli.analysis_cells import headed, listed, milliseconds, rounded_percent


def print_queues(queueing: dict[str, Any], console: Console) -> None:
    """Print each provider's load, then every loss, whoever it hurts."""
    console.print(_loads(queueing))
    console.print(_losses(queueing["losses"]))


def _loads(queueing: dict[str, Any]) -> Table:
    table = headed(
        f"Queues at {queueing['rate_per_s']:g} requests a second",
        "provider",
        "a second",
        "slot for",
        "slots",
        "used",
        "must wait",
        "wait",
        "used at worst",
        f"slots for {100 * queueing['utilisation_wanted']:g} %",
        "at worst",
    )
    for item in queueing["providers"]:
        worst = f" without {item['worst_loss']}" if item["worst_loss"] else ""
        table.add_row(
            escape(item["provider"]),
            f"{item['rate_per_s']:.3g}",
            f"{item['service_s']:.3g} s",
            str(item["capacity"]),
            rounded_percent(item["utilisation"]),
            _share(item["wait_probability"]),
            _wait(item),
            escape(rounded_percent(item["worst_utilisation"]) + worst),
            str(item["capacity_needed"]),
            str(item["capacity_needed_after_loss"]),
        )
    return table


def _losses(losses: Iterable[dict[str, Any]]) -> Table:
    table = headed(
        "Each lost in turn", "lost", "moves a second", "unserved", "overloads", "the others wait"
    )
    for item in losses:
        over = [f"{it['provider']} {rounded_percent(it['utilisation'])}" for it in overloaded(item)]
        others = [it for it in item["receivers"] if not it["overloaded"]]
        waits = [f"{it['provider']} {milliseconds(it['mean_wait_ms'])}" for it in others]
        table.add_row(
            escape(f"{item['name']} ({item['kind'].replace('_', ' ')})"),
            f"{item['moved_per_s']:.3g}",
            f"{item['unserved_per_s']:.3g}",
            escape(listed(over)),
            escape(listed(waits)),
        )
    return table


def overloaded(loss: dict[str, Any]) -> list[dict[str, Any]]:
    """The providers that get more than they can do."""
    return [item for item in loss["receivers"] if item["overloaded"]]


def _share(share: float | None) -> str:
    return "" if share is None else rounded_percent(share)


def _wait(load: dict[str, Any]) -> str:
    return "without end" if load["overloaded"] else milliseconds(load["mean_wait_ms"])

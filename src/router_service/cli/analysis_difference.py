"""Two analysed configs side by side: what changes for the whole, and for each model that changes.

Both are told in full by `--json`; this room finds what differs and lays it out.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.markup import escape

from router_service.cli.analysis_cells import duration, headed, percent, point_names
from router_service.cli.analysis_queues import overloaded

_FIGURES = ("availability", "downtime_s_per_month", "single_points_of_failure", "plan")


def differences(before: dict[str, Any], after: dict[str, Any]) -> list[dict[str, Any]]:
    """For each model whose figures differ, those of both; None where one has no such model."""
    old, new = ({item["model"]: item for item in side["models"]} for side in (before, after))
    return [
        {"model": name, "before": _figures(old.get(name)), "after": _figures(new.get(name))}
        for name in {**old, **new}
        if _figures(old.get(name)) != _figures(new.get(name))
    ]


def _figures(model: dict[str, Any] | None) -> dict[str, Any] | None:
    if model is None:
        return None
    plan = [{"model": hop["model"], "provider": hop["provider"]} for hop in model["plan"]]
    return {**{key: model[key] for key in _FIGURES}, "plan": plan}


def print_difference(
    before: dict[str, Any], after: dict[str, Any], console: Console | None = None
) -> None:
    """Print the figures of both files, then the models that change."""
    console = console or Console()
    whole = headed("Whole", "", before["file"], after["file"])
    for label, told in (
        ("models", lambda side: side["nodes"]),
        ("edges", lambda side: side["edges"]),
        ("cycles", lambda side: len(side["cycles"])),
        ("longest path", lambda side: side["longest_path"]["edges"]),
        ("public models", lambda side: side["system"]["public_models"]),
        ("lowest availability", lambda side: percent(side["system"]["lowest_availability"])),
        (
            "single points of failure",
            lambda side: point_names(side["system"]["single_points_of_failure"]),
        ),
        ("rules never reached", lambda side: len(side["unreachable_rules"])),
        ("entropy, first and last", _entropy),
        ("worst attempts, first token", _worst),
        ("lost without the cloud", lambda side: _lost(side, "cloud")),
        ("lost without what is local", lambda side: _lost(side, "local")),
        ("overloaded by a loss", _overloads),
    ):
        whole.add_row(label, *(escape(str(told(side))) for side in (before, after)))
    console.print(whole)
    changed = differences(before, after)
    if not changed:
        console.print("no model's plan or availability changes")
        return
    table = headed("Models that change", "model", "", "availability", "down / 30 days", "plan")
    for item in changed:
        for side in ("before", "after"):
            name = escape(item["model"]) if side == "before" else ""
            table.add_row(name, side, *_cells(item[side]))
    console.print(table)


def _entropy(side: dict[str, Any]) -> str:
    return " and ".join(f"{side['traffic'][end]['entropy_bits']:.2f}" for end in ("first", "last"))


def _worst(side: dict[str, Any]) -> str:
    worst = [item["worst"] for item in side["models"] if item["public"]]
    attempts = max((item["attempts"] for item in worst), default=0)
    return f"{attempts}, {max((item['first_token_ms'] or 0 for item in worst), default=0):,.0f} ms"


def _lost(side: dict[str, Any], location: str) -> str:
    lost = [item["lost"] for item in side["scenarios"] if item["down"] == [location]]
    return str(len(lost[0])) if lost else ""


def _overloads(side: dict[str, Any]) -> str:
    """Nothing where no rate was given."""
    if side["queueing"] is None:
        return ""
    over = [item["provider"] for loss in side["queueing"]["losses"] for item in overloaded(loss)]
    return ", ".join(dict.fromkeys(over)) or "none"


def _cells(figures: dict[str, Any] | None) -> tuple[str, ...]:
    if figures is None:
        return ("", "", "no such model")
    hops = (f"{hop['model']} on {hop['provider']}" for hop in figures["plan"])
    return (
        percent(figures["availability"]),
        duration(figures["downtime_s_per_month"]),
        escape(" → ".join(hops)),
    )

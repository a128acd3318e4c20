"""Cells and heads that the tables of an analysis share: shares, times, money, lists of names.

What stands in them is the matter of each table.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from rich.markup import escape
from rich.table import Table

from router_service.cli.compact_table import compact_table

MOST_LISTED = 10
"""Cycles, scenarios and names in one list; --json has them all."""
MOST_MODELS = 100
"""Models of one table; more take longer to lay out than to find."""


def headed(title: str, *columns: str) -> Table:
    """A table with named columns, whose long cells go over several lines."""
    table = compact_table(title)
    for column in columns:
        table.add_column(escape(column), overflow="fold")
    return table


def of_models(title: str, models: Sequence[object], *columns: str) -> Table:
    """The same, which says so where it shows only the first of many models."""
    table = headed(title, *columns)
    if len(models) > MOST_MODELS:
        table.caption = f"the first {MOST_MODELS} of {len(models)} models; --json has them all"
    return table


def listed(names: Sequence[str], between: str = ", ") -> str:
    if not names:
        return "none"
    more = len(names) - MOST_LISTED
    shown = between.join(names[:MOST_LISTED])
    return f"{shown} and {more} more" if more > 0 else shown


def point_names(points: Iterable[dict[str, Any]]) -> str:
    """Each name once: a provider often is its failure domain."""
    return ", ".join(dict.fromkeys(point["name"] for point in points)) or "none"


def percent(share: float | None) -> str:
    """With all its nines; nothing where there is none."""
    if share is None:
        return ""
    return f"{100 * share:.8f}".rstrip("0").rstrip(".") + " %"


def rounded_percent(share: float, digits: int = 1) -> str:
    """For shares that are not made of nines."""
    return f"{100 * share:.{digits}f} %"


def duration(seconds: float) -> str:
    """In the unit that keeps it short."""
    if seconds >= 3_600:
        return f"{seconds / 3_600:.1f} h"
    return f"{seconds / 60:.1f} min" if seconds >= 60 else f"{seconds:.2g} s"


def milliseconds(ms: float | None) -> str:
    return "" if ms is None else f"{ms:,.0f} ms"


def usd(dollars: float) -> str:
    """In cents, and finer where it is finer."""
    return f"{dollars:,.2f} USD" if dollars * 100 % 1 == 0 else f"{dollars:,.4g} USD"

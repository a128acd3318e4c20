"""Tables of reports with many columns: lines under the head alone, so that rows are read across.

What stands in them is the matter of each report.
"""

from __future__ import annotations

from rich.box import SIMPLE_HEAD
from rich.table import Table


def compact_table(title: str) -> Table:
    """A table without columns yet."""
    return Table(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        show_edge=False,
    )

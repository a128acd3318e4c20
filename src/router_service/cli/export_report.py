"""The report of an export: for people on stderr, what is lost for one reason together.

Or all of it as JSON, beside the config that was exported.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from router_service.export.exported import Export
    from router_service.export.losses import Loss


def json_report(export: Export) -> str:
    report = {
        "source": export.source,
        "table_version": export.table_version,
        "config": export.config,
        "not_expressed": [asdict(loss) for loss in export.losses],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def print_report(export: Export) -> None:
    together: dict[tuple[str, str], list[Loss]] = {}
    for loss in export.losses:
        together.setdefault((loss.reason, loss.instead), []).append(loss)
    for (reason, instead), losses in together.items():
        click.echo(f"not expressed: {reason}\n  instead: {instead}", err=True)
        for loss in losses:
            place = f"{loss.file}:{loss.line}:{loss.column}"
            click.echo(f"  {place}: {loss.pointer}", err=True)
    click.echo(
        f"{export.source}: {len(export.losses)} not expressed, for {len(together)} reasons",
        err=True,
    )

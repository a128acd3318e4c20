"""`uptime`: how long each provider was up, as the access log tells.

Minutes without an attempt are unknown and count neither way.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from router_service.cli.failures import reported
from router_service.cli.log_file import log_argument, opened, span, tell


@click.command(epilog="\b\nExample:\n  router-service uptime access.log --period 24h")
@log_argument
@click.option("--period", type=span, default="24h", show_default=True, metavar="SPAN")
@click.option("--json", "as_json", is_flag=True, help="Print the figures as JSON.")
def uptime(file: Path, period: timedelta, as_json: bool) -> None:
    """Show for each provider the share of minutes in which it answered.

    A minute in which an attempt succeeded is up; one in which attempts only failed by the
    provider's own fault is down.
    """
    from router_service.cli.logs_table import print_uptime
    from router_service.logs.records import Reading
    from router_service.logs.uptime import Uptime

    with reported(as_json=as_json), opened(file) as log:
        until = datetime.now(UTC)
        reading, figures = Reading(log), Uptime(until - period, until)
        figures.add_all(reading.records(until - period))
        if as_json:
            told = figures.as_json() | {"left_out": reading.remarks}
            click.echo(json.dumps(told, indent=2, ensure_ascii=False))
            return
        print_uptime(figures.as_json())
        tell(reading.remarks)

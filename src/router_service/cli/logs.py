"""`logs`: the access log, as it grows and in sum; and the decisions of a running router.

It reads the file that `logging.access_log` names, or any copy of it.
"""

from __future__ import annotations

import json
import os
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from router_service.cli.failures import reported
from router_service.cli.log_file import log_argument, opened, span, tell
from router_service.cli.router_option import router_option

if TYPE_CHECKING:
    from router_service.logs.records import Record

_LOOK_EVERY_S = 0.25
_TAIL_EXAMPLES = """
\b
Examples:
  router-service logs tail access.log
  router-service logs tail access.log --follow --filter fallback_chain
  router-service logs tail --live
  router-service logs tail --live --provider ollama --filter fallback_chain --json
"""
_ANALYZE_EXAMPLES = """
\b
Examples:
  router-service logs analyze access.log
  router-service logs analyze access.log --provider-stats --since 24h
  zcat access.log.*.gz | router-service logs analyze - --filter fallback_chain --json
"""
_FILTERS = click.Choice(["fallback_chain"])
_RULES = click.Choice(["exact", "pattern", "capability", "pool", "size", "default"])
_LINES = 20


@click.group()
def logs() -> None:
    """Read the access log, or watch a running router."""


@logs.command(epilog=_TAIL_EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option("--live", is_flag=True, help="Watch a running router instead of a file.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(0, 100_000),
    help=f"Of FILE: how many of the latest to show ({_LINES}). --live: end after so many.",
)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes; Ctrl-C ends it.")
@click.option("--filter", "only", type=_FILTERS, help="Only requests that moved after a failure.")
@click.option("--model", default="", help="--live: only those whose first choice has this model.")
@click.option("--provider", default="", help="--live: only those that go to this provider first.")
@click.option("--rule", type=_RULES, help="--live: only those that a rule of this kind made.")
@router_option
@click.option("--json", "as_json", is_flag=True, help="Print the records as they stand in the log.")
def tail(
    file: Path | None,
    live: bool,
    lines: int | None,
    follow: bool,
    only: str | None,
    model: str,
    provider: str,
    rule: str | None,
    address: str,
    api_key_env: str,
    as_json: bool,
) -> None:
    """Show the latest requests, one a line: where each went, and what became of it.

    FILE is an access log, - is stdin. With --live, decisions of a running router are shown as their
    requests end, those of Route at once; requests that were refused without a decision are only in
    the log. A router tells at most 1,000 decisions a second: where more are made, or they are read
    more slowly, some are missing, and it is said how many.
    """
    if live and file is not None:
        raise click.UsageError("FILE and --live exclude each other; leave one of them out")
    if live:
        from router_service.cli.logs_live import show_live

        show_live(
            address,
            api_key_env,
            most=lines,
            model=model,
            provider=provider,
            rule=rule or "",
            fallbacks_only=only is not None,
            as_json=as_json,
        )
        return
    if file is None:
        raise click.UsageError("name the FILE to read, or watch a running router with --live")
    if model or provider or rule:
        raise click.UsageError("--model, --provider and --rule go with --live")
    _show_file(file, _LINES if lines is None else lines, follow, only, as_json)


def _show_file(file: Path, lines: int, follow: bool, only: str | None, as_json: bool) -> None:
    from router_service.logs.lines import line_of
    from router_service.logs.records import Reading, has_fallen_back

    def is_wanted(record: Record) -> bool:
        return only is None or has_fallen_back(record)

    def show(record: Record) -> None:
        click.echo(json.dumps(record, ensure_ascii=False) if as_json else line_of(record))

    with reported(as_json=as_json), opened(file) as log, suppress(KeyboardInterrupt):
        written = Reading(log)
        for record in deque(filter(is_wanted, written.records()), maxlen=lines):
            show(record)
        if follow and str(file) != "-":
            for record in filter(is_wanted, Reading(_growing(file, log, written.cut)).records()):
                show(record)


@logs.command(epilog=_ANALYZE_EXAMPLES)
@log_argument
@click.option("--provider-stats", is_flag=True, help="Only the providers' table.")
@click.option("--filter", "only", type=_FILTERS, help="Only requests that moved after a failure.")
@click.option("--since", type=span, metavar="SPAN", help="Only the last 90s, 15m, 24h or 7d.")
@click.option("--json", "as_json", is_flag=True, help="Print all figures as JSON.")
def analyze(
    file: Path, provider_stats: bool, only: str | None, since: timedelta | None, as_json: bool
) -> None:
    """Sum a log up: how requests ended, how providers did, and where requests moved."""
    from router_service.cli.logs_table import print_analysis
    from router_service.logs.analysis import Analysis
    from router_service.logs.records import Reading, has_fallen_back

    with reported(as_json=as_json), opened(file) as log:
        reading, analysis = Reading(log), Analysis()
        begin = datetime.now(UTC) - since if since else None
        records = reading.records(begin)
        analysis.add_all(r for r in records if only is None or has_fallen_back(r))
        figures = analysis.as_json() | {"left_out": reading.remarks}
        if as_json:
            click.echo(json.dumps(figures, indent=2, ensure_ascii=False))
            return
        print_analysis(figures, providers_only=provider_stats, chains=only is not None)
        tell(reading.remarks)


def _growing(file: Path, log: BinaryIO, begun: bytes) -> Iterator[bytes]:
    """Lines as they are finished, the one that has begun first; also those of the file that takes
    the place of this one when logs are rotated."""
    while True:
        piece = log.readline()
        begun += piece
        if begun.endswith(b"\n"):
            yield begun
            begun = b""
        elif not piece:
            time.sleep(_LOOK_EVERY_S)
            if _is_replaced(file, log):
                log.close()
                log, begun = file.open("rb"), b""


def _is_replaced(file: Path, log: BinaryIO) -> bool:
    try:
        return file.stat().st_ino != os.fstat(log.fileno()).st_ino
    except OSError:  # renamed, and nothing there yet
        return False

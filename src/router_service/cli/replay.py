"""`replay`: a decision log against a routing config: is it decided the same again, and what would
another config have done.

Nothing is sent anywhere; the decisions are made by the code that serves live traffic.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from router_service.cli.failures import reported
from router_service.cli.log_file import opened, tell
from router_service.cli.progress import progress_bar
from router_service.cli.routing_option import routing_option
from router_service.errors import InvalidRequest

if TYPE_CHECKING:
    from router_service.replay.log import Reading
    from router_service.replay.run import Options, Replay

_EXAMPLES = """
\b
Examples:
  router-service replay decisions.jsonl --config fleet.yaml
  router-service replay decisions.jsonl* --config proposed.yaml
  router-service replay decisions.jsonl --config proposed.yaml --json | jq .estimates.rewards
  zcat old/decisions.*.gz | router-service replay - --config proposed.yaml
"""


@click.command(epilog=_EXAMPLES)
@click.argument("logs", nargs=-1, required=True, metavar="LOG...", type=click.Path(path_type=Path))
@routing_option
@click.option(
    "--draws",
    type=click.IntRange(1, 10_000),
    default=64,
    show_default=True,
    help="Draws of another config's choice for each request.",
)
@click.option(
    "--answer-tokens",
    type=click.IntRange(0, 10_000_000),
    default=256,
    show_default=True,
    help="Tokens of an answer, for costs, where the log counts none at all.",
)
@click.option(
    "--least-ess",
    type=click.FloatRange(1),
    default=100.0,
    show_default=True,
    help="No estimate from an effective sample size below this.",
)
@click.option(
    "--most-uncovered",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="No estimate where the log cannot speak for a larger share of the new choices.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything found as JSON.")
def replay(
    logs: tuple[Path, ...],
    routing: Path | None,
    draws: int,
    answer_tokens: int,
    least_ess: float,
    most_uncovered: float,
    as_json: bool,
) -> None:
    """Make the decisions of a log again with a routing config.

    Where it is the config that made them, every decision must come out the same to the last bit;
    exit code 1 says that one does not, or cannot be made again. Where it is another, this prints
    what it changes: which requests go elsewhere, what that costs and how soon it answers. Where the
    log holds choices made by chance, it estimates how the others would have gone.

    LOG is what the router wrote as decision log, with its rotated files in any order, or - for
    stdin.
    """
    if Path("-") in logs and len(logs) > 1:
        raise click.UsageError("give - alone, for stdin, or files")
    with reported(as_json=as_json):
        from router_service.replay.evaluation import Bounds
        from router_service.replay.log import Reading
        from router_service.replay.run import Options

        reading = Reading()
        options = Options(draws, answer_tokens, Bounds(least_ess, most_uncovered))
        run = _begun(routing, options)
        _read(logs, reading, run)
        found = run.as_json()
        if not found["decisions"] and not found["unreplayable"]:
            raise InvalidRequest(_nothing(logs, reading))
        found["left_out"] = reading.remarks + run.remarks
        if as_json:
            click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        else:
            from router_service.cli.replay_table import print_replay

            print_replay(found)
            tell(found["left_out"])
    if found["same_config"]["differing"] or found["unreplayable"]:
        sys.exit(1)


def _begun(routing: Path | None, options: Options) -> Replay:
    from router_service.config.reference import REFERENCE_CONFIG
    from router_service.config.routing import load_table
    from router_service.core import Replayer
    from router_service.replay.fleet import Fleet
    from router_service.replay.run import Replay

    table = load_table(routing or REFERENCE_CONFIG)
    return Replay(Replayer(table), table.version, Fleet.of_outline(table.outline()), options)


def _read(logs: tuple[Path, ...], reading: Reading, run: Replay) -> None:
    """All records of all files. Raises OSError."""
    from router_service.replay.log import in_order

    is_stdin = logs == (Path("-"),)
    files = list(logs) if is_stdin else in_order(logs)
    size = None if is_stdin else sum(file.stat().st_size for file in files) or None
    with progress_bar("replaying", size) as advance:
        for file in files:
            with opened(file) as log:
                for record, line in reading.records(str(file), log):
                    run.add(record, line)
                    advance(len(line))


def _nothing(logs: tuple[Path, ...], reading: Reading) -> str:
    names = ", ".join(str(log) for log in logs)
    return "; ".join(
        (
            f"{names}: no decision in it",
            *reading.remarks,
            "replay reads the file that decision_log.file names, not the access log",
        )
    )

"""`doctor`: reaches every provider of a routing config and says what is wrong and how to mend it.

Live: each active provider is asked, but nothing is generated unless --first-token wants it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from router_service.cli.failures import reported
from router_service.cli.progress import progress_bar
from router_service.cli.routing_option import routing_option

if TYPE_CHECKING:
    from router_service.core import Table
    from router_service.doctor.examine import Examined, Wishes

USAGE = 2
_EXAMPLES = """
\b
Examples:
  router-service doctor
  router-service doctor --config fleet.yaml --first-token
  router-service doctor --config fleet.yaml --json | jq '.findings[]'

\b
Exit codes: 0 every active provider is usable, 1 something is wrong, 2 wrong usage or config.
"""


@click.command(epilog=_EXAMPLES)
@routing_option
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.1, 600),
    default=5.0,
    show_default=True,
    help="Longest wait for each question, seconds; a first token has the provider's own limit.",
)
@click.option(
    "--first-token",
    is_flag=True,
    help="Ask each local provider for an answer of one token too, and time it.",
)
@click.option(
    "--cloud",
    is_flag=True,
    help="With --first-token: ask providers in the cloud as well. They charge for it.",
)
@click.option("--json", "as_json", is_flag=True, help="Print everything that was found as JSON.")
def doctor(
    routing: Path | None, timeout_s: float, first_token: bool, cloud: bool, as_json: bool
) -> None:
    """Reach every provider: is it up, what does it serve, is its key accepted?

    All are asked at once: for a connection, the list of models, and local ones for their load.
    Models that the config has and the provider does not list are named, with the closest names.
    """
    if cloud and not first_token:
        raise click.UsageError("--cloud goes with --first-token; keys and lists need neither")
    with reported(as_json=as_json, code=USAGE):
        from router_service.config.reference import REFERENCE_CONFIG
        from router_service.config.routing import load_table
        from router_service.doctor.examine import Wishes
        from router_service.service_config.model import USUAL_PORTS

        table = load_table(routing or REFERENCE_CONFIG)
        examined = _examined(table, Wishes(timeout_s, first_token, cloud, USUAL_PORTS))
    from router_service.cli.doctor_report import print_report, report

    found = report(table.version, examined)
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        print_report(found)
    sys.exit(0 if found["usable"] else 1)


def _examined(table: Table, wishes: Wishes) -> list[Examined]:
    """With a bar on stderr where that is a terminal."""
    from router_service.doctor.examine import examine

    asked = sum(provider.active for provider in table.providers)
    with progress_bar("asking providers", asked) as advance:
        return asyncio.run(examine(table, wishes, examined=lambda _: advance(1)))

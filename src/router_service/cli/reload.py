"""`config reload` and `config rollback`: change the routing config of a running router.

What was changed, or is wrong with the file, is the commands' result and goes to stdout.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from router_service.cli.failures import reported
from router_service.cli.router_option import router_option

_dry_run = click.option("--dry-run", is_flag=True, help="Say what would change; change nothing.")
_as_json = click.option("--json", "as_json", is_flag=True, help="Print the answer as JSON.")


@click.command(
    epilog="\b\nExamples:\n  router-service config reload --dry-run\n"
    "  router-service config reload --address 10.0.0.5:50051",
)
@router_option
@_dry_run
@_as_json
def reload(address: str, api_key_env: str, dry_run: bool, as_json: bool) -> None:
    """Let a running router read its routing config again, and say what changed.

    A file with errors changes nothing: they are listed, and the exit code is 1.
    """
    from router_service.cli.live import admin

    with reported(as_json=as_json):
        with admin(address, api_key_env) as router:
            reply = router.reload(dry_run=dry_run)
        _show(reply, dry_run=dry_run, as_json=as_json)


@click.command(
    epilog="\b\nExamples:\n  router-service config rollback\n"
    "  router-service config rollback 5a9c1f0e77b2d318 --dry-run",
)
@click.argument("version", default="previous")
@router_option
@_dry_run
@_as_json
def rollback(version: str, address: str, api_key_env: str, dry_run: bool, as_json: bool) -> None:
    """Put an earlier routing config of a running router in place, until its next reload.

    VERSION is one of those the router keeps; without it the one before the one in use.
    """
    from router_service.cli.live import admin

    with reported(as_json=as_json):
        with admin(address, api_key_env) as router:
            reply = router.reload(dry_run=dry_run, rollback_to=version)
        _show(reply, dry_run=dry_run, as_json=as_json)


def _show(reply: dict[str, Any], *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(reply, indent=2, ensure_ascii=False))
    else:
        for finding in reply["diagnostics"]:
            click.echo(_finding(finding))
        for change in reply["changes"]:
            click.echo(change)
        click.echo(_outcome(reply, dry_run))
    if not reply["accepted"]:
        sys.exit(1)


def _finding(found: dict[str, Any]) -> str:
    """As `check` shows it."""
    severity = found["severity"].removeprefix("SEVERITY_").lower()
    place = f"{found['file']}:{found['line']}:{found['column']}"
    text = f"{place}: {severity}: {found['message']} [{found['code']}]"
    return f"{text}\n  fix: {found['suggestion']}" if found["suggestion"] else text


def _outcome(reply: dict[str, Any], dry_run: bool) -> str:
    changed = f"{len(reply['changes'])} changes" if reply["changes"] else "no changes"
    if not reply["accepted"]:
        return f"not reloaded: table {reply['table_version']} stays in use"
    if dry_run:
        return f"good: {changed} to table {reply['table_version']}, which stays in use"
    what = "rolled back" if reply["rolled_back"] else "reloaded"
    return f"{what}: table {reply['table_version']}, before {reply['previous_version']}; {changed}"

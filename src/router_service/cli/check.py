"""`check`: what is wrong with a routing config, exactly as `serve` would see it.

Findings are the command's result and go to stdout.
"""

from __future__ import annotations

import sys
from pathlib import Path

import click

_EXAMPLES = """
\b
Examples:
  router-service check config/model-mappings.yaml --strict
  router-service check config/model-mappings.yaml --show-accepted
  router-service check fleet.yaml --format github          # annotations of a workflow
  router-service check fleet.yaml --format sarif > check.sarif
"""


@click.command(epilog=_EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--show-accepted", is_flag=True, help="List what the file accepts, with the reasons.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "sarif", "github"]),
    default="text",
    show_default=True,
    help="How the findings are printed.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def check(file: Path, strict: bool, show_accepted: bool, form: str, as_json: bool) -> None:
    """Check a routing config; list every error and warning with its place and fix.

    Exit code 0 when there is nothing to fix, 1 otherwise. How severe a policy is, and which of its
    findings are accepted, stands in the file under `policies:`.
    """
    from router_service.cli.findings import FORMATS, counts
    from router_service.config.routing import load_routing

    loaded = load_routing(file)
    form = "json" if as_json else form
    errors, warnings = counts(loaded.findings)
    if text := FORMATS[form](file, loaded.findings, loaded.accepted, show_accepted):
        click.echo(text)
    sys.exit(1 if errors or (strict and warnings) else 0)

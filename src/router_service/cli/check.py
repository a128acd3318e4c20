"""`check`: what is wrong with a routing config, exactly as `serve` would see it.

Findings are the command's result and go to stdout.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from router_service.config.diagnostics import LocatedDiagnostic


@click.command(
    epilog="\b\nExample:\n  router-service check config/model-mappings.yaml --strict",
)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Fail on warnings too.")
@click.option("--json", "as_json", is_flag=True, help="Print the findings as JSON.")
def check(file: Path, strict: bool, as_json: bool) -> None:
    """Check a routing config; list every error and warning with its place and fix.

    Exit code 0 when there is nothing to fix, 1 otherwise.
    """
    from router_service.config.routing import check as findings_of

    found = findings_of(file)
    errors = sum(item.severity == "error" for item in found)
    warnings = len(found) - errors
    if as_json:
        click.echo(_as_json(file, errors, warnings, found))
    else:
        for item in found:
            click.echo(str(item))
        click.echo(f"{file}: {_count(errors, 'error')}, {_count(warnings, 'warning')}")
    sys.exit(1 if errors or (strict and warnings) else 0)


def _as_json(file: Path, errors: int, warnings: int, found: list[LocatedDiagnostic]) -> str:
    report = {
        "file": str(file),
        "errors": errors,
        "warnings": warnings,
        "diagnostics": [asdict(item) for item in found],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"

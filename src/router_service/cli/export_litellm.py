"""`config export-litellm`: the routing config as a LiteLLM config, and what that cannot express.

The report is for people on stderr, what is lost for one reason together; or JSON beside the config.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from router_service.cli.failures import reported

if TYPE_CHECKING:
    from router_service.export.exported import Export
    from router_service.export.losses import Loss


@click.command(
    "export-litellm",
    epilog="\b\nExamples:\n"
    "  router-service config export-litellm fleet.yaml > litellm.yaml\n"
    "  router-service config export-litellm fleet.yaml --output litellm.yaml\n"
    "  router-service config export-litellm fleet.yaml --json | jq .not_expressed",
)
@click.argument("file", type=click.Path(path_type=Path), required=False)
@click.option(
    "--output", type=click.Path(path_type=Path), help="Write the file there, not to stdout."
)
@click.option("--json", "as_json", is_flag=True, help="Print the config and the report as JSON.")
def export_litellm(file: Path | None, output: Path | None, as_json: bool) -> None:
    """Write a routing config as a LiteLLM config, and report what that cannot say.

    FILE is the reference fleet where it is left out. The report goes to stderr: what is lost, what
    the export does instead, and where our config says it. Keys are named, never written.
    """
    with reported(as_json=as_json):
        from router_service.config.reference import REFERENCE_CONFIG
        from router_service.export.exported import export_litellm as exported

        export = exported(file or REFERENCE_CONFIG)
        if output is not None:
            output.write_text(export.text, encoding="utf-8")
        elif not as_json:
            click.echo(export.text, nl=False)
        if as_json:
            click.echo(_json_report(export))
        else:
            _print_report(export)


def _json_report(export: Export) -> str:
    report = {
        "source": export.source,
        "table_version": export.table_version,
        "config": export.config,
        "not_expressed": [asdict(loss) for loss in export.losses],
    }
    return json.dumps(report, indent=2, ensure_ascii=False)


def _print_report(export: Export) -> None:
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

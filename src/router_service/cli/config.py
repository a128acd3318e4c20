"""`config`: questions about the config files themselves.

The JSON Schemas give editors completion and checks while typing; the export writes another router's
file.
"""

from __future__ import annotations

import json
from pathlib import Path

import click

from router_service.cli.failures import reported


@click.group()
def config() -> None:
    """Work with the config files."""


@config.command(
    epilog="\b\nExample:\n  router-service config schema > model-mappings.schema.json",
)
@click.option("--service", is_flag=True, help="The service config instead of the routing config.")
@click.option("--json", "_as_json", is_flag=True, help="Accepted for uniformity; a schema is JSON.")
def schema(service: bool, _as_json: bool) -> None:
    """Print the JSON Schema (2020-12) of the routing config."""
    if service:
        from router_service.service_config import ServiceConfig

        declared = ServiceConfig.model_json_schema()
    else:
        from router_service.core import Table

        declared = json.loads(Table.schema())
    click.echo(json.dumps(declared, indent=2, ensure_ascii=False))


@config.command(
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
        from router_service.cli.export_report import json_report, print_report
        from router_service.config.reference import REFERENCE_CONFIG
        from router_service.export.exported import export_litellm as exported

        export = exported(file or REFERENCE_CONFIG)
        if output is not None:
            output.write_text(export.text, encoding="utf-8")
        elif not as_json:
            click.echo(export.text, nl=False)
        if as_json:
            click.echo(json_report(export))
        else:
            print_report(export)

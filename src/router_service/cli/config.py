"""`config`: questions about the config files, and the routing config of a running router.

Here the JSON Schemas, which give editors completion and checks while typing.
"""

from __future__ import annotations

import json

import click

from router_service.cli.reload import reload, rollback


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


for _command in (reload, rollback):
    config.add_command(_command)

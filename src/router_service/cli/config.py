"""`config`: questions about the config files, and the routing config of a running router.

Here the JSON Schemas, which give editors completion and checks while typing, and a config for the
servers that are found on this machine.
"""

from __future__ import annotations

import json

import click

from router_service.cli.export_litellm import export_litellm
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


@config.command(
    epilog="\b\nExamples:\n  router-service config discover > fleet.yaml"
    "\n  router-service config discover --port 9000 --port 9001 --json",
)
@click.option(
    "--port",
    "ports",
    type=click.IntRange(1, 65_535),
    multiple=True,
    help="Port of this machine to ask; repeatable. Default: the usual ones.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the config as JSON.")
def discover(ports: tuple[int, ...], as_json: bool) -> None:
    """Print a routing config for the model servers that run on this machine.

    It is what `serve` uses where no routing config is named. Who answers is told on stderr.
    """
    from router_service.cli.failures import reported
    from router_service.discover.document import as_yaml, document_of
    from router_service.discover.routing import DiscoveredRouting
    from router_service.errors import NothingFound
    from router_service.service_config.model import USUAL_PORTS

    with reported(as_json=as_json):
        discovered = DiscoveredRouting(ports or USUAL_PORTS)
        servers = discovered.find(lambda line: click.echo(line, err=True))
        if not servers:
            raise NothingFound(
                f"{discovered.nothing()}; start one, or name other ports with --port"
            )
        document = document_of(servers)
    if as_json:
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        click.echo(as_yaml(document), nl=False)


for _command in (export_litellm, reload, rollback):
    config.add_command(_command)

"""`serve`: reads both configs, applies what the command line overrides, and runs the service.

Everything after that is the composition root's.
"""

from __future__ import annotations

import asyncio
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from router_service.cli.failures import reported

if TYPE_CHECKING:
    from router_service.config.routing import Loaded
    from router_service.discover.routing import DiscoveredRouting
    from router_service.service_config import ServiceConfig
    from router_service.serving.operations import Load

_PORT = click.IntRange(0, 65_535)
_EXAMPLES = """
\b
Examples:
  router-service serve
  router-service serve --config fleet.yaml --service-config config/service.yaml
  ROUTER_SERVICE_API_KEYS=ann:s3cret router-service serve --http-host 0.0.0.0
"""


@click.command(epilog=_EXAMPLES)
@click.option(
    "--config",
    "routing",
    type=click.Path(path_type=Path),
    help="Routing config. Default: ROUTER_SERVICE_CONFIG, else the service config's "
    "routing.config, else what answers on the usual ports of this machine, else the shipped "
    "reference fleet.",
)
@click.option(
    "--service-config",
    type=click.Path(path_type=Path),
    help="Service config. Default: every key has its default.",
)
@click.option("--grpc-host", help="Address of the gRPC face.")
@click.option("--grpc-port", type=_PORT, help="Port of the gRPC face.")
@click.option("--http-host", help="Address of the HTTP face.")
@click.option("--http-port", type=_PORT, help="Port of the HTTP face.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    help="Least severe messages shown.",
)
def serve(
    routing: Path | None,
    service_config: Path | None,
    grpc_host: str | None,
    grpc_port: int | None,
    http_host: str | None,
    http_port: int | None,
    log_level: str | None,
) -> None:
    """Run the router: gRPC on 127.0.0.1:50051 and HTTP on 127.0.0.1:4000 by default.

    SIGTERM or Ctrl-C stops it gracefully: new requests are refused, running ones finish. The
    routing config is read again when its files change, and on SIGHUP, which also reopens the access
    log and the decision log. Where no routing config is named, the router goes to the model servers
    it finds on this machine, and SIGHUP looks for them again.
    """
    from router_service.service_config import load_service_config

    with reported():
        config = overridden(
            load_service_config(service_config),
            {
                "grpc": {"host": grpc_host, "port": grpc_port},
                "http": {"host": http_host, "port": http_port},
                "logging": {"level": log_level},
                "routing": {"config": routing},
            },
        )
        loaded, load = _routing(config)
        sys.exit(_run(config, loaded, load))


def overridden(config: ServiceConfig, options: dict[str, dict[str, object]]) -> ServiceConfig:
    """The config with those options of each section that were given."""
    sections = {}
    for name, values in options.items():
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            sections[name] = getattr(config, name).model_copy(update=given)
    return config.model_copy(update=sections)


def _routing(config: ServiceConfig) -> tuple[Loaded, Load]:
    """What to begin with, and how to read it again for a reload."""
    from router_service.config.routing import load_routing
    from router_service.discover.routing import DiscoveredRouting

    if config.routing.named:
        return _read(config), partial(load_routing, config.routing.config)
    # Not this router itself, which lists its models like a server of theirs.
    ports = [port for port in config.routing.discover_ports if port != config.http.port]
    discovered = DiscoveredRouting(ports)
    return _found(config, discovered), discovered.load


def _read(config: ServiceConfig) -> Loaded:
    from router_service.config.routing import load_routing, table_of

    loaded = load_routing(config.routing.config)
    table = table_of(loaded)
    if table.warnings:
        click.echo(
            f"the routing config has warnings: {len(table.warnings)}; list them with: "
            f"router-service check {config.routing.config}",
            err=True,
        )
    return loaded


def _found(config: ServiceConfig, discovered: DiscoveredRouting) -> Loaded:
    """The config of the servers that are found; where there are none, the reference fleet's."""
    click.echo("no routing config is named; asking this machine for model servers", err=True)
    servers = discovered.find(lambda line: click.echo(f"found {line}", err=True))
    if not servers:
        click.echo(
            f"{discovered.nothing()}; using the shipped reference fleet. Start one and send "
            "SIGHUP, or name a routing config: --config FILE",
            err=True,
        )
        return _read(config)
    click.echo("keep this as a file to edit: router-service config discover > fleet.yaml", err=True)
    return discovered.first(servers)


def _run(config: ServiceConfig, loaded: Loaded, load: Load) -> int:
    from router_service.app import serve as run_service

    return asyncio.run(run_service(config, loaded, load))

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
    from router_service.service_config import ServiceConfig

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
    "routing.config, else the shipped reference fleet.",
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
    log.
    """
    from router_service.config.routing import load_routing, table_of
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
        loaded = load_routing(config.routing.config)
        table = table_of(loaded)
        if table.warnings:
            _point_at_warnings(config, len(table.warnings))
        sys.exit(_run(config, loaded))


def overridden(config: ServiceConfig, options: dict[str, dict[str, object]]) -> ServiceConfig:
    """The config with those options of each section that were given."""
    sections = {}
    for name, values in options.items():
        given = {key: value for key, value in values.items() if value is not None}
        if given:
            sections[name] = getattr(config, name).model_copy(update=given)
    return config.model_copy(update=sections)


def _point_at_warnings(config: ServiceConfig, number: int) -> None:
    click.echo(
        f"the routing config has warnings: {number}; list them with: "
        f"router-service check {config.routing.config}",
        err=True,
    )


def _run(config: ServiceConfig, loaded: Loaded) -> int:
    from router_service.app import serve as run_service
    from router_service.config.routing import load_routing

    load = partial(load_routing, config.routing.config)
    return asyncio.run(run_service(config, loaded, load))

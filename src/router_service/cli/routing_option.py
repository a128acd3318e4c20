"""The option that names the routing config, for every command that works on one without serving."""

from __future__ import annotations

from pathlib import Path

import click

routing_option = click.option(
    "--config",
    "routing",
    type=click.Path(path_type=Path),
    envvar="ROUTER_SERVICE_CONFIG",
    help="Routing config. Default: ROUTER_SERVICE_CONFIG, else the shipped reference fleet.",
)

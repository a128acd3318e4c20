"""The options that say which running router is asked, for every command that talks to one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., Any])

_ADDRESS = click.option(
    "--address",
    default="127.0.0.1:50051",
    show_default=True,
    envvar="ROUTER_SERVICE_ADDRESS",
    show_envvar=True,
    help="Address of the router's gRPC face.",
)
_API_KEY_ENV = click.option(
    "--api-key-env",
    default="ROUTER_SERVICE_API_KEY",
    show_default=True,
    help="Environment variable that holds the API key, where the router asks for one.",
)


def router_option(command: Command) -> Command:
    """Adds --address and --api-key-env."""
    return _ADDRESS(_API_KEY_ENV(command))

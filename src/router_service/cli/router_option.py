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


_ADDRESS_IN_PLACE = click.option(
    "--address",
    help="gRPC address of a running router to ask, in place of a config and a state.",
)


def router_option(command: Command) -> Command:
    """Adds --address and --api-key-env."""
    return _ADDRESS(_API_KEY_ENV(command))


def router_in_place_option(command: Command) -> Command:
    """The same for a command that works on a config where no --address is given."""
    return _ADDRESS_IN_PLACE(_API_KEY_ENV(command))

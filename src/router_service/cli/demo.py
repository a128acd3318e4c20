"""`demo`: the whole service on this machine against a fleet of fake providers.

Nothing to install, no key, no network.
"""

from __future__ import annotations

import asyncio
import sys

import click

from router_service.cli.failures import reported


@click.command(epilog="\b\nExample:\n  router-service demo --once")
@click.option("--once", is_flag=True, help="Send the tour of requests, then stop.")
def demo(once: bool) -> None:
    """Start a fake fleet and the router, and send a tour of requests through both faces.

    Stays up afterwards, for requests of your own, until Ctrl-C.
    """
    from router_service.testing.demo import run

    with reported():
        sys.exit(asyncio.run(run(once)))

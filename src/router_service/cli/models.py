"""`models`: which model servers of a running router are in use.

For now `switch`, for servers that take turns on one machine; each stage is shown as it begins.
"""

from __future__ import annotations

import json
from typing import Any

import click

from router_service.cli.failures import reported
from router_service.cli.router_option import router_option


@click.group()
def models() -> None:
    """Steer which models of a running router are active."""


@models.command(
    epilog="\b\nExamples:\n  router-service models switch dolphin\n"
    "  router-service models switch vllm-qwen --timeout 120 --address 10.0.0.5:50051",
)
@click.argument("name")
@click.option(
    "--timeout",
    "timeout_s",
    type=click.FloatRange(0.001, 86_400),
    help="Longest time the whole switch may take, seconds. Default: the router's switch.timeout_s.",
)
@router_option
@click.option("--json", "as_json", is_flag=True, help="Print each stage as a line of JSON.")
def switch(
    name: str, timeout_s: float | None, address: str, api_key_env: str, as_json: bool
) -> None:
    """Make another member of an exclusive group the active one; no request is lost.

    NAME is the member's provider id, a model on it, or a word of its id: dolphin is vllm-dolphin.
    The old member finishes what it has, the router runs the command it has for the new one, waits
    until that answers and sends requests there. Where any of this fails, the old one is active
    again and the exit code is 1. Ending this command does not end the switch.
    """
    from router_service.cli.live import admin

    with reported(as_json=as_json), admin(address, api_key_env) as router:
        for stage in router.switch(name, timeout_s):
            click.echo(json.dumps(stage, ensure_ascii=False) if as_json else _line(stage))


def _line(stage: dict[str, Any]) -> str:
    return f"{stage['elapsed_us'] / 1e6:7.1f} s  {stage['message']}"

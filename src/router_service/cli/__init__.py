"""The command line: one small file per command.

Commands import what they need when they run, so that --help answers at once.
"""

from __future__ import annotations

import click

from router_service import __version__
from router_service.cli.analyze import analyze
from router_service.cli.check import check
from router_service.cli.config import config
from router_service.cli.demo import demo
from router_service.cli.doctor import doctor
from router_service.cli.logs import logs
from router_service.cli.models import models
from router_service.cli.replay import replay
from router_service.cli.route import route
from router_service.cli.serve import serve
from router_service.cli.simulate import simulate
from router_service.cli.uptime import uptime

_EXAMPLES = """
\b
Examples:
  router-service demo
  router-service check config/model-mappings.yaml
  router-service doctor --config fleet.yaml
  router-service analyze config/model-mappings.yaml
  router-service route --model code --prompt "print hello" --max-tokens 50
  router-service simulate --model general-chat --load 0.9
  router-service replay decisions.jsonl --config fleet.yaml
  router-service logs analyze access.log --since 24h
  router-service serve --config config/model-mappings.yaml
"""


@click.group(epilog=_EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="router-service")
def router_service() -> None:
    """Decide which backend answers an LLM request, and carry the request out."""


for _command in (
    serve,
    demo,
    check,
    doctor,
    analyze,
    route,
    simulate,
    replay,
    config,
    models,
    logs,
    uptime,
):
    router_service.add_command(_command)


def main() -> None:
    """Entry point of the router-service command."""
    router_service(prog_name="router-service")

"""`analyze`: what a routing config promises before anything is sent.

The figures are the core's; this room reads the file, and lays them out or hands them on.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from router_service.cli.analysis_options import assumed_of, assumption_options
from router_service.cli.failures import reported
from router_service.cli.svg_file import needing_matplotlib, refuse_other_names

_EXAMPLES = """
\b
Examples:
  router-service analyze config/model-mappings.yaml
  router-service analyze fleet.yaml --json | jq '.models[] | {model, availability}'
  router-service analyze fleet.yaml --svg fleet.svg
  router-service analyze fleet.yaml --down cloud,gpu0
  router-service analyze fleet.yaml --rate 20 --utilisation 0.6
  router-service analyze fleet.yaml --monte-carlo 100000
  router-service analyze fleet.yaml proposed.yaml
"""
_UNREACHABLE = frozenset({"unreachable-pattern", "unreachable-size", "shadowed"})
"""Findings of `check` about rules that no request reaches."""


@click.command(epilog=_EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("other", type=click.Path(path_type=Path), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print every figure as JSON.")
@click.option(
    "--mermaid",
    is_flag=True,
    help="Print a Mermaid graph: tiers, chains, providers and failure domains.",
)
@click.option(
    "--svg",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.svg",
    help="Draw the same graph as a picture too, up to 100 models; needs matplotlib.",
)
@assumption_options
def analyze(
    file: Path,
    other: Path | None,
    as_json: bool,
    mermaid: bool,
    svg: Path | None,
    **assumptions: Any,
) -> None:
    """Tell what a routing config promises: plans, availability, and what is lost with what.

    Plans are those of an idle fleet, up to the attempt limit; availabilities are the providers'
    configured ones. Nothing is sent anywhere. With a second file, OTHER, both are compared and the
    models that change are told. Exit code 1 where a config has an error.
    """
    if as_json and mermaid:
        raise click.UsageError("give --json or --mermaid, not both")
    if other is not None and (mermaid or svg is not None):
        raise click.UsageError("--mermaid and --svg draw one file; leave out the second")
    refuse_other_names(svg, "--svg")
    with reported(as_json=as_json):
        assumed = assumed_of(assumptions)
        analysis = analyzed(file, assumed)
        if svg is not None:
            _draw(analysis["graph"], svg)
        if other is not None:
            _compare(analysis, analyzed(other, assumed), as_json)
        elif as_json:
            click.echo(json.dumps(analysis, indent=2, ensure_ascii=False))
        elif mermaid:
            from router_service.cli.analysis_mermaid import mermaid_of

            click.echo(mermaid_of(analysis["graph"]))
        else:
            from router_service.cli.analysis_table import print_analysis

            print_analysis(analysis)


def _draw(graph: dict[str, Any], path: Path) -> None:
    with needing_matplotlib("--svg"):
        from router_service.cli.analysis_drawing import draw
    draw(graph, path)


def _compare(before: dict[str, Any], after: dict[str, Any], as_json: bool) -> None:
    from router_service.cli.analysis_difference import differences, print_difference

    if as_json:
        compared = {"before": before, "after": after, "changes": differences(before, after)}
        click.echo(json.dumps(compared, indent=2, ensure_ascii=False))
    else:
        print_difference(before, after)


def analyzed(file: Path, assumed: dict[str, Any]) -> dict[str, Any]:
    """The core's figures, with the findings of `check`. Raises ConfigRejected, and InvalidRequest
    for assumptions that make no sense for this config."""
    from router_service.config.routing import load_routing, table_of
    from router_service.core import analyze as analysis_of

    loaded = load_routing(file)
    figures = analysis_of(table_of(loaded), json.dumps(assumed).encode())
    analysis: dict[str, Any] = json.loads(figures)
    policies = [asdict(item) for item in loaded.findings]
    accepted = [asdict(item) for item in loaded.accepted]
    unreachable = [item for item in policies + accepted if item["code"] in _UNREACHABLE]
    found = {"policies": policies, "accepted": accepted, "unreachable_rules": unreachable}
    return {"file": str(file), **analysis, **found}

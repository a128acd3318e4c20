"""`simulate`: the real router against a modelled fleet in virtual time, strategies side by side.

Nothing is sent anywhere; minutes of traffic take a second.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from router_service.cli.failures import reported
from router_service.cli.progress import progress_bar
from router_service.cli.routing_option import routing_option
from router_service.cli.svg_file import needing_matplotlib, refuse_other_names

if TYPE_CHECKING:
    from router_service.cli.scenario import Options
    from router_service.core import Simulation

_MOST_SECONDS = 31_536_000
_MOST_SEED = 2**64 - 1
_EXAMPLES = """
\b
Examples:
  router-service simulate
  router-service simulate --model general-chat --strategy least_loaded,fastest_response --load 0.9
  router-service simulate --config fleet.yaml --model chat --rate 12 --arrivals burst --json
  router-service simulate scenario.yaml --config fleet.yaml --arrivals monday.csv
  router-service simulate --load 0.9 --chart strategies.svg
"""


@click.command(epilog=_EXAMPLES)
@click.argument("scenario", type=click.Path(path_type=Path), required=False)
@routing_option
@click.option(
    "--strategy",
    "strategies",
    multiple=True,
    metavar="NAME[,NAME]",
    help="Strategies to compare; `configured` is the config's own. Default: that and each that "
    "chooses by share, load or speed.",
)
@click.option("--model", help="Model, capability or pool every request asks for.")
@click.option(
    "--load",
    type=click.FloatRange(0, 1000, min_open=True),
    help="Requests, as a share of what the modelled fleet can serve. Default: 0.7.",
)
@click.option(
    "--rate",
    type=click.FloatRange(0, 1_000_000, min_open=True),
    help="Requests a second, instead of --load.",
)
@click.option(
    "--duration",
    type=click.FloatRange(0, _MOST_SECONDS, min_open=True),
    help="Seconds during which requests arrive. Default: 600, or the whole recording.",
)
@click.option(
    "--arrivals",
    metavar="poisson|burst|FILE.csv",
    help="How requests arrive; a CSV file has the columns timestamp, prompt_tokens and "
    "output_tokens. Default: poisson.",
)
@click.option("--seed", type=click.IntRange(0, _MOST_SEED), help="Seed of every draw. Default: 1.")
@click.option(
    "--chart",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.svg",
    help="Draw the strategies side by side too; needs matplotlib.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the reports as JSON.")
def simulate(
    scenario: Path | None,
    routing: Path | None,
    strategies: tuple[str, ...],
    model: str | None,
    load: float | None,
    rate: float | None,
    duration: float | None,
    arrivals: str | None,
    seed: int | None,
    chart: Path | None,
    as_json: bool,
) -> None:
    """Compare strategies under a load on a model of the fleet, in virtual time.

    SCENARIO is a YAML file that says how fast the providers are, how they fail and what is asked of
    them; options go before it. Without one the fleet is as configured: capacities, prior times to
    first token, 20 ms a token. Every strategy meets the same requests and the same luck.
    """
    if load is not None and rate is not None:
        raise click.UsageError("give --load or --rate, not both")
    if arrivals is not None and arrivals not in ("poisson", "burst"):
        if not arrivals.lower().endswith(".csv"):
            raise click.BadParameter(
                f"{arrivals!r} is neither poisson nor burst nor a .csv file",
                param_hint="--arrivals",
            )
        if load is not None or rate is not None:
            raise click.UsageError("a recording has its own rate; leave out --load and --rate")
    refuse_other_names(chart, "--chart")
    with reported(as_json=as_json):
        from router_service.cli.scenario import Options

        draw = None if chart is None else _drawer()

        named = [name.strip() for given in strategies for name in given.split(",")]
        options = Options(named or None, load, rate, duration, arrivals, model, seed)
        reports = _run(_prepared(scenario, routing, options))
        if chart is not None and draw is not None:
            draw(reports, chart)
        if as_json:
            click.echo(json.dumps({"reports": reports}, indent=2, ensure_ascii=False))
        else:
            from router_service.cli.simulation_table import print_reports

            print_reports(reports)


def _prepared(scenario: Path | None, routing: Path | None, options: Options) -> Simulation:
    from router_service.cli.scenario import prepare
    from router_service.config.reference import REFERENCE_CONFIG
    from router_service.config.routing import load_table

    return prepare(scenario, options, load_table(routing or REFERENCE_CONFIG))


def _drawer() -> Callable[[Sequence[dict[str, Any]], Path], None]:
    """Looked for before the run, whose work would be lost without it."""
    with needing_matplotlib("--chart"):
        from router_service.cli.simulation_chart import draw
    return draw


def _run(simulation: Simulation) -> list[dict[str, Any]]:
    """Every strategy's report, with a bar on stderr where that is a terminal."""
    reports = []
    with progress_bar("simulating", len(simulation.strategies)) as advance:
        for strategy in simulation.strategies:
            reports.append(json.loads(simulation.run(strategy)))
            advance(1)
    return reports

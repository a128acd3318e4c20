"""What `analyze` is told to assume: its options, and the file that gives each model's traffic.

The assumptions' names and defaults are the core's; an option that is not given is left to it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from router_service.errors import InvalidRequest

_MOST_SEED = 2**64 - 1
_POSITIVE = click.FloatRange(0, min_open=True)
_NOT_NEGATIVE = click.FloatRange(0)
_TOKENS = click.IntRange(0, 2**32 - 1)
_SHARE = click.FloatRange(0, 1)

_Command = TypeVar("_Command", bound=Callable[..., Any])


def assumption_options(command: _Command) -> _Command:
    """Adds them to a command, which takes them as keyword arguments."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


_OPTIONS = (
    click.option(
        "--failed-hop-ms",
        type=_NOT_NEGATIVE,
        help="Time until an attempt at a provider that is down has failed. Default: 2100.",
    ),
    click.option("--prompt-tokens", type=_TOKENS, help="Of a request. Default: 200."),
    click.option("--answer-tokens", type=_TOKENS, help="Of a request. Default: 150."),
    click.option(
        "--requests-per-month",
        type=_NOT_NEGATIVE,
        help="For the monthly cost of fallback. Default: 1000000.",
    ),
    click.option(
        "--fallback-rate",
        type=_SHARE,
        help="Share of the requests that fall back to a priced deployment. Default: 0.03.",
    ),
    click.option(
        "--price",
        "fallback_usd",
        type=_NOT_NEGATIVE,
        help="US dollars for one of those. Default: 0.025.",
    ),
    click.option(
        "--traffic",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE.yaml",
        help="Public models with the weight of each in the traffic. Default: all alike.",
    ),
    click.option(
        "--down",
        metavar="NAME[,NAME]",
        help="Tell what is left while these are down: providers, failure domains, cloud, local.",
    ),
    click.option(
        "--rate",
        "rate_per_s",
        type=_POSITIVE,
        help="Requests a second; tells waits and overload, also with each provider lost in turn.",
    ),
    click.option(
        "--service-s",
        type=_POSITIVE,
        help="Seconds a request holds a slot. Default: the provider's prior time to the first "
        "token, and 20 ms for each further token.",
    ),
    click.option(
        "--utilisation",
        type=click.FloatRange(0, 1, min_open=True),
        help="Share of capacity to stay below, for the capacity needed. Default: 0.7.",
    ),
    click.option(
        "--monte-carlo",
        type=click.IntRange(min=1),
        metavar="N",
        help="Check the exact figures against N drawn states of the fleet.",
    ),
    click.option("--seed", type=click.IntRange(0, _MOST_SEED), help="Of these. Default: 1."),
)


def assumed_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that were given, as the core reads them. Raises ConfigRejected for a traffic
    file that cannot be read, InvalidRequest for one that is no mapping of weights."""
    assumed = {key: value for key, value in options.items() if value is not None}
    if "down" in assumed:
        assumed["down"] = [name.strip() for name in assumed["down"].split(",")]
    if "traffic" in assumed:
        assumed["traffic"] = _weights(assumed["traffic"])
    return assumed


def _weights(path: Path) -> dict[str, float]:
    from router_service.cli.given_file import read_given

    document = read_given(path)
    if not isinstance(document.value, Mapping) or not document.value:
        raise InvalidRequest(f"{path}: write one line for each model, as `llama3.1: 5`")
    weights = {}
    for model, weight in document.value.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float):
            raise InvalidRequest(f"{path}: the weight of {model!r} is no number: {weight!r}")
        weights[model] = float(weight)
    return weights

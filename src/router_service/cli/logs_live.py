"""`logs tail --live`: the decisions of a running router as their requests end. They are shown in
the form of the access log's records, with the same names."""

from __future__ import annotations

import json
from contextlib import suppress
from itertools import islice

import click

from router_service.cli.failures import reported
from router_service.cli.log_file import tell


def show_live(
    address: str,
    api_key_env: str,
    *,
    most: int | None,
    model: str,
    provider: str,
    rule: str,
    fallbacks_only: bool,
    as_json: bool,
) -> None:
    """Until so many were shown, Ctrl-C, or the router stops. Empty texts match all."""
    from router_service.cli.live import admin
    from router_service.logs.lines import decision_line_of, time_of

    with (
        reported(as_json=as_json),
        suppress(KeyboardInterrupt),
        admin(address, api_key_env) as router,
        router.watching(
            model=model, provider=provider, rule=rule, fallbacks_only=fallbacks_only
        ) as decisions,
    ):
        click.echo(f"watching the decisions of {address}; Ctrl-C ends it", err=True)
        for decision in islice(decisions, most):
            shown = {"time": time_of(decision.pop("time_us"))} | decision
            if as_json:
                click.echo(json.dumps(shown, ensure_ascii=False))
                continue
            if missed := shown["missed"]:
                tell(
                    [f"{missed:,} decisions are missing here: they came faster than they were read"]
                )
            click.echo(decision_line_of(shown))

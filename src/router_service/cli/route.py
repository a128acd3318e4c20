"""`route`: explains a decision without carrying it out, by the same code as live traffic.

On a config, the fleet counts as idle and healthy without a state file, and the same seed gives the
same answer. With --address a running router says what it would do now.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import click

from router_service.cli.failures import reported
from router_service.cli.router_option import router_in_place_option
from router_service.cli.routing_option import routing_option
from router_service.cli.state_file import restored
from router_service.errors import InvalidRequest
from router_service.serving.attributes import attributes_from_headers
from router_service.types import RouteQuery

_MOST_PROMPT_BYTES = 64 * 1024 * 1024
_MOST_TOKENS = 2**32 - 1
_MOST_SEED = 2**64 - 1
_EXAMPLES = """
\b
Examples:
  router-service route --model code --prompt "print hello" --max-tokens 50
  router-service route --model chat --header x-priority=high --stream --json
  router-service route --header x-capability=analytical --prompt-file report.txt
  cat report.txt | router-service route --model analytical --prompt-file -
  router-service route --model chat --address 127.0.0.1:50051
  grep -m 1 '"decision_id":"76c5a2c4-d"' decisions.jsonl > record.json
  router-service route --state record.json
"""
_NAME_ONE = "name a --model, or a capability by --header x-capability=NAME"
_OF_A_CONFIG = {"routing": "--config", "state": "--state", "seed": "--seed"}
"""What a running router has of its own."""


@click.command(epilog=_EXAMPLES)
@routing_option
@router_in_place_option
@click.option("--model", default="", help="Model, capability or pool asked for.")
@click.option("--prompt", help="The prompt; - reads it from stdin.")
@click.option(
    "--prompt-file", type=click.Path(path_type=Path), help="File of the prompt; - is stdin."
)
@click.option(
    "--max-tokens", type=click.IntRange(1, _MOST_TOKENS), help="The request's max_tokens."
)
@click.option("--stream", is_flag=True, help="As if the answer were streamed.")
@click.option(
    "--header", "headers", multiple=True, metavar="NAME=VALUE", help="A request header; repeatable."
)
@click.option(
    "--state",
    type=click.Path(path_type=Path),
    help="State to decide on: a snapshot, or a file with one line of a decision log, whose "
    "request, time and seed count then where no others are given.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, _MOST_SEED),
    help="Seed for ties and shares. Default: 0, or that of the line of a decision log.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the decision as JSON.")
@click.pass_context
def route(
    context: click.Context,
    routing: Path | None,
    address: str | None,
    api_key_env: str,
    model: str,
    prompt: str | None,
    prompt_file: Path | None,
    max_tokens: int | None,
    stream: bool,
    headers: tuple[str, ...],
    state: Path | None,
    seed: int | None,
    as_json: bool,
) -> None:
    """Show where a request would go and why.

    That is: rule and strategy, the plan and what each hop costs in quality, every candidate with
    what it was scored by, and the nearest changes that would alter the choice.
    """
    named = _header_map(headers)
    if state is None and not model and not named.get("x-capability"):
        raise click.UsageError(_NAME_ONE)
    if prompt is not None and prompt_file is not None:
        raise click.UsageError("give --prompt or --prompt-file, not both")
    if address is not None:
        _refuse_beside_a_router(context)
    with reported(as_json=as_json):
        text = _prompt_text(prompt, prompt_file)
        if address is not None:
            from router_service.cli import live

            decision = live.explain(
                address,
                api_key_env,
                named,
                model=model,
                prompt=text,
                max_tokens=max_tokens,
                stream=stream,
            )
        else:
            query = _query(model, named, text, max_tokens, stream=stream)
            decision = _explain(routing, query, state, seed)
        if as_json:
            click.echo(json.dumps(decision, indent=2, ensure_ascii=False))
        else:
            from router_service.cli.decision_table import print_decision

            print_decision(decision)


def _refuse_beside_a_router(context: click.Context) -> None:
    for name, option in _OF_A_CONFIG.items():
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(
                f"give --address or {option}, not both: a running router has its own config, "
                "state and seeds"
            )


def _query(
    model: str, headers: dict[str, str], prompt: str, max_tokens: int | None, *, stream: bool
) -> RouteQuery:
    return RouteQuery(
        face="cli",
        model=model,
        attributes=attributes_from_headers(headers),
        headers=headers,
        principal="cli",
        request_id="cli",
        prompt=prompt,
        max_tokens=max_tokens,
        stream=stream,
    )


def _explain(
    routing: Path | None, query: RouteQuery, state: Path | None, seed: int | None
) -> dict[str, Any]:
    from router_service.config.reference import REFERENCE_CONFIG
    from router_service.config.routing import load_table
    from router_service.core import Router, now_us
    from router_service.serving.facts import facts_of_query

    table = load_table(routing or REFERENCE_CONFIG)
    router = Router(table, "cli")
    recorded = None if state is None else restored(router, state)
    if query.model or query.attributes.capability:
        facts = asyncio.run(facts_of_query(table, query))
    elif recorded is not None:
        facts = recorded.facts
    else:
        raise click.UsageError(_NAME_ONE)
    at = now_us() if recorded is None else recorded.now_us
    if seed is None:
        seed = 0 if recorded is None else recorded.seed
    decision: dict[str, Any] = json.loads(router.explain(facts, at, seed))
    return decision


def _header_map(headers: tuple[str, ...]) -> dict[str, str]:
    """Lower-cased names to values; the last of a name counts."""
    named: dict[str, str] = {}
    for header in headers:
        name, equals, value = header.partition("=")
        if not equals or not name.strip():
            raise click.BadParameter(
                f"{header!r} is not NAME=VALUE, as in x-priority=high", param_hint="--header"
            )
        named[name.strip().lower()] = value.strip()
    return named


def _prompt_text(prompt: str | None, file: Path | None) -> str:
    """The prompt wherever it was given. Raises OSError or InvalidRequest."""
    if file is None and prompt != "-":
        return prompt or ""
    if file is None or str(file) == "-":
        source, raw = "stdin", sys.stdin.buffer.read(_MOST_PROMPT_BYTES + 1)
    else:
        source = str(file)
        with file.open("rb") as opened:
            raw = opened.read(_MOST_PROMPT_BYTES + 1)
    if len(raw) > _MOST_PROMPT_BYTES:
        raise InvalidRequest(f"{source}: a prompt is at most {_MOST_PROMPT_BYTES:,} bytes")
    try:
        return raw.decode()
    except UnicodeDecodeError as problem:
        raise InvalidRequest(f"{source}: byte {problem.start} is not UTF-8; save it so") from None
